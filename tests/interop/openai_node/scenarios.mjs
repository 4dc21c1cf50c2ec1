// What OpenAI's package for Node.js, unmodified, makes of this server. Prints one JSON object.
//   node scenarios.mjs BASE_URL FILE PCM    (FILE: any recording; PCM: the same as PCM16, mono, 24 kHz)
import fs from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [baseURL, file, pcmFile] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "key", maxRetries: 0 });
const pcm = fs.readFileSync(pcmFile);
const PART_BYTES = 9_600;

function* parts() {
  for (let start = 0; start < pcm.length; start += PART_BYTES) {
    yield pcm.subarray(start, start + PART_BYTES).toString("base64");
  }
}

async function refusal(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { status: error.status, code: error.code, param: error.param, type: error.constructor.name };
  }
}

// A browser's WebSocket with a client secret in a subprotocol; the package has no path for translations yet.
async function translation() {
  const made = await client.post("/realtime/translations/client_secrets", {
    body: { session: { model: "gpt-realtime-translate", audio: { output: { language: "es" } } } },
  });
  const page = new OpenAI({ baseURL, apiKey: made.value });
  const toTranslations = (url) => (url.pathname += "/translations");
  const connection = new OpenAIRealtimeWebSocket({ model: "gpt-realtime-translate", onURL: toTranslations }, page);
  const events = [];
  connection.on("event", (event) => events.push(event));
  connection.on("error", () => {});
  const closed = new Promise((resolve) => connection.socket.addEventListener("close", resolve));
  await new Promise((resolve) => connection.on("session.created", resolve));
  for (const audio of parts()) connection.send({ type: "session.input_audio_buffer.append", audio });
  connection.send({ type: "session.close" });
  const { code } = await closed;
  const of = (type) => events.filter((event) => event.type === type);
  const speech = of("session.output_audio.delta").map((event) => Buffer.from(event.delta, "base64"));
  return {
    code,
    protocol: connection.socket.protocol,
    kinds: [...new Set(events.map((event) => event.type))],
    text: of("session.output_transcript.delta").map((event) => event.delta).join(""),
    speech_bytes: Buffer.concat(speech).length,
  };
}

async function transcription() {
  const connection = new OpenAIRealtimeWS({ model: "gpt-4o-transcribe" }, client);
  const errors = [];
  connection.on("error", (error) => errors.push(error.message));
  await new Promise((resolve) => connection.on("session.created", resolve));
  const input = {
    transcription: { model: "gpt-4o-transcribe", language: "en" },
    turn_detection: null,
  };
  connection.send({ type: "session.update", session: { type: "transcription", audio: { input } } });
  await new Promise((resolve) => connection.on("session.updated", resolve));
  for (const audio of parts()) connection.send({ type: "input_audio_buffer.append", audio });
  connection.send({ type: "input_audio_buffer.commit" });
  const completed = await new Promise((resolve) =>
    connection.on("conversation.item.input_audio_transcription.completed", resolve),
  );
  connection.close();
  return { transcript: completed.transcript, errors };
}

async function streamed() {
  const stream = await client.audio.transcriptions.create({
    model: "gpt-4o-transcribe", file: fs.createReadStream(file), language: "en", stream: true,
  });
  const events = [];
  for await (const event of stream) events.push(event);
  return { kinds: [...new Set(events.map((event) => event.type))], text: events.at(-1).text };
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);
const into = (extra) =>
  client.audio.translations.create({ model: "whisper-1", file: fs.createReadStream(file), ...extra });
const results = {
  models,
  translated: (await into({ target_language: "es" })).text,
  subtitles: await into({ target_language: "es", response_format: "vtt" }),
  wrong_format: await refusal(into({ response_format: "docx" })),
  unknown_model: await refusal(client.models.retrieve("nothing")),
  streamed: await streamed(),
  translation: await translation(),
  transcription: await transcription(),
};
console.log(JSON.stringify(results));
process.exit(0);
