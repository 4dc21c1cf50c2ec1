"""Requests to the engine, which answers with ``engine.events``. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from translate_svc.engine.plan import SourcePlace
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import HypothesisOptions
from translate_svc.heard_language import LanguageQuestion
from translate_svc.types import Samples, Term


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text to translate and its language (a Seamless code)."""

    text: str
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One utterance: 16 kHz mono float32 samples, or a text; encoded once for all ``sequences``.

    ``source_times`` asks for each token's time in the source, at the cost of one attention read per step. A
    text has no times: for a text the flag is ignored, and every ``source_ms`` is None.

    ``caller``: any name of the caller. ``FairQueue`` shares the engine fairly between callers.

    ``question``: asks which language is spoken. Sequences may depend on it.

    ``terms``: where the source says one, the translations into its language (a Seamless code) contain its
    words. ``transcript``: the index of the sequence whose text says what the source says. Terms of speech
    and translations through the transcript need it; it has neither itself. Their texts are delivered when
    that one has ended.
    """

    request_id: str
    source: Samples | SourceText
    sequences: tuple[SequenceSpec, ...]
    source_times: bool = False
    caller: str = ""
    question: LanguageQuestion | None = None
    terms: tuple[Term, ...] = ()
    transcript: int | None = None

    @property
    def is_final(self) -> bool:
        """Whether no later request adds to the same utterance."""
        return True

    @property
    def source_language(self) -> str | None:
        """The language of a source text; None for speech of an unknown language."""
        return self.source.language if isinstance(self.source, SourceText) else None

    @property
    def allows_given_texts(self) -> bool:
        """Whether its sequences may be texts that are given, to be scored."""
        return True

    @property
    def allows_beams(self) -> bool:
        """Whether its texts may be found by beam search."""
        return True

    @property
    def new_samples(self) -> int:
        """Number of samples that no earlier request had; 0 for a text."""
        return 0 if isinstance(self.source, SourceText) else len(self.source)

    @property
    def source_place(self) -> SourcePlace | None:
        """Where the source lies in its utterance, if that is still growing."""
        return None


@dataclass(frozen=True, slots=True, eq=False)
class HypothesisRequest(Request):
    """A request whose samples are a buffer of an utterance that is still being spoken, or the last buffer.

    The events of a sequence are ``HypothesisDecided``, one ``TokenDecoded`` for each committed token,
    ``TextFinished`` if the hypothesis is final, the speech of the committed tokens, ``SpeechCarriedOver`` if
    it is not final, and ``SequenceFinished``.
    """

    hypothesis: HypothesisOptions = field(kw_only=True)

    @property
    def is_final(self) -> bool:
        """Whether the utterance has ended."""
        return self.hypothesis.is_final

    @property
    def allows_given_texts(self) -> bool:
        """A growing text is decoded, never given."""
        return False

    @property
    def allows_beams(self) -> bool:
        """A growing text is decoded greedily."""
        return False

    @property
    def new_samples(self) -> int:
        """Number of samples at the end of the buffer that no earlier hypothesis had."""
        return self.hypothesis.new_samples

    @property
    def source_place(self) -> SourcePlace:
        """Where the buffer lies in the utterance."""
        options = self.hypothesis
        return SourcePlace(options.utterance_id, options.start_sample, options.is_final)
