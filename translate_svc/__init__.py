"""Self-hosted speech translation: a server, a client (``translate_svc.client``) and a command."""

from __future__ import annotations

from pathlib import Path


def sample_clip(language: str = "eng") -> Path:
    """A short recording that comes with the package, to try things with.

    Args:
        language: that is spoken: a tag, a code or an English name. There are four:
            ``eng``, ``spa``, ``fra``, ``deu``.

    Raises:
        InvalidArgument: there is none in this language.
    """
    # imported here: importing the package costs nothing
    from translate_svc.errors import InvalidArgument
    from translate_svc.languages import packaged
    from translate_svc.locations import demo_clips

    found = packaged().find(language)
    clip = demo_clips() / f"demo_{'' if found is None else found.code}.flac"
    if not clip.is_file():
        raise InvalidArgument(f"there is no sample in {language!r}", field="language")
    return clip
