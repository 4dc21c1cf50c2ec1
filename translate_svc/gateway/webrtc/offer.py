"""The SDP offer of a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from aiohttp import web
from aiortc import RTCSessionDescription
from aiortc.sdp import SessionDescription

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.webrtc.ice_fragment import MAX_CANDIDATES, IceFragment, read_fragment

SDP = "application/sdp"
_KINDS = frozenset({"audio", "video", "application"})
_MDNS_CANDIDATE = re.compile(r"a=candidate:(?:\S+ ){4}\S+\.local ")


class Offer(NamedTuple):
    """What a caller offers.

    Attributes:
        description: for the peer connection.
        peer: the same in all offers of one peer connection, and in those of no other one: its id and its
            fingerprint. The id alone is a number that a client chooses.
        ice: credentials and candidates.
    """

    description: RTCSessionDescription
    peer: tuple[str, str]
    ice: IceFragment


async def offer_of(request: web.Request, read: Callable[[str], Offer]) -> Offer:
    """The offer that is the body of a request.

    Raises:
        InvalidArgument: it is none.
    """
    if request.content_type != SDP:
        raise InvalidArgument(f"must be {SDP}: the body is the offer", field="content-type")
    try:
        return read(await request.text())
    except (UnicodeDecodeError, LookupError):
        raise InvalidArgument("the body is not an SDP offer") from None


def read_offer(text: str) -> Offer:
    """The offer of a call: one section of audio that is sent, and one of data channels.

    Raises:
        InvalidArgument: it is not an offer.
    """
    description = _description(text)
    if sorted(media.kind for media in description.media) != ["application", "audio"]:
        raise InvalidArgument("the offer needs one section of audio and one data channel, and nothing else")
    return _offer(text, description, sends=True)


def read_media_offer(text: str, *, sends: bool) -> Offer:
    """The offer of WHIP, which ``sends`` audio, or of WHEP, which gets it: one section of audio. At most one
    of video and one of data channels may be there; nothing is done with them.

    Raises:
        InvalidArgument: it is not an offer.
    """
    description = _description(text)
    kinds = [media.kind for media in description.media]
    if kinds.count("audio") != 1 or len(set(kinds)) != len(kinds) or set(kinds) - _KINDS:
        raise InvalidArgument("the offer needs one section of audio, and at most one of video")
    return _offer(text, description, sends=sends)


def _description(text: str) -> SessionDescription:
    try:
        return SessionDescription.parse(text)
    except Exception:  # the parser was written for offers, and fails in many ways on anything else
        raise InvalidArgument("the body is not an SDP offer") from None


def _offer(text: str, description: SessionDescription, *, sends: bool) -> Offer:
    (audio,) = (media for media in description.media if media.kind == "audio")
    if audio.direction not in ("sendrecv", "sendonly" if sends else "recvonly"):
        raise InvalidArgument(f"the audio section of the offer must {'send' if sends else 'receive'}")
    if any(media.dtls is None or not media.dtls.fingerprints for media in description.media):
        raise InvalidArgument("each section of the offer needs a fingerprint: calls are encrypted")
    if sum(len(media.ice_candidates) for media in description.media) > MAX_CANDIDATES:
        raise InvalidArgument(f"the offer has more than {MAX_CANDIDATES} candidates")
    who = " ".join((description.origin or "").split()[:2])
    assert audio.dtls is not None, "looked at above"
    return Offer(
        RTCSessionDescription(sdp="".join(_without_hidden_addresses(text)), type="offer"),
        (who, audio.dtls.fingerprints[0].value),
        read_fragment(text),
    )


def _without_hidden_addresses(text: str) -> Iterator[str]:
    """The lines of an offer, without candidates whose address is an mDNS name, and without their end.

    Such a name means something in the caller's network alone. A caller is also found by its own checks, and
    aioice gives up on one that says it has no further candidates and has named none.
    """
    for line in text.splitlines(keepends=True):
        if not line.startswith("a=end-of-candidates") and not _MDNS_CANDIDATE.match(line):
            yield line
