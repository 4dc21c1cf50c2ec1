"""One call of Translate by the blocking client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from translate_svc.client.aio.translate_call import AsyncTranslateCall
from translate_svc.client.blocking.loop_thread import LoopThread
from translate_svc.client.translation import Translation
from translate_svc.types import ResultEvent


class TranslateCall:
    """Made by ``Client.translate``. Iterate over it for the events as they come, or call ``result()``.

    Each iteration and each ``result()`` starts a call of its own. A server that is not reachable or full is
    left out if there is another one. If you leave an iteration early, the call is cancelled, and the server
    stops its work immediately. Both raise the exceptions of this package; ``InvalidArgument`` and
    ``OutOfRange`` name the field.
    """

    def __init__(self, loop: LoopThread, call: AsyncTranslateCall) -> None:
        self._loop = loop
        self._call = call

    def result(self) -> Translation:
        """The complete translation.

        Raises:
            TranslationFailed: the server could not translate the text or clip.
        """
        return self._loop.run(self._call.result)

    def __iter__(self) -> Generator[ResultEvent, None, None]:
        events = aiter(self._call)
        try:
            while (event := self._loop.run(lambda: _next(events))) is not None:
                yield event
        finally:
            self._loop.finish(events.aclose)


async def _next(events: AsyncGenerator[ResultEvent, None]) -> ResultEvent | None:
    return await anext(events, None)
