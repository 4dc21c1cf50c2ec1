"""The command: interprets rooms of a Janus server until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from meeting_translate_svc.interpreter import Interpreter
from meeting_translate_svc.janus.session import JanusError, JanusServer
from meeting_translate_svc.janus.video_room import Room
from meeting_translate_svc.options import MeetingOptions
from meeting_translate_svc.trouble import first_of
from translate_svc.client import AsyncClient
from translate_svc.errors import TranslateSvcError
from translate_svc.types import Echo

_log = logging.getLogger("meeting_translate_svc")

SECRET_VARIABLE = "JANUS_API_SECRET"
PIN_VARIABLE = "JANUS_ROOM_PIN"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meeting-translate-svc",
        description="Interprets rooms of a Janus server. "
        f"{SECRET_VARIABLE} and {PIN_VARIABLE} hold its secret and the rooms' pin, if they have any.",
    )
    parser.add_argument(
        "--janus", required=True, metavar="URL", help="its WebSocket interface: ws://host:8188"
    )
    parser.add_argument(
        "--room", required=True, action="append", metavar="ID", help="may be given several times"
    )
    parser.add_argument("--server", metavar="ADDRESS", help="translate-svc; else TRANSLATE_SVC_SERVER")
    parser.add_argument(
        "--languages", default="", help="to interpret into from the beginning, such as en,es,fr"
    )
    parser.add_argument(
        "--echo", choices=["silent", "pass"], default="silent", help="who speaks a track's language"
    )
    parser.add_argument("--original", action="store_true", help="the tracks hold everybody's own sound, too")
    parser.add_argument(
        "--duck-db", type=float, default=18.0, help="how much lower that is under the interpreter"
    )
    parser.add_argument("--after-utterances", action="store_true", help="not while people speak")
    parser.add_argument("--no-captions", action="store_true")
    return parser


def _room(name: str) -> Room:
    return Room(int(name) if name.isdecimal() else name, os.environ.get(PIN_VARIABLE, ""))


async def _run(arguments: argparse.Namespace) -> None:
    options = MeetingOptions(
        languages=tuple(each.strip() for each in arguments.languages.split(",") if each.strip()),
        echo=Echo(arguments.echo),
        original=arguments.original,
        duck_db=arguments.duck_db,
        simultaneous=not arguments.after_utterances,
        captions=not arguments.no_captions,
    )
    janus = JanusServer(arguments.janus, os.environ.get(SECRET_VARIABLE, ""))
    async with AsyncClient(arguments.server) as client:
        interpreter = Interpreter(client, janus, [_room(each) for each in arguments.room], options)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, interpreter.finish)
        try:
            await interpreter.run()
        finally:
            for room_id, meeting in interpreter.meetings.items():
                _log.info("room %s: %s", room_id, meeting.tally)


def main() -> None:
    """Runs the command."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    _log.setLevel(logging.INFO)
    try:
        asyncio.run(_run(_parser().parse_args()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except (TranslateSvcError, JanusError, ExceptionGroup) as error:
        first = first_of(error)
        if not isinstance(first, TranslateSvcError | JanusError):
            raise
        sys.exit(f"meeting-translate-svc: {first}")


if __name__ == "__main__":
    main()
