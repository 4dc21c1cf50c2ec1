"""An interpreter for rooms of a Janus server, on a self-hosted translate-svc."""

from meeting_translate_svc.interpreter import Interpreter
from meeting_translate_svc.janus.session import JanusError, JanusServer
from meeting_translate_svc.janus.video_room import Room
from meeting_translate_svc.options import MeetingOptions

__all__ = ["Interpreter", "JanusError", "JanusServer", "MeetingOptions", "Room"]
