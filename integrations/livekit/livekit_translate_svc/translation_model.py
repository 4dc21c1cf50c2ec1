"""The ``TranslationModel`` of LiveKit Agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from livekit.agents.beta.translation import TranslationCapabilities, TranslationModel

from livekit_translate_svc.session import TranslateSvcSession

INCLUDE = ("speech_activity", "utterances")
"""The server's own events that a session needs beside OpenAI's: turns, and ends of utterances."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is, and how patiently it is asked.

    Attributes:
        base_url: address of ``translate-svc serve --http``, with or without ``/v1``.
        api_key: an API key or client secret; empty: the server asks for none.
        max_retries: attempts after a lost connection, before the session gives up. A connection that worked
            starts the count anew.
        retry_interval_s: before the first of them; each further one waits twice as long.
    """

    base_url: str = "http://127.0.0.1:8080"
    api_key: str = ""
    max_retries: int = 5
    retry_interval_s: float = 0.2

    @property
    def url(self) -> str:
        """Where sessions are opened."""
        return self.base_url.rstrip("/").removesuffix("/v1") + "/v1/realtime/translations"


class TranslateSvcModel(TranslationModel):
    """Translates with a translate-svc of your own.

    With a source language it has all capabilities; with ``"auto"`` too, where the server's checkpoint can
    tell languages. Without one it has no input transcription.
    """

    def __init__(
        self,
        *,
        target_language: str,
        source_language: str | None = None,
        between: tuple[str, str] | None = None,
        simultaneous: bool | None = None,
        speaker_id: int | None = None,
        connection: Connection = Connection(),
    ) -> None:
        """
        Args:
            target_language: BCP-47 tag of the language to speak.
            source_language: BCP-47 tag of the language that is heard; ``"auto"``: the server finds it out.
            between: BCP-47 tags of the languages of two people who speak in turns: each utterance goes into
                the other one. ``target_language`` is one of them, and ``source_language`` is found out.
            simultaneous: translate while somebody speaks, or after each utterance. None: as the server's
                checkpoint can.
            speaker_id: a voice of the target language, as ``GET /v1/models`` lists them.
            connection: the server.
        """
        if between is not None and (source_language is not None or target_language not in between):
            raise ValueError(
                "between has target_language as one of its two, and no source_language beside it"
            )
        source_language = "auto" if between else source_language
        super().__init__(
            capabilities=TranslationCapabilities(
                input_transcription=source_language is not None,
                output_transcription=True,
                turn_reporting=True,
                output_segmentation=True,
                retargetable=between is None,
            ),
            target_language=target_language,
            source_language=source_language,
        )
        self.connection = connection
        self._between = between
        self._simultaneous = simultaneous
        self._speaker_id = speaker_id
        self._sessions: WeakSet[TranslateSvcSession] = WeakSet()

    @property
    def provider(self) -> str:
        """Implements ``TranslationModel.provider``."""
        return "translate-svc"

    def session(self) -> TranslateSvcSession:
        """Implements ``TranslationModel.session``."""
        session = TranslateSvcSession(self, self.connection, self._settings())
        self._sessions.add(session)
        return session

    async def aclose(self) -> None:
        """Closes all sessions."""
        for session in tuple(self._sessions):
            await session.aclose()

    def _settings(self) -> dict[str, Any]:
        """The settings of a new session, as ``session.update`` takes them."""
        source: dict[str, Any] = {}
        if self._between is not None:
            transcription = {"model": "translate-svc"}
            source = {"language": "auto", "candidates": list(self._between), "transcription": transcription}
        elif self.source_language is not None:
            transcription = {"model": "translate-svc", "language": self.source_language}
            source = {"language": self.source_language, "transcription": transcription}
        output: dict[str, Any] = {"language": self.target_language}
        if self._speaker_id is not None:
            output["speaker_id"] = self._speaker_id
        if self._between is not None:
            others = [{"language": each} for each in self._between if each != self.target_language]
            output["targets"] = [dict(output), *others]
        settings: dict[str, Any] = {"audio": {"input": source, "output": output}, "include": list(INCLUDE)}
        if self._simultaneous is not None:
            settings["simultaneous"] = {} if self._simultaneous else None
        return settings
