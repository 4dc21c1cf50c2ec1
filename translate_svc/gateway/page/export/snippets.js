/** Programs that do what the page does. They read `said.wav`, which the page offers beside them. */

import { httpUrl, socketUrl } from "../session/server.js";

const EVENTS_OF_THE_SDK = ["logprobs"]; // other includes add event types, which OpenAI's SDK does not know
const SHORT = 76; // characters

/** A program each: {name, text}. `settings`: the `session` object of the session. */
export function snippets(model, settings) {
  const session = { ...settings, include: settings.include.filter((name) => EVENTS_OF_THE_SDK.includes(name)) };
  return [
    { name: "Python", text: python(model, session) },
    { name: "JavaScript", text: javascript(model, session) },
    { name: "grpcurl", text: grpcurl(settings) },
    { name: "Command", text: command(settings) },
  ];
}

function python(model, session) {
  return `# pip install "openai[realtime]"; said.wav: 24 kHz, mono, 16 bits
import asyncio
import base64
import os
import wave

from openai import AsyncOpenAI

SESSION = ${pythonLiteral(session)}


async def main() -> None:
    client = AsyncOpenAI(base_url="${httpUrl("v1")}", api_key=os.environ.get("API_KEY", "none"))
    async with client.realtime.translations.connect(model="${model}") as connection:
        await connection.session.update(session=SESSION)

        async def speak() -> None:
            with wave.open("said.wav") as file:
                while part := file.readframes(4_800):  # 200 ms
                    await connection.session.input_audio_buffer.append(audio=base64.b64encode(part).decode())
            await connection.session.close()

        speaking = asyncio.create_task(speak())
        async for event in connection:
            if event.type == "session.output_transcript.delta":
                print(event.language, event.delta)
            elif event.type == "error":
                print(event.error.message)
        await speaking


asyncio.run(main())
`;
}

function javascript(model, session) {
  return `// Node.js 22 or newer, or a page; said.wav: 24 kHz, mono, 16 bits
import { readFile } from "node:fs/promises";

const SESSION = ${json(session, 2)};
const PART_BYTES = 9_600; // 200 ms
const WAV_HEADER_BYTES = 44;

const audio = (await readFile("said.wav")).subarray(WAV_HEADER_BYTES);
const socket = new WebSocket("${socketUrl(`v1/realtime/translations?model=${encodeURIComponent(model)}`)}", [
  "realtime",
  \`openai-insecure-api-key.\${process.env.API_KEY ?? "none"}\`,
]);
const send = (type, fields) => socket.send(JSON.stringify({ type, ...fields }));

socket.onopen = () => {
  send("session.update", { session: SESSION });
  for (let at = 0; at < audio.length; at += PART_BYTES) {
    send("session.input_audio_buffer.append", { audio: audio.subarray(at, at + PART_BYTES).toString("base64") });
  }
  send("session.close");
};
socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "session.output_transcript.delta") console.log(event.language, event.delta);
  if (event.type === "error") console.error(event.error.message);
};
`;
}

function grpcurl(settings) {
  const inspect = { logprobs: "INSPECT_TOKENS", units: "INSPECT_UNITS", timings: "INSPECT_TIMINGS", drafts: "INSPECT_DRAFTS" };
  const { language: source, candidates } = settings.audio.input;
  const pcm = { encoding: "ENCODING_PCM_S16LE", sampleRateHz: 24000 };
  const include = settings.include.map((name) => inspect[name]).filter(Boolean);
  const config = {
    input: pcm,
    output: pcm,
    settings: {
      targets: settings.audio.output.targets,
      ...(source ? { sourceLanguage: source } : {}),
      ...(candidates.length ? { sourceCandidates: candidates, echo: "ECHO_SILENT" } : {}),
      include: source ? ["INSPECT_TRANSCRIPT", ...include] : include,
      ...(settings.simultaneous ? { simultaneous: settings.simultaneous } : {}),
    },
  };
  return `# The server's gRPC address (--port); with keys: -H "authorization: Bearer $API_KEY". said.wav: 24 kHz, mono, 16 bits
{
  cat <<'EOF'
${json({ config }, 2)}
EOF
  tail -c +45 said.wav | base64 -w 12800 | sed 's/.*/{"audio": {"data": "&"}}/'
} | grpcurl -plaintext -d @ ${location.hostname}:50051 translate_svc.v1.SpeechTranslation/StreamingTranslate
`;
}

function command(settings) {
  const { language: source, candidates } = settings.audio.input;
  const targets = settings.audio.output.targets.map(({ language }) => language).join(",");
  const known = [...(source ? ["--from", source, "--transcript"] : []), "--to", targets];
  const flags = [
    ...(candidates.length ? ["--between", candidates.join(","), "--transcript"] : known),
    ...(settings.simultaneous ? ["--simultaneous"] : []),
  ];
  return `# pip install translate-svc. The server's gRPC address (--port); with keys: --api-key-file FILE
translate-svc translate said.wav ${flags.join(" ")} --server ${location.hostname}:50051
`;
}

function pythonLiteral(value) {
  const constants = { true: "True", false: "False", null: "None" };
  return json(value, 4).replace(/"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g, (word) => constants[word] ?? word);
}

/** JSON, with each short part in one line. */
function json(value, indent, depth = 0) {
  const flat = JSON.stringify(value, null, 1).replace(/([[{]?)\n *([\]}]?)/g, (_, open, close) => (open || close ? open + close : " "));
  if (flat.length <= SHORT || typeof value !== "object") return flat;
  const pad = " ".repeat(indent * depth);
  const inner = " ".repeat(indent * (depth + 1));
  const parts = Array.isArray(value)
    ? value.map((part) => json(part, indent, depth + 1))
    : Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${json(part, indent, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.map((part) => `${inner}${part}`).join(",\n")}\n${pad}${close}`;
}
