"""Debian's Chromium speaks over WHIP and listens over WHEP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.gateway.clients import ROOT
from tests.gateway.page.browser import TIMEOUT_MS, needs_chromium, visit
from translate_svc.gateway.server import GatewayServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(200),
    pytest.mark.slow,
    needs_chromium,
]

_ROOM = """async (timeoutMs) => {
  const result = { statuses: [], peak: 0 };
  async function open(peer, path) {
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await fetch(path, {
      method: "POST", body: peer.localDescription.sdp, headers: { "content-type": "application/sdp" },
    });
    result.statuses.push(answer.status);
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    return answer.headers.get("location");
  }
  const speaker = new RTCPeerConnection(), listener = new RTCPeerConnection();
  const heard = new Promise((resolve) => {
    setTimeout(resolve, timeoutMs);
    listener.ontrack = ({ track, streams }) => {
      const stream = streams[0] ?? new MediaStream([track]);
      const player = new Audio();
      player.srcObject = stream;
      player.muted = true;
      player.play();
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: 32768 });
      context.createMediaStreamSource(stream).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        result.peak = samples.reduce((a, b) => Math.max(a, Math.abs(b)), result.peak);
        if (result.peak > 0.1) resolve();
      }, 100);
    };
  });
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false } });
  speaker.addTransceiver(microphone.getAudioTracks()[0], { direction: "sendonly", streams: [microphone] });
  const room = await open(speaker, "v1/whip/stage?target=es&language=en");
  listener.addTransceiver("audio", { direction: "recvonly" });
  await open(listener, "v1/whep/stage?language=es");
  await heard;
  result.statuses.push((await fetch(room, { method: "DELETE" })).status);
  return result;
}"""


async def test_a_page_speaks_and_another_hears_the_translation(
    starter: GatewayServer, tmp_path: Path
) -> None:
    samples, rate_hz = soundfile.read(ROOT / "tests" / "data" / "demo_eng.flac", dtype="float32")
    silence = np.zeros(4 * rate_hz, np.float32)  # the connections take a moment
    microphone = tmp_path / "spoken.wav"
    spoken = np.concatenate([silence, samples, silence])
    soundfile.write(microphone, spoken, rate_hz, subtype="PCM_16")
    async with visit(starter.target, microphone=microphone, permissions=["microphone"]) as page:
        result: dict[str, Any] = await page.page.evaluate(_ROOM, TIMEOUT_MS)
    assert (result["statuses"], result["peak"] > 0.1) == ([201, 201, 200], True)
