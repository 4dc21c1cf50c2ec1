"""What all methods of Riva's services share."""

from __future__ import annotations

from translate_svc.languages import LanguageTable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.protocols import TranslationService


class RivaContext:
    """The service, and the live calls of the server."""

    def __init__(
        self, service: TranslationService, options: RpcOptions, calls: LiveCalls, reads: ReadLimiter
    ) -> None:
        """``reads`` bounds the streams whose first messages arrive."""
        self.service = service
        self.options = options
        self.calls = calls
        self.reads = reads
        self.languages = LanguageTable(service.languages())
        """The languages of the loaded checkpoint."""
