"""Which language is spoken in a file that is transcribed."""

from __future__ import annotations

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.gateway.files.upload import AudioForm
from translate_svc.languages import Language, LanguageTable
from translate_svc.serving.source_language import source_of


def spoken_language(
    form: AudioForm, usual: str, languages: LanguageTable
) -> tuple[Language | None, tuple[str, ...]]:
    """The language, or None and those that it may be: of ``language`` or ``languages``, or else ``usual``.

    Raises:
        InvalidArgument: both are given, a language is unknown, or none is given that is needed.
        Unsupported: the form has keywords, which OpenAI's models with ``languages`` take as well.
    """
    if any(form.fields.get("keywords", [])):
        raise Unsupported("this model takes no keywords", field="keywords")
    possible = form.fields.get("languages", [])
    if possible and form.one("language"):
        raise InvalidArgument("is given beside `language`", field="languages")
    tag, candidates = source_of(possible) if possible else (form.one("language", usual), ())
    if candidates:
        return None, candidates
    if not tag and not any(language.detected for language in languages):
        raise InvalidArgument(
            "is required: the model does not find out which language is spoken", field="language"
        )
    return languages.resolve(tag, "languages" if possible else "language") if tag else None, ()
