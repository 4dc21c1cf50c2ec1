"""The Python client library. Importing it loads no model library.

``aio`` is the client for programs with an event loop, ``blocking`` the one for programs without. The modules
beside them serve both: arguments, conversion, encoding and errors.
"""

from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.client.aio.client import AsyncClient
from translate_svc.client.aio.stream import AsyncStream
from translate_svc.client.aio.translate_call import AsyncTranslateCall
from translate_svc.client.blocking.client import Client
from translate_svc.client.blocking.stream import Stream
from translate_svc.client.blocking.translate_call import TranslateCall
from translate_svc.client.options import ClientOptions
from translate_svc.client.pacing import pace
from translate_svc.client.stream_config import stream_settings
from translate_svc.client.tls import tls_credentials
from translate_svc.client.translated_file import TranslatedFile, TranslatedUtterance
from translate_svc.client.translation import Translation

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "AsyncTranslateCall",
    "Client",
    "ClientOptions",
    "SpeechDecoder",
    "Stream",
    "TranslateCall",
    "TranslatedFile",
    "TranslatedUtterance",
    "Translation",
    "pace",
    "stream_settings",
    "tls_credentials",
]
