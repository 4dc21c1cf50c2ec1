/** Samples: 16-bit PCM, floats, base64, WAV. All audio of the protocol is mono at this rate. */

export const RATE_HZ = 24_000;

const BASE64_STEP = 0x8000;

/** Floats in [-1, 1] as 16-bit samples. */
export function toPcm16(floats) {
  const pcm = new Int16Array(floats.length);
  for (let i = 0; i < floats.length; i += 1) {
    pcm[i] = Math.round(Math.max(-1, Math.min(1, floats[i])) * 32767);
  }
  return pcm;
}

/** 16-bit samples as floats. */
export function toFloats(pcm) {
  const floats = new Float32Array(pcm.length);
  for (let i = 0; i < pcm.length; i += 1) floats[i] = pcm[i] / 32768;
  return floats;
}

/** 16-bit samples as base64 of little-endian bytes, which is the order of every browser's machine. */
export function toBase64(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let text = "";
  for (let start = 0; start < bytes.length; start += BASE64_STEP) {
    text += String.fromCharCode(...bytes.subarray(start, start + BASE64_STEP));
  }
  return btoa(text);
}

/** The reverse of `toBase64`. */
export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** The samples of a list of blobs, each of 16-bit PCM. */
export async function pcmOf(blobs) {
  return new Int16Array(await new Blob(blobs).arrayBuffer());
}

/** A WAV file of blobs or arrays of 16-bit PCM. The audio itself is not copied. */
export function wav(parts, rateHz = RATE_HZ) {
  const bytes = parts.reduce((sum, part) => sum + (part.size ?? part.byteLength), 0);
  const header = new DataView(new ArrayBuffer(44));
  const ascii = (at, text) => [...text].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
  ascii(0, "RIFF");
  header.setUint32(4, 36 + bytes, true);
  ascii(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // size of the format chunk
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, rateHz, true);
  header.setUint32(28, rateHz * 2, true);
  header.setUint16(32, 2, true); // bytes a frame
  header.setUint16(34, 16, true); // bits a sample
  ascii(36, "data");
  header.setUint32(40, bytes, true);
  return new Blob([header, ...parts], { type: "audio/wav" });
}
