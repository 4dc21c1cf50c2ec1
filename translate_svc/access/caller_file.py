"""The file of ``--callers``: classes of callers, who belongs to which, and whose tokens are taken."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from translate_svc.config_file import parse_config
from translate_svc.errors import InvalidArgument
from translate_svc.types import CallerLimits, Scope

FIELD = "callers"

ScopeName = Literal["stream", "translate", "info", "secrets"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures whose key may be public. With the others everybody who can check a token can make one."""
CertificateName = Literal["uri", "dns", "email", "common_name"]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$")]
_Text = Annotated[str, Field(min_length=1, max_length=512)]

CERTIFICATES = "certificate"
"""The prefix of a caller's name that comes from a certificate. No issuer has this name."""
_MAX_CLASSES = 32
_LONGEST_REFILL_MINUTES = 60


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CallerClass(_Section):
    """Limits of each caller of one class; what is not there is not limited."""

    max_streams: Annotated[int, Field(ge=1)] | None = None
    audio_s_per_minute: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    audio_burst_s: Annotated[float, Field(ge=1, le=1e6, allow_inf_nan=False)] | None = None
    max_targets: Annotated[int, Field(ge=1)] | None = None
    models: Annotated[list[_Text], Field(min_length=1)] | None = None
    scopes: list[ScopeName] = ["stream", "translate", "info", "secrets"]

    @model_validator(mode="after")
    def _burst_fits(self) -> CallerClass:
        if self.audio_burst_s is None:
            return self
        if self.audio_s_per_minute is None:
            raise ValueError("audio_burst_s needs audio_s_per_minute")
        if self.audio_burst_s > _LONGEST_REFILL_MINUTES * self.audio_s_per_minute:
            raise ValueError(f"audio_burst_s is more than {_LONGEST_REFILL_MINUTES} minutes bring")
        return self

    def limits(self) -> CallerLimits:
        """The limits of one caller."""
        rate = self.audio_s_per_minute
        burst_s = self.audio_burst_s if self.audio_burst_s is not None else max(rate or 0.0, 1.0)
        models = None if self.models is None else frozenset(self.models)
        return CallerLimits(self.max_streams, rate, burst_s, self.max_targets, models)

    def scope_set(self) -> frozenset[Scope]:
        """The kinds of calls that a caller may make."""
        return frozenset(Scope(name) for name in self.scopes)


class NamedCaller(_Section):
    """One caller by its name. ``revoked``: it is refused, and its open calls end."""

    caller_class: _Name | None = Field(default=None, alias="class")
    revoked: bool = False


class TokenIssuer(_Section):
    """Whose tokens (JWT) are taken, and how they are checked."""

    issuer: _Text
    audience: Annotated[list[_Text], Field(min_length=1)]
    algorithms: Annotated[list[Algorithm], Field(min_length=1)]
    key_set: _Text
    key_set_ca: _Text | None = None
    refresh_s: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    clock_skew_s: Annotated[float, Field(ge=0, le=300)] = 30.0
    name_claim: _Text = "sub"
    class_claim: _Text | None = None
    scope_claim: _Text | None = None
    scope_prefix: str = ""
    streams_end_at_expiry: bool = False
    caller_class: _Name | None = Field(default=None, alias="class")

    @field_validator("key_set")
    @classmethod
    def _key_set_is_safe(cls, value: str) -> str:
        if "://" in value and not value.startswith("https://"):
            raise ValueError("must be a file or an https address")
        return value

    @property
    def is_remote(self) -> bool:
        """Whether the keys come from an address."""
        return self.key_set.startswith("https://")


class Certificates(_Section):
    """Callers by their client certificates. ``names``: which name counts; the first kind that there is."""

    names: Annotated[list[CertificateName], Field(min_length=1)] = ["uri", "dns", "common_name"]
    caller_class: _Name | None = Field(default=None, alias="class")


class CallerFile(_Section):
    """The whole file."""

    default_class: _Name | None = None
    classes: Annotated[dict[_Name, CallerClass], Field(max_length=_MAX_CLASSES)] = {}
    callers: dict[_Text, NamedCaller] = {}
    tokens: dict[_Name, TokenIssuer] = {}
    certificates: Certificates | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> CallerFile:
        named = {"default_class": self.default_class}
        named |= {f"callers.{name}.class": each.caller_class for name, each in self.callers.items()}
        named |= {f"tokens.{name}.class": each.caller_class for name, each in self.tokens.items()}
        named |= {"certificates.class": self.certificates.caller_class if self.certificates else None}
        for place, name in named.items():
            if name is not None and name not in self.classes:
                raise ValueError(f"{place} names {name}, which is not in classes")
        if CERTIFICATES in self.tokens:
            raise ValueError(f"tokens.{CERTIFICATES} has a name that stands for client certificates")
        issuers = [each.issuer for each in self.tokens.values()]
        if len(set(issuers)) < len(issuers):
            raise ValueError("tokens has one issuer twice")
        return self


_SECTIONS: dict[str, type[_Section]] = {
    "classes": CallerClass,
    "callers": NamedCaller,
    "tokens": TokenIssuer,
    "certificates": Certificates,
}


def parse_caller_file(text: str, path: Path) -> CallerFile:
    """The contents of the file ``path``, which is TOML or YAML by its suffix.

    Raises:
        InvalidArgument: it cannot be used. The field is ``callers``; the message names the place in the file
            and quotes no value.
    """
    try:
        return CallerFile.model_validate(parse_config(text, path.suffix))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidArgument(_described(first), field=FIELD) from None
    except ValueError as error:
        raise InvalidArgument(str(error), field=FIELD) from None


def _described(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        kind = _SECTIONS.get(str(error["loc"][0]), CallerFile) if len(error["loc"]) > 1 else CallerFile
        known = [field.alias or name for name, field in kind.model_fields.items()]
        alike = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"; did you mean {alike[0]}?" if alike else ""
        return f"{place} is not a setting{hint}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    message = message[:1].lower() + message[1:]
    return f"{place}: {message}" if place else message


def values_of(claim: Any) -> list[str]:
    """A claim that is a list of texts, or one text with spaces between its parts (RFC 8693, section 4.2)."""
    if isinstance(claim, str):
        return claim.split()
    return [each for each in claim if isinstance(each, str)] if isinstance(claim, list) else []
