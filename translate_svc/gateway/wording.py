"""Errors as sentences. Clients of OpenAI's protocol print ``message`` alone, without ``param``."""

from __future__ import annotations

import re

_PREDICATE = re.compile(
    r"(must|may|is|are|was|were|has|have|holds|needs|names|cannot|changes|came|comes|belongs|carries|does|answers)\b"
)
"""How a description begins whose subject is the field at fault."""

_OUR_NAMES = (
    ("ListLanguages tells which are", "see GET /v1/models"),
    ("source_language", "source language"),
)
"""What descriptions call by its name in the contract of gRPC, and what callers over HTTP know."""


def sentence(description: str, field: str) -> str:
    """A whole sentence of an error's description. It names ``field``, unless that is empty."""
    description = _in_their_names(description)
    if field and _PREDICATE.match(description):
        description = f"`{field}` {description}"
    else:
        description = description[:1].upper() + description[1:]
        if field:
            description = f"{description.rstrip('.')} (`{field}`)"
    return description if description.endswith((".", "!", "?")) else f"{description}."


def reason(description: str, field: str) -> str:
    """The same in few words, as a WebSocket's close frame has room for: a description and its field."""
    return f"{field} {_in_their_names(description)}".strip()


def _in_their_names(description: str) -> str:
    for ours, theirs in _OUR_NAMES:
        description = description.replace(ours, theirs)
    return description
