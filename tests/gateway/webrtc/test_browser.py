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

_CALL = """async ([timeoutMs, restarts]) => {
  const peer = new RTCPeerConnection();
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false } });
  peer.addTrack(microphone.getAudioTracks()[0], microphone);
  const events = peer.createDataChannel("oai-events");
  const result = { texts: "", errors: [], peak: 0, answers: [], sessions: 0, before: "", after: "" };
  async function negotiate() {
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await fetch("v1/realtime/translations/calls", {
      method: "POST", body: peer.localDescription.sdp, headers: { "content-type": "application/sdp" },
    });
    result.answers.push([answer.status, answer.headers.get("location")]);
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }
  async function way() {
    const stats = [...(await peer.getStats()).values()];
    const pair = stats.find((each) => each.type === "transport")?.selectedCandidatePairId;
    return stats.find((each) => each.id === pair)?.remoteCandidateId;
  }
  async function restart() {
    result.before = await way();
    peer.restartIce();
    await negotiate();
    while ((result.after = await way()) === result.before) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
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
      if (event.type === "session.created") result.sessions += 1;
      if (event.type === "error") result.errors.push(event.error.message);
      if (event.type === "session.output_transcript.delta") {
        result.texts += event.delta;
        if (event.is_final && restarts && result.answers.length === 1) restart();
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
  await negotiate();
  await done;
  peer.close();
  return result;
}"""


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_browser_calls_and_hears_a_translation(
    starter: GatewayServer, tmp_path: Path, restarts: bool
) -> None:
    """Also if it restarts ICE between two sentences, as a page does when its network has changed."""
    samples, rate_hz = soundfile.read(ROOT / "tests" / "data" / "demo_eng.flac", dtype="float32")
    silence = np.zeros(4 * rate_hz, np.float32)  # the call takes a moment to connect
    spoken = np.concatenate([silence, samples, silence])
    soundfile.write(tmp_path / "spoken.wav", spoken, rate_hz, subtype="PCM_16")
    microphone = tmp_path / "spoken.wav"
    async with visit(starter.target, microphone=microphone, permissions=["microphone"]) as page:
        result: dict[str, Any] = await page.page.evaluate(_CALL, [TIMEOUT_MS, restarts])
    statuses, locations = zip(*result["answers"], strict=True)
    assert (statuses, result["errors"]) == ((201, 200) if restarts else (201,), [])
    assert (len({*locations}), result["sessions"]) == (1, 1)
    assert (result["before"] != result["after"]) == restarts
    assert "Mi mujer va a llamar a mi vecino esta noche." in result["texts"]
    assert "La reunión es el lunes a las cinco y veinte." in result["texts"]
    assert result["peak"] > 0.05
