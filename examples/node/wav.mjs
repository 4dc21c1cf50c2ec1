// 16-bit mono WAV files.

const HINT = 'ffmpeg -i IN -ac 1 -c:a pcm_s16le OUT.wav makes one';

/** `{sampleRateHz, data}` of the bytes of a WAV file; `data` is little-endian PCM. */
export function readWav(bytes) {
  const tag = (at) => bytes.toString('latin1', at, at + 4);
  if (tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw new Error(`not a WAV file; ${HINT}`);
  let sampleRateHz = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    const body = at + 8;
    if (tag(at) === 'fmt ') {
      const [encoding, channels, bits] = [0, 2, 14].map((offset) => bytes.readUInt16LE(body + offset));
      if (encoding !== 1 || channels !== 1 || bits !== 16) throw new Error(`must be 16-bit mono PCM; ${HINT}`);
      sampleRateHz = bytes.readUInt32LE(body + 4);
    } else if (tag(at) === 'data') {
      return { sampleRateHz, data: bytes.subarray(body, body + size) };
    }
    at = body + size + (size % 2);
  }
  throw new Error('holds no audio');
}

/** The bytes of a WAV file that holds little-endian 16-bit mono PCM. */
export function makeWav(data, sampleRateHz) {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // mono
  header.writeUInt32LE(sampleRateHz, 24);
  header.writeUInt32LE(sampleRateHz * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}
