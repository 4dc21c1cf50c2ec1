"""Speech translation of a self-hosted translate-svc, for Pipecat."""

from pipecat_translate_svc.connection import Connection
from pipecat_translate_svc.processor import TranslateSvcProcessor

__all__ = ["Connection", "TranslateSvcProcessor"]
