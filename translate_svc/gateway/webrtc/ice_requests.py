"""What WHIP and WHEP ask of an answer and of its ``Location`` (RFC 9725, sections 4.2 and 4.3)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import hdrs, web

from translate_svc.gateway.webrtc.ice_fragment import MEDIA_TYPE, read_fragment
from translate_svc.gateway.webrtc.offer import SDP
from translate_svc.gateway.webrtc.peer import Peer

_ACCEPT_PATCH = "Accept-Patch"


def answered(location: str, peer: Peer, answer: str, status: HTTPStatus) -> web.Response:
    """The response that brings an SDP answer."""
    headers = {hdrs.LOCATION: location, hdrs.ETAG: _etag(peer), _ACCEPT_PATCH: MEDIA_TYPE}
    return web.Response(text=answer, status=status, content_type=SDP, headers=headers)


async def change(request: web.Request, peer: Peer) -> web.Response:
    """Takes an SDP fragment. ``If-Match: *`` with new credentials restarts ICE, and the answer brings those
    of this side. With the connection's ``ETag`` come further candidates.

    Raises:
        InvalidArgument, Unsupported, CallNotFound: as ``Peer.trickle`` and ``Peer.restart``.
    """
    if request.content_type != MEDIA_TYPE:
        return web.Response(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers={_ACCEPT_PATCH: MEDIA_TYPE})
    wanted, etag = request.headers.get(hdrs.IF_MATCH, "").strip(), _etag(peer)
    if not wanted:
        return web.Response(status=HTTPStatus.PRECONDITION_REQUIRED)
    if wanted not in ("*", etag):
        return web.Response(status=HTTPStatus.PRECONDITION_FAILED, headers={hdrs.ETAG: etag})
    ice = read_fragment(await request.text())
    if peer.knows(ice):
        await peer.trickle(ice)
        return web.Response(status=HTTPStatus.NO_CONTENT)
    if wanted != "*":
        return web.Response(status=HTTPStatus.PRECONDITION_FAILED, headers={hdrs.ETAG: etag})
    await peer.restart(ice)
    return web.Response(text=peer.fragment, content_type=MEDIA_TYPE, headers={hdrs.ETAG: _etag(peer)})


def _etag(peer: Peer) -> str:
    """Names the ICE session of a connection; each restart begins another one."""
    return f'"{peer.restarts}"'
