"""The further field ``terms`` of sessions and files: words of the caller's own."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.json_object import JsonObject
from translate_svc.types import Term

_FIELDS = tuple(each.name for each in fields(Term))


def read_terms(holder: JsonObject) -> tuple[Term, ...]:
    """The list ``terms`` of an object: objects with ``source`` and, if need be, ``target`` and ``language``.

    Raises:
        InvalidArgument: a field is unknown, missing or no string. Names it.
    """
    made = []
    for wanted in holder.objects("terms"):
        wanted.refuse_unknown(_FIELDS)
        source = wanted.text("source", "")
        if not source:
            raise InvalidArgument("is required", field=wanted.under("source"))
        made.append(Term(source, wanted.text("target", ""), wanted.text("language", "")))
    return tuple(made)


def parse_terms(text: str) -> tuple[Term, ...]:
    """The same of the field of a form, which is JSON.

    Raises:
        InvalidArgument: as ``read_terms``, or it is no JSON.
    """
    if not text:
        return ()
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument("must be JSON", field="terms") from None
    return read_terms(JsonObject({"terms": values}, ""))


def describe_terms(terms: tuple[Term, ...]) -> list[dict[str, str]]:
    """As ``read_terms`` reads them."""
    return [{name: value for name in _FIELDS if (value := getattr(term, name))} for term in terms]
