// What Google's package for JavaScript, unmodified, makes of this server. Prints one JSON object.
//   node scenarios.mjs BASE_URL PCM    (PCM: a recording as PCM16, mono, 16 kHz)
import fs from "node:fs";
import { GoogleGenAI, Modality } from "@google/genai";

const [baseUrl, pcmFile] = process.argv.slice(2);
const client = new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl } });
const pcm = fs.readFileSync(pcmFile);
const PART_BYTES = 3_200;
const model = "gemini-3.5-live-translate-preview";
const config = {
  responseModalities: [Modality.AUDIO],
  inputAudioTranscription: {},
  outputAudioTranscription: {},
  sessionResumption: {},
  translationConfig: { targetLanguageCode: "es", echoTargetLanguage: true },
};

async function translated(more = {}) {
  const messages = [];
  let complete;
  const turn = new Promise((resolve) => (complete = resolve));
  const onmessage = (message) => {
    messages.push(message);
    if (message.serverContent?.turnComplete) complete();
  };
  const session = await client.live.connect({ model, config: { ...config, ...more }, callbacks: { onmessage } });
  for (let start = 0; start < pcm.length; start += PART_BYTES) {
    const data = pcm.subarray(start, start + PART_BYTES).toString("base64");
    session.sendRealtimeInput({ audio: { data, mimeType: "audio/pcm;rate=16000" } });
  }
  session.sendRealtimeInput({ audioStreamEnd: true });
  await turn;
  session.close();
  const contents = messages.map((message) => message.serverContent ?? {});
  const handles = messages.map((message) => message.sessionResumptionUpdate?.newHandle).filter(Boolean);
  return {
    said: contents.map((content) => content.inputTranscription?.text ?? "").join(""),
    translated: contents.map((content) => content.outputTranscription?.text ?? "").join(""),
    speech_bytes: messages.map((message) => Buffer.from(message.data ?? "", "base64").length).reduce((a, b) => a + b),
    handle: handles.at(-1),
  };
}

async function refusal(more) {
  try {
    await client.live.connect({ model, config: { ...config, ...more }, callbacks: { onmessage() {} } });
    return null;
  } catch (error) {
    return error.message;
  }
}

const first = await translated();
const resumed = await translated({ sessionResumption: { handle: first.handle } });
const refused = await refusal({ tools: [{ functionDeclarations: [{ name: "turn_on_the_lights" }] }] });
console.log(JSON.stringify({ first, resumed, refused }));
process.exit(0);
