"""Which language the source of an utterance is in, as far as it was heard."""

from __future__ import annotations

from translate_svc.heard_language import HeardLanguage
from translate_svc.types import LanguageDetected


class UtteranceLanguage:
    """The language of the source. ``is_asked``: whether the client asks which one it is."""

    def __init__(self, utterance_id: int, *, is_asked: bool) -> None:
        self._utterance_id = utterance_id
        self._is_asked = is_asked
        self._is_sure = self._was_heard = False
        self.code: str | None = None
        """A Seamless code, once one was heard."""
        self.is_guess = False
        """Whether ``code`` was not probable enough."""

    @property
    def answer(self) -> str | None:
        """What the question came to: a code, or empty for none. None: nobody asked, or nobody answered."""
        return (self.code or "") if self._is_asked and self._was_heard else None

    def hear(self, heard: HeardLanguage, *, is_last: bool) -> LanguageDetected | None:
        """Takes which language was heard. Returns the event for it: of the first answer that is a language,
        and of that of the last request.
        """
        self._was_heard = True
        is_first = self.code is None and heard.language is not None
        if is_first:
            self.code, self.is_guess = heard.language, heard.is_guess
        if not (self._is_asked and (is_first or is_last)):
            return None
        if is_first:
            self._is_sure = heard.is_sure
        sure = heard.is_sure and self._is_sure
        return LanguageDetected(self._utterance_id, self.code or "", heard.probability, sure)
