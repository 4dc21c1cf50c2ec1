"""Where the sentences of a text end, by sentencex, and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from translate_svc.languages import Language, packaged
from translate_svc.scripts import UNSPACED_SCRIPTS
from translate_svc.session.long_text.frame import framed, has_words, without_invisible

MAX_SENTENCE_CHARACTERS = 250
"""A longer sentence is cut at a clause mark, or else between words.

A character is one token at most, so no line of digits or address is refused (``max_source_tokens``: 256).
"""

_WRAPPED_CHARACTERS = 40
"""A line at least this long, without a mark at its end, may be wrapped: the sentence may go on after it."""

_LIST_MARK = re.compile(
    r"(?:[-*\u2022\u2013\u2014\u2023\u25e6\u00b7>]|#{1,6}|\(?\d{1,3}\))(?=\s+\S)"
    r"|[-\u2013\u2014](?=[\u00bf\u00a1\"\u201c\u00ab]?[^\W\d_])"
)
"""Also the dash of a dialogue, which subtitles have without a space."""
_LONE_MARK = re.compile(r"\(?\d{1,3}[.)]|[\W_]+")
"""A number that the library takes for a sentence, or a row of stars."""
_GLUED_MARKS = re.compile(r"([^\w\s]+)(\s+|$)")
"""What ends the emphasis of a sentence, which the library takes for the start of the next one."""

_LINES = re.compile(r"[^\n]*\n+|[^\n]+")
_CLAUSE_MARKS = re.compile(r"[,;:\u2014](?=\s)|[\u060c\uff0c\u3001\uff1b\uff1a]")
_END_MARKS = re.compile(r"[.!?\u2026:;\u3002\uff01\uff1f\u061f\u0964]\W*$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` without the white space around it; ``before``: the white space between the sentence before it
    and this one. ``mark`` and ``behind`` stand around the translation as they are, and are not spoken: what
    ``framed`` takes off, and before it the mark of a list, a heading or a dialogue, with the space behind it.

    ``text`` is empty if nothing in the sentence can be translated: a row of stars, an emoji.
    """

    text: str
    before: str = ""
    mark: str = ""
    behind: str = ""

    @property
    def is_mark(self) -> bool:
        """Whether it is the mark alone."""
        return bool(self.mark) and not self.text


def sentences_of(text: str, language: str) -> list[Sentence]:
    """The sentences of a text, at least one. Nothing but white space is lost, and what cannot be seen, also
    where one is cut.

    A line break ends a sentence, unless the line is long or the next one begins with a small letter: then
    the text was wrapped there.

    Args:
        text: with at least one character that is not white space.
        language: a Seamless code.
    """
    seen = without_invisible(text, spaced=_has_spaces(_language(language)))
    return _sentences(seen, language) if seen.strip() else [Sentence("")]


def _sentences(text: str, language: str) -> list[Sentence]:
    found: list[Sentence] = []
    before = mark = ""
    for part in _parts(text, language):
        stripped = part.strip()
        start = part.index(stripped)
        rest = part[start + len(stripped) :]
        if not mark:
            before += part[:start]
        if found and not (before or mark) and (glued := _GLUED_MARKS.match(stripped)):
            found[-1] = replace(found[-1], behind=found[-1].behind + glued[1])
            before, stripped = glued[2], stripped[glued.end() :]
        if stripped and _LONE_MARK.fullmatch(stripped):
            mark += stripped + rest
        elif stripped:
            lead = _mark_of(stripped)
            found += _unframed(stripped[len(lead) :], language, before, mark + lead)
            before, mark = rest, ""
        elif mark:
            mark += part
        else:
            before += rest
    if found and not mark:
        return found
    mark = mark.strip()
    return [*found, Sentence(mark, before) if has_words(mark) else Sentence("", before, mark)]


def _unframed(sentence: str, language: str, before: str, mark: str) -> list[Sentence]:
    """A sentence without what stands around it. Within quotation marks there may be several."""
    inner = framed(sentence)
    if inner.text == sentence:
        return [Sentence(sentence, before, mark)]
    *others, last = _sentences(inner.text, language)
    first, *others = *others, replace(last, behind=last.behind + inner.behind)
    return [replace(first, before=before, mark=mark + inner.before + first.mark), *others]


def _mark_of(sentence: str) -> str:
    """The mark that it begins with, and the space behind it; empty if there is none."""
    mark = _LIST_MARK.match(sentence)
    return "" if mark is None else sentence[: len(sentence) - len(sentence[mark.end() :].lstrip())]


def separator(sentence: Sentence, target_language: str) -> str:
    """What stands before the translation of ``sentence``: the line breaks of the source; else a space, or
    nothing in a language that is written without spaces. ``target_language``: a Seamless code.
    """
    if breaks := sentence.before.count("\n"):
        return "\n" * breaks
    return " " if _has_spaces(_language(target_language)) else ""


def _parts(text: str, language: str) -> Iterator[str]:
    """The text, cut after its sentences; joined they are the text."""
    # imported here because a command that translates no text needs none of it
    import sentencex

    found = _language(language)
    tag = "en" if found is None else found.bcp47
    for paragraph in _paragraphs(text):
        position = 0
        for sentence in sentencex.segment(tag, paragraph):
            # it may leave out white space
            start = paragraph.index(sentence, position)
            yield paragraph[position:start]
            yield from _cut(sentence)
            position = start + len(sentence)
        yield paragraph[position:]


def _paragraphs(text: str) -> Iterator[str]:
    """The text, cut at the line breaks that end a sentence."""
    collected = ""
    lines = _LINES.findall(text.replace("\r\n", "\n").replace("\r", "\n"))
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        collected += line
        first, said = following.lstrip()[:1], line.rstrip()
        long = len(said) >= _WRAPPED_CHARACTERS and not _END_MARKS.search(said)
        if line.count("\n") == 1 and first and (first.islower() or long):
            continue
        yield collected
        collected = ""


def _cut(sentence: str) -> Iterator[str]:
    """Pieces of at most ``MAX_SENTENCE_CHARACTERS``."""
    while len(sentence.rstrip()) > MAX_SENTENCE_CHARACTERS:
        window = sentence[:MAX_SENTENCE_CHARACTERS]
        marks = [mark.end() for mark in _CLAUSE_MARKS.finditer(window)]
        spaces = [space.end() for space in re.finditer(r"\s+", window)]
        late = [end for end in marks if end > MAX_SENTENCE_CHARACTERS // 3]
        end = (late or spaces or [MAX_SENTENCE_CHARACTERS])[-1]
        yield sentence[:end]
        sentence = sentence[end:]
    yield sentence


def _language(code: str) -> Language | None:
    return packaged().find(code)


def _has_spaces(language: Language | None) -> bool:
    return language is None or not UNSPACED_SCRIPTS.intersection(language.scripts)
