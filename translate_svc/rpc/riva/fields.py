"""Fields of Riva's messages: those that are not served, and their names in errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from google.protobuf.message import Message

from translate_svc.errors import InvalidArgument, Unsupported


def refuse_others(message: Message, known: Collection[str], path: str = "") -> None:
    """Raises InvalidArgument if a field of ``message`` is set that is not ``known``.

    ``path``: of the message, for the error's field; empty for a request itself.
    """
    for field, _ in message.ListFields():
        if field.name not in known:
            raise InvalidArgument("is not served here: leave it out", field=under(path, field.name))


def under(path: str, name: str) -> str:
    """The path of the field ``name`` of the message at ``path``."""
    return f"{path}.{name}" if path else name


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Errors that name a field of our contract name that of Riva's message in its place.

    ``names``: the paths of Riva's by ours. A path stands for all that is inside it.
    """
    try:
        yield
    except (InvalidArgument, Unsupported) as error:
        ours = next((each for each in names if error.field.startswith(each)), None)
        if ours is None:
            raise
        raise type(error)(error.description, field=names[ours]) from None
