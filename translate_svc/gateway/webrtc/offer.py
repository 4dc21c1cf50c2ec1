"""Checks the SDP offer of a client before a connection is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiortc import RTCSessionDescription
from aiortc.sdp import SessionDescription

from translate_svc.errors import InvalidArgument

_MDNS_CANDIDATE = re.compile(r"a=candidate:(?:\S+ ){4}\S+\.local ")

_MAX_CANDIDATES = 64
"""Each one makes the server send packets to an address that the client names."""


def read_offer(text: str) -> RTCSessionDescription:
    """The offer of a call: one section of audio that is sent, and one of data channels.

    Raises:
        InvalidArgument: it is not an offer.
    """
    try:
        description = SessionDescription.parse(text)
    except Exception:  # the parser was written for offers, and fails in many ways on anything else
        raise InvalidArgument("the body is not an SDP offer") from None
    if sorted(media.kind for media in description.media) != ["application", "audio"]:
        raise InvalidArgument("the offer needs one section of audio and one data channel, and nothing else")
    (audio,) = (media for media in description.media if media.kind == "audio")
    if audio.direction not in ("sendrecv", "sendonly"):
        raise InvalidArgument("the audio section of the offer must send")
    if any(media.dtls is None or not media.dtls.fingerprints for media in description.media):
        raise InvalidArgument("each section of the offer needs a fingerprint: calls are encrypted")
    if sum(len(media.ice_candidates) for media in description.media) > _MAX_CANDIDATES:
        raise InvalidArgument(f"the offer has more than {_MAX_CANDIDATES} candidates")
    return RTCSessionDescription(sdp="".join(_without_hidden_addresses(text)), type="offer")


def _without_hidden_addresses(text: str) -> Iterator[str]:
    """The lines of an offer, without candidates whose address is an mDNS name, and without their end.

    Such a name means something in the caller's network alone. A caller is also found by its own checks, and
    aioice gives up on one that says it has no further candidates and has named none.
    """
    for line in text.splitlines(keepends=True):
        if not line.startswith("a=end-of-candidates") and not _MDNS_CANDIDATE.match(line):
            yield line
