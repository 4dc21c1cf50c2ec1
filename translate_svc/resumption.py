"""Lets streams continue at their last commit point: issues resume tokens and takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from translate_svc.access.resume_tokens import ResumeTokens, TokenBinding
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.session.resume_point import ResumePoint, format_digest
from translate_svc.session.session import Session
from translate_svc.types import Caller, ModelInfo, StreamConfig


class Resumption:
    """Binds tokens to the caller and to the formats of a stream, and kept text to the model."""

    def __init__(self, tokens: ResumeTokens, model: ModelInfo) -> None:
        self._tokens = tokens
        self._model = f"{model.name}@{model.revision}"

    def restore(self, config: StreamConfig, caller: Caller) -> ResumePoint | None:
        """The point at which ``config`` resumes a stream; None if it opens a new one.

        Raises:
            InvalidArgument: the token is not valid, has expired, or belongs to another caller, to other
                formats or to another model; or a field that needs a token has none. Names the field.
            OutOfRange: ``resume_utterance_id`` is that of an earlier utterance. Names the field.
        """
        if config.resume_token:
            state = self._tokens.open(config.resume_token, _binding(config, caller))
            return ResumePoint.restore(state, config, self._model)
        for name in ("resume_from_sample", "resume_utterance_id"):
            if getattr(config, name) is not None:
                raise InvalidArgument("needs resume_token", field=f"config.{name}")
        return None

    def begin(
        self, config: StreamConfig, caller: Caller
    ) -> tuple[StreamConfig, ResumePoint | None, Callable[[ResumePoint], bytes]]:
        """How a stream begins: its configuration, where (None: it is new), and who makes its tokens.

        Raises:
            InvalidArgument, OutOfRange: as ``restore``.
        """
        start = self.restore(config, caller)
        issue_token = self.issuer(config, caller)
        if start is not None:
            config = StreamConfig(config.input, config.output, start.commit.settings)
        return config, start, issue_token

    @staticmethod
    def supersede(start: ResumePoint, sessions: Iterable[object]) -> bool:
        """Ends those of ``sessions`` that belong to the stream which is resumed at ``start``.

        Returns whether there was one.

        Raises:
            InvalidArgument: the stream was resumed from a later token already.
        """
        found = False
        for session in sessions:
            if isinstance(session, Session) and session.live and session.start.stream_id == start.stream_id:
                if session.start.epoch > start.epoch:
                    raise InvalidArgument("the stream was resumed since", field="config.resume_token")
                session.supersede()
                found = True
        return found

    def issuer(self, config: StreamConfig, caller: Caller) -> Callable[[ResumePoint], bytes]:
        """A function that makes the tokens of one stream."""
        binding = _binding(config, caller)

        def issue(point: ResumePoint) -> bytes:
            model = self._model if point.commit.continuation is not None else ""
            return self._tokens.seal(replace(point, model=model).state(), binding)

        return issue


def resume_tokens(settings: Settings) -> ResumeTokens:
    """What seals and opens the resume tokens of a service with these settings.

    Raises:
        InvalidArgument: the file of keys cannot be used.
    """
    resume_keys = Path(settings.resume_keys) if settings.resume_keys else None
    return ResumeTokens(resume_keys, settings.resume_lifetime_s)


def _binding(config: StreamConfig, caller: Caller) -> TokenBinding:
    return TokenBinding(caller.name, format_digest(config.input, config.output))
