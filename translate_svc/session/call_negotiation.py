"""Checks a Translate call and fills in its defaults. Field paths are those of ``TranslateRequest``."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from translate_svc.audio.codecs.table import codec_of
from translate_svc.audio.formats import check_input_format, check_output_format
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.options import SessionOptions
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.settings.term_options import negotiate_terms
from translate_svc.types import AUTO, AudioClip, Inspect, StreamSettings, TranslateRequest

_SPACES = "\t\n\v\f\r\x85"
"""Control characters that the tokenizer treats as white space."""

_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Unicode categories of controls, formats and separators."""


@dataclass(frozen=True, slots=True)
class CallNegotiator:
    """Checks a Translate call by the rules of a stream and by the size limits of one message."""

    streams: Negotiator
    options: SessionOptions

    def negotiate(self, call: TranslateRequest) -> tuple[TranslateRequest, Negotiated]:
        """Returns the call with every default filled in, and its negotiated settings.

        Only the format and the size of a clip are checked here. ``read_clip`` checks its content.

        Raises:
            InvalidArgument: as ``Negotiator.negotiate_settings``. Also: a text without a source language,
                with its source language among the targets that are not spoken, with a transcript, with
                control characters or without a visible character; a clip without audio, or with audio in the
                wrong field. Names the field.
            OutOfRange: as ``Negotiator.negotiate_settings``. Also: a text or a clip larger than the limits.
                Names the field.
            Unsupported: a format that is not served. Names the field.
        """
        check_output_format(call.output, field="output")
        if isinstance(call.source, AudioClip):
            self._check_clip(call.source)
            wanted = _as_stream(call, call.source_language)
            settled = self.streams.negotiate_settings(wanted, "")
        else:
            self._check_text(call.source)
            settled = self._settle_text(call)
        settings = settled.settings
        call = replace(
            call,
            targets=settings.targets,
            source_language=settings.source_language,
            source_candidates=settings.source_candidates,
            terms=settings.terms,
        )
        return call, settled

    def _check_clip(self, clip: AudioClip) -> None:
        check_input_format(clip.format, field="clip.format")
        sizes_bytes = {"data": len(clip.data), "packets": sum(map(len, clip.packets))}
        used = codec_of(clip.format).framing.field_name
        unused = "data" if used == "packets" else "packets"
        if sizes_bytes[unused]:
            raise InvalidArgument(f"must be empty: this encoding takes {used}", field=f"clip.{unused}")
        if not sizes_bytes[used]:
            raise InvalidArgument("holds no audio", field=f"clip.{used}")
        if sizes_bytes[used] > self.options.max_clip_bytes:
            raise OutOfRange(f"holds more than {self.options.max_clip_bytes} bytes", field=f"clip.{used}")

    def _check_text(self, text: str) -> None:
        if not self.streams.languages.reads_text:
            raise InvalidArgument("is not read by this model, which takes speech alone", field="text")
        limit = self.options.max_text_characters
        if len(text) > limit:
            raise OutOfRange(f"has more than {limit} characters", field="text")
        for index, character in enumerate(text):
            if unicodedata.category(character) == "Cc" and character not in _SPACES:
                raise InvalidArgument(f"holds a control character at position {index}", field="text")
        if all(unicodedata.category(character) in _INVISIBLE for character in text):
            raise InvalidArgument("holds no visible character", field="text")

    def _settle_text(self, call: TranslateRequest) -> Negotiated:
        if Inspect.TRANSCRIPT in call.include:
            raise InvalidArgument("a text is its own transcript", field="include")
        if not call.source_language:
            raise InvalidArgument("is required for a text", field="source_language")
        if call.source_language.lower() == AUTO:
            raise InvalidArgument("must be named for a text: it is told by sound", field="source_language")
        source = self.streams.languages.resolve(call.source_language, "source_language")
        if not source.text:
            raise InvalidArgument("is understood as speech only, not as text", field="source_language")
        streams = self.streams
        terms = negotiate_terms(call.terms, streams.languages, streams.characters, "terms")
        settled = streams.negotiate_settings(replace(_as_stream(call, None), terms=()), "")
        for index, target in enumerate(settled.settings.targets):
            if target.language == source.code and not target.speech:
                raise InvalidArgument(
                    "is the language of the text itself", field=f"targets[{index}].language"
                )
        return replace(settled, settings=replace(settled.settings, source_language=source.code, terms=terms))


def _as_stream(call: TranslateRequest, source_language: str | None) -> StreamSettings:
    return StreamSettings(
        call.targets,
        source_language,
        call.include,
        guards=call.guards,
        beam_search=call.beam_search,
        source_candidates=call.source_candidates,
        echo=call.echo,
        terms=call.terms,
    )
