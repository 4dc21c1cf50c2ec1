"""Speech translation of a self-hosted translate-svc, for LiveKit Agents."""

from livekit_translate_svc.session import TranslateSvcSession
from livekit_translate_svc.translation_model import Connection, TranslateSvcModel

__all__ = ["Connection", "TranslateSvcModel", "TranslateSvcSession"]
