"""The Python client library, asynchronous and blocking. Importing it loads no model library."""

from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.client.async_answer import AsyncAnswer
from translate_svc.client.async_client import AsyncClient
from translate_svc.client.async_stream import AsyncStream
from translate_svc.client.blocking_answer import Answer
from translate_svc.client.blocking_client import Client
from translate_svc.client.blocking_stream import Stream
from translate_svc.client.options import ClientOptions
from translate_svc.client.pacing import pace
from translate_svc.client.stream_config import stream_settings
from translate_svc.client.tls import tls_credentials
from translate_svc.client.translation import Translation

__all__ = [
    "Answer",
    "AsyncAnswer",
    "AsyncClient",
    "AsyncStream",
    "Client",
    "ClientOptions",
    "SpeechDecoder",
    "Stream",
    "Translation",
    "pace",
    "stream_settings",
    "tls_credentials",
]
