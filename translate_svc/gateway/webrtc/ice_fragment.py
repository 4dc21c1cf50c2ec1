"""SDP fragments with ICE parameters (RFC 8840), which clients send and get (RFC 9725, section 4.3)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aioice import Candidate

from translate_svc.errors import InvalidArgument

MEDIA_TYPE = "application/trickle-ice-sdpfrag"
MAX_CANDIDATES = 64
"""Each one makes the server send packets to an address that the client names."""
_HIDDEN = ".local"
_MAX_PORT = 65_535


class IceFragment(NamedTuple):
    """What one side says about its end: its credentials, and some or all of its candidates."""

    username: str
    password: str
    candidates: tuple[Candidate, ...]


def read_fragment(text: str) -> IceFragment:
    """The ICE parameters of an SDP fragment, or of a whole offer, whose sections have the same ones.

    Candidates that hide their address behind an mDNS name are left out: it means something in the caller's
    network alone.

    Raises:
        InvalidArgument: it has no credentials, or candidates that are none.
    """
    values: dict[str, str] = {}
    candidates: dict[str, Candidate] = {}
    for line in text.splitlines():
        name, _, value = line.strip().removeprefix("a=").partition(":")
        if line.startswith("a=candidate:"):
            candidates[value] = _candidate(value)
        elif line.startswith("a="):
            values.setdefault(name, value)
    if not values.get("ice-ufrag") or not values.get("ice-pwd"):
        raise InvalidArgument("the body is not an SDP fragment with ice-ufrag and ice-pwd")
    if len(candidates) > MAX_CANDIDATES:
        raise InvalidArgument(f"the body has more than {MAX_CANDIDATES} candidates")
    known = (each for each in candidates.values() if not each.host.endswith(_HIDDEN))
    return IceFragment(values["ice-ufrag"], values["ice-pwd"], tuple(known))


def write_fragment(ice: IceFragment, answer: str) -> str:
    """The SDP fragment of the side that gave ``answer``: about the section that carries all others."""
    lines = answer.splitlines()
    bundle = next(line for line in lines if line.startswith("a=group:BUNDLE"))
    section = bundle.split()[1]
    start = next(index for index, line in enumerate(lines) if line.startswith("m="))
    for index, line in enumerate(lines):
        if line.startswith("m="):
            start = index
        if line == f"a=mid:{section}":
            break
    head = [bundle, lines[start], f"a=mid:{section}"]
    return "".join(f"{line}\r\n" for line in [*head, *_lines(ice)])


def with_ice(answer: str, ice: IceFragment, version: int) -> str:
    """An ``answer`` that was given before, with other ICE parameters (RFC 9429, section 5.3.2).

    ``version`` of the description grows with each one.
    """
    return "".join(f"{line}\r\n" for line in _replaced(answer, ice, version))


def _replaced(answer: str, ice: IceFragment, version: int) -> Iterator[str]:
    for line in answer.splitlines():
        if line.startswith("o="):
            user, session, _, *place = line.split()
            yield " ".join((user, session, str(version), *place))
        elif line.startswith("a=ice-ufrag:"):
            yield from _lines(ice)
        elif not line.startswith(("a=ice-pwd:", "a=candidate:", "a=end-of-candidates")):
            yield line


def _lines(ice: IceFragment) -> Iterable[str]:
    return (
        f"a=ice-ufrag:{ice.username}",
        f"a=ice-pwd:{ice.password}",
        *(f"a=candidate:{each.to_sdp()}" for each in ice.candidates),
        "a=end-of-candidates",
    )


def _candidate(text: str) -> Candidate:
    try:
        candidate = Candidate.from_sdp(text)
        if not candidate.host.endswith(_HIDDEN):
            ipaddress.ip_address(candidate.host)
        if not 0 <= candidate.port <= _MAX_PORT:
            raise ValueError("no packet can be sent there")
    except ValueError:
        raise InvalidArgument("the body has a candidate that is none") from None
    return candidate
