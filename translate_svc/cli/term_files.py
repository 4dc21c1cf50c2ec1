"""Reads files of terms: CSV and TSV as DeepL's glossaries, Riva's dictionaries, and TBX (ISO 30042)."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from translate_svc import languages
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import find_language
from translate_svc.cli.media.text_files import decoded
from translate_svc.types import MAX_TERMS, Term

_FIELD = "--terms"
_MAX_BYTES = 4 * 1024 * 1024
_HEADER = "source"
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CONCEPTS = ("termEntry", "conceptEntry")
_LANGUAGES = ("langSet", "langSec")
"""Names of TBX 2 and of TBX 3."""
_Found = tuple[str, Term]
"""A term, and the language of its source."""


def read_terms(path: Path | None, source: str | None, targets: Collection[str]) -> tuple[Term, ...]:
    """The terms of a file, for some languages; none without a file.

    If it has none for them, stderr says so; and which of its languages are not known, as their terms are left
    out. A language may be given by its English name.

    * ``.csv``, ``.tsv``: a term a row: source, target, language of the target; or source, target, language of
      the source, language of the target, as DeepL has them. The target may be missing: the source is kept. A
      first row that begins with "source" is a header. Where the first row of CSV has semicolons and no
      comma, semicolons part the cells. A line break within a quoted cell is a space.
    * ``.txt``: ``source##target`` or ``source`` in each line, as Riva has them.
    * ``.tbx``, ``.xml``: TBX 2 or 3. The first term of a language is the one to say.

    Args:
        path: the file.
        source: language of the source (a Seamless code), as all of the others.
        targets: those that are asked for. Terms for other languages are left out.

    Raises:
        UsageError: the file cannot be read, has too many terms, or the source language is not known.
    """
    if path is None:
        return ()
    if source is None:
        raise UsageError("needs --from", field=_FIELD)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"must end in {', '.join(_READERS)}", field=_FIELD)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"has more than {_MAX_BYTES} bytes", field=_FIELD)
        found = dict.fromkeys(reader(decoded(path.read_bytes()), source))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", field=_FIELD) from None
    except UnicodeDecodeError:
        raise UsageError("is not a text in UTF-8", field=_FIELD) from None
    except (csv.Error, ElementTree.ParseError) as error:
        raise UsageError(f"cannot be read: {error}", field=_FIELD) from None
    ours = [term for spoken, term in found if spoken == source]
    terms = tuple(term for term in ours if not term.language or term.language in targets)
    if len(terms) > MAX_TERMS:
        raise UsageError(f"has {len(terms)} terms for these languages; {MAX_TERMS} are allowed", field=_FIELD)
    names = {name for spoken, term in found for name in (spoken, term.language) if name}
    if unknown := sorted(name for name in names if find_language(name, languages.packaged()) is None):
        left_out = f"no language is called {' or '.join(unknown)}; its terms are left out"
        print(f"translate-svc: {_FIELD}: {path.name}: {left_out}", file=sys.stderr)
    if not terms:
        wanted = f"from {source} into {' or '.join(targets)}"
        print(f"translate-svc: {_FIELD}: {path.name} has no term {wanted}", file=sys.stderr)
    return terms


def _code(tag: str) -> str:
    """The Seamless code of a language; the tag itself if it is not known."""
    known = find_language(tag, languages.packaged())
    return tag if known is None else known.code


def _rows(rows: Iterable[list[str]], source: str) -> Iterator[_Found]:
    for number, row in enumerate(rows):
        cells = [" ".join(cell.split()) for cell in row]
        if not any(cells) or (number == 0 and cells[0].casefold() == _HEADER):
            continue
        words, target, *rest = (*cells, "")
        tags = [tag for tag in rest if tag]
        spoken = _code(tags[0]) if len(tags) > 1 else source
        yield spoken, Term(words, target, _code(tags[-1]) if tags else "")


def _csv(text: str, source: str) -> Iterator[_Found]:
    first = next(filter(None, text.splitlines()), "")
    # where the comma is the decimal mark, spreadsheets write semicolons
    delimiter = ";" if ";" in first and "," not in first else ","
    return _rows(_csv_rows(text, delimiter), source)


def _csv_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Strictly: else a quotation mark that is not closed makes one cell of all that follows."""
    rows, begin = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1
    try:
        for row in rows:
            yield row
            begin = rows.line_num + 1
    except csv.Error as error:
        raise csv.Error(f"the row that begins in line {begin}: {error}") from None


def _tsv(text: str, source: str) -> Iterator[_Found]:
    return _rows((line.split("\t") for line in text.splitlines()), source)


def _riva(text: str, source: str) -> Iterator[_Found]:
    return _rows((line.split("##", 1) for line in text.splitlines()), source)


def _tbx(text: str, source: str) -> Iterator[_Found]:
    for concept in ElementTree.fromstring(text).iter():
        if _name(concept) not in _CONCEPTS:
            continue
        names: dict[str, list[str]] = {}
        for language in concept:
            if _name(language) in _LANGUAGES:
                found = (
                    "".join(each.itertext()).strip() for each in language.iter() if _name(each) == "term"
                )
                names.setdefault(_code(language.get(_XML_LANGUAGE, "")), []).extend(filter(None, found))
        for target, terms in names.items():
            if target != source and terms:
                yield from ((source, Term(name, terms[0], target)) for name in names.get(source, ()))


def _name(element: ElementTree.Element) -> str:
    """Without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


_READERS = {".csv": _csv, ".tsv": _tsv, ".txt": _riva, ".tbx": _tbx, ".xml": _tbx}
