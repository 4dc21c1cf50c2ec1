"""An utterance that is translated once, when it has ended."""

from __future__ import annotations

from dataclasses import replace

from translate_svc.engine.events import FinishStatus, WaveformPiece
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.session.utterances.live_utterance import LiveUtterance
from translate_svc.session.utterances.speech_writer import Playout
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples


class WholeUtterance(LiveUtterance):
    """One request, and then those that compare its texts."""

    _text: SourceText | None = None  # that was typed

    def _last_request(
        self, content: Samples | SourceText, sequences: tuple[SequenceSpec, ...], *, source_times: bool
    ) -> Request:
        self._text = content if isinstance(content, SourceText) else None
        terms, transcript = self.settings.settings.terms, self.settings.transcript
        if self._text is not None:
            shown = self._skip_hidden()
            sequences, transcript = tuple(_as_it_is(spec, self._text) for spec in sequences[:shown]), None
        return Request(self.request_id, content, sequences, source_times, terms=terms, transcript=transcript)

    def _skip_hidden(self) -> int:
        """A text is its own transcript. Returns how many sequences are left; a hidden one is the last."""
        shown = [sequence for sequence in self._sequences if not sequence.plan.is_hidden]
        for sequence in self._sequences[len(shown) :]:
            sequence.status = FinishStatus.EMPTY
        return len(shown)

    def _paced(self, index: int, playout: Playout | None, now_s: float) -> SequenceSpec:
        source_s = self._source_samples / INTERNAL_SAMPLE_RATE_HZ
        return self._sequences[index].paced_spec(playout, now_s, source_s)

    def _record_piece(self, event: WaveformPiece) -> None:
        """Nothing depends on it."""

    def plan_comparisons(self) -> None:
        """Compares the texts that the model ended by itself."""
        texts = {
            index: sequence.text.text
            for index, sequence in enumerate(self._sequences)
            if sequence.text is not None and sequence.status is FinishStatus.OK
        }
        self.confidence.plan_comparisons(self.request_id, texts, self._text)


def _as_it_is(spec: SequenceSpec, text: SourceText) -> SequenceSpec:
    """A target in the language of the text itself: nothing is translated, and no guard doubts it."""
    spec = replace(spec, cascade_weight=0.0, retries=0)
    if spec.language != text.language:
        return spec
    return replace(spec, given_text=text.text, guards=TextGuards(), alternatives=False)
