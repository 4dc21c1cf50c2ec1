"""A call from Debian's Chromium: its own WebRTC, a microphone that plays a recording."""

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

_CALL = """async (timeoutMs) => {
  const peer = new RTCPeerConnection();
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false } });
  peer.addTrack(microphone.getAudioTracks()[0], microphone);
  const events = peer.createDataChannel("oai-events");
  const result = { texts: "", errors: [], peak: 0, location: "" };
  peer.ontrack = ({ streams }) => {
    const player = new Audio();
    player.srcObject = streams[0]; // without a player Chromium does not decode the track
    player.muted = true;
    player.play();
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 32768 });
    context.createMediaStreamSource(streams[0]).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      result.peak = samples.reduce((a, b) => Math.max(a, Math.abs(b)), result.peak);
    }, 100);
  };
  const done = new Promise((resolve) => {
    setTimeout(resolve, timeoutMs);
    events.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "error") result.errors.push(event.error.message);
      if (event.type === "session.output_transcript.delta") {
        result.texts += event.delta;
        if (event.is_final && result.texts.includes("veinte.")) {
          events.send(JSON.stringify({ type: "session.close" }));
        }
      }
      if (event.type === "session.closed") resolve();
    };
  });
  events.onopen = () => events.send(JSON.stringify({
    type: "session.update", session: { audio: { output: { language: "es" } }, simultaneous: null },
  }));
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await fetch("v1/realtime/translations/calls", {
    method: "POST", body: peer.localDescription.sdp, headers: { "content-type": "application/sdp" },
  });
  result.status = answer.status;
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  await done;
  peer.close();
  return result;
}"""


async def test_a_browser_calls_and_hears_a_translation(starter: GatewayServer, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(ROOT / "tests" / "data" / "demo_eng.flac", dtype="float32")
    silence = np.zeros(4 * rate_hz, np.float32)  # the call takes a moment to connect
    spoken = np.concatenate([silence, samples, silence])
    soundfile.write(tmp_path / "spoken.wav", spoken, rate_hz, subtype="PCM_16")
    microphone = tmp_path / "spoken.wav"
    async with visit(starter.target, microphone=microphone, permissions=["microphone"]) as page:
        result: dict[str, Any] = await page.page.evaluate(_CALL, TIMEOUT_MS)
    assert (result["status"], result["errors"]) == (201, [])
    assert "La reunión es el lunes a las cinco y veinte." in result["texts"]
    assert result["peak"] > 0.05
