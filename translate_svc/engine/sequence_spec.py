"""What a request asks for in one target language. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from translate_svc.heard_language import HeardLanguage

HEARD = ""
"""In place of a language: the one that is heard."""


@dataclass(frozen=True, slots=True)
class TextGuards:
    """Which guards check a text; ``engine.text.guards`` and ``engine.text.scripts`` implement them.

    All are off by default. Then the text is what the model decodes greedily, to its end or the token limit.
    """

    repetition_stop: bool = False
    length_stop: bool = False
    script_check: bool = False


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """One target language of a request (the transcript is the source language as a target).

    ``duration_factor`` multiplies the predicted durations of its speech. ``pause_factor`` (at most 1)
    multiplies those of the pauses once more: speech that catches up gives up silence before it hurries words.

    ``given_token_ids``: the tokens of a text, without prompt and end. If there are any, nothing is decoded:
    the model says in one pass how probable this text is as a translation (``TextScored``). With ``speech``
    it is spoken: its tokens are delivered as those of any text.
    ``given_text``: the same, as a text that the engine makes tokens of.

    ``num_beams``: above 1, the text is found by beam search (``engine.text.beam_search``), and takes as many
    slots. ``length_penalty``: the exponent of the length by which beams' scores are divided.
    ``alternatives``: the best texts that the search found are told in ``AlternativesFound``.

    ``cascade_weight``: above 0, speech is translated in two ways, directly and through its transcript
    (``engine.scheduling.guides.cascade``), and the text with the higher score is taken. The score is the
    log-probability of a text as a translation of the speech, plus this weight times that as a translation of
    the transcript; 1 at least where each token of the transcript has a probability of 0.7.

    ``retries``: the transcript of speech, if it has a token below 0.7, is made again of the speech at so many
    of ``models.checkpoint.cascade_options.RETRY_SPEEDS``, and the likeliest text is taken
    (``engine.scheduling.guides.retry_guide``).

    ``hidden``: the text is for other sequences of the request alone. Its tokens are counted for nobody.

    ``source_language``: of the speech, a Seamless code; None if it is not known. ``timestamps``: the model
    writes tokens that say when the words beside them are spoken.

    ``not_from``: it is not made of speech in these languages. ``unspoken_from``: of speech in these it is not
    spoken. The language may be ``HEARD``: the one that is heard.
    """

    language: str
    speech: bool = False
    speaker_id: int = 0
    duration_factor: float = 1.0
    guards: TextGuards = TextGuards()
    pause_factor: float = 1.0
    given_token_ids: tuple[int, ...] = ()
    given_text: str = ""
    num_beams: int = 1
    length_penalty: float = 1.0
    alternatives: bool = False
    cascade_weight: float = 0.0
    retries: int = 0
    hidden: bool = False
    source_language: str | None = None
    timestamps: bool = False
    not_from: tuple[str, ...] = ()
    unspoken_from: tuple[str, ...] = ()

    @property
    def depends_on_source(self) -> bool:
        """Whether it depends on the language that is heard."""
        return self.language == HEARD or bool(self.not_from or self.unspoken_from)

    def resolved(self, heard: HeardLanguage) -> SequenceSpec | None:
        """What is made of speech in the language that was heard; None if nothing is.

        What is not made, or not spoken, of a language that is still possible waits: half a sentence would be
        told that should not be. For a guess nothing is left out.
        """
        language = heard.language
        if language is None and self.language == HEARD:
            return None
        known = None if heard.is_guess else language
        if known in self.not_from or not {*self.not_from, *self.unspoken_from}.isdisjoint(heard.possible):
            return None
        found = self if language is None else replace(self, source_language=language)
        if self.language == HEARD and language is not None:
            return replace(found, language=language)
        return replace(found, speech=False) if known in self.unspoken_from else found

    @property
    def slots(self) -> int:
        """Number of slots that it takes while its text is decoded."""
        return 1 if self.is_given else self.num_beams

    @property
    def is_given(self) -> bool:
        """Whether its text is given, to be scored or to be spoken."""
        return bool(self.given_token_ids or self.given_text)

    @property
    def is_scored(self) -> bool:
        """Whether its text is given, and only scored."""
        return self.is_given and not self.speech
