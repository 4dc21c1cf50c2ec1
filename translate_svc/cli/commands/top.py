"""``translate-svc top``: shows the load of a server."""

from __future__ import annotations

import asyncio
import json as json_format
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.backend import check_address
from translate_svc.cli.backends.connection import ConnectionFlags
from translate_svc.cli.backends.unreachable import cause_of
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.output.standard_output import check_reader
from translate_svc.client import AsyncClient, ClientOptions
from translate_svc.errors import PermissionDenied, TranslateSvcError, Unauthenticated, Unavailable
from translate_svc.types import ServerInfo, ServerLoad
from translate_svc.variables import SERVER_VARIABLE

_MIN_INTERVAL_S = 0.1
_CALL_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class LoadRates:
    """Rates per second of the server's own clock.

    Attributes:
        steps: engine steps.
        text_tokens: text tokens.
        real_time_factor: seconds of translated source audio; 1.0 keeps up with one speaker who never pauses.
        speech_s: seconds of synthesized speech.
    """

    steps: float
    text_tokens: float
    real_time_factor: float
    speech_s: float


def rates_between(before: ServerLoad, now: ServerLoad) -> LoadRates | None:
    """The rates between two loads. None if ``now`` is not later: it is the same, or the server restarted."""
    elapsed_s = (now.uptime_ms - before.uptime_ms) / 1000
    if elapsed_s <= 0 or now.steps < before.steps:
        return None
    return LoadRates(
        steps=(now.steps - before.steps) / elapsed_s,
        text_tokens=(now.text_tokens - before.text_tokens) / elapsed_s,
        real_time_factor=(now.source_ms - before.source_ms) / 1000 / elapsed_s,
        speech_s=(now.speech_ms - before.speech_ms) / 1000 / elapsed_s,
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. ``info`` None: the server did not respond. ``rates`` None: there is no earlier reading.

    ``problem``: why it did not respond; else empty.
    """

    server: str
    info: ServerInfo | None
    rates: LoadRates | None
    problem: str = ""

    def line(self) -> str:
        """The reading as one line, for output without a terminal."""
        if self.info is None:
            return f"{self.server}: {self.problem}"
        load = self.info.load
        counts = (
            f"streams {load.live_streams}  waiting {load.waiting_requests}  "
            f"slots {load.busy_slots}/{load.slots}  rejected {load.rejected}  failed {load.failed_requests}"
        )
        if self.info.front_processes:
            counts += "  fronts " + "+".join(str(each.live_streams) for each in self.info.front_processes)
        if self.rates is None:
            return counts
        return (
            f"{counts}  tokens/s {self.rates.text_tokens:.1f}  "
            f"real-time factor {self.rates.real_time_factor:.2f}  speech s/s {self.rates.speech_s:.2f}"
        )

    def json(self) -> str:
        """The reading as one JSON object; missing values are null."""
        return json_format.dumps(
            {
                "server": self.server,
                "reachable": self.info is not None,
                "problem": self.problem or None,
                "version": self.info and self.info.version,
                "model": self.info and asdict(self.info.model),
                "load": self.info and asdict(self.info.load),
                "front_processes": self.info and [asdict(each) for each in self.info.front_processes],
                "rates": self.rates and asdict(self.rates),
            }
        )

    def table(self) -> Table:
        """The reading as a table, for a terminal."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim")
        table.add_column(justify="right")
        table.add_column(style="dim")
        if self.info is None:
            table.add_row(self.server, self.problem, "trying again")
            return table
        load, model, rates = self.info.load, self.info.model, self.rates
        hours, seconds = divmod(load.uptime_ms // 1000, 3600)
        table.add_row(self.server, model.name, f"{self.info.version}, {model.device} {model.dtype}")
        table.add_row("up", f"{hours}:{seconds // 60:02d}:{seconds % 60:02d}")
        table.add_row(
            "streams", str(load.live_streams), _places(load.stream_capacity, self.info.limits.max_streams)
        )
        table.add_row(
            "waiting", str(load.waiting_requests), f"of {load.live_requests} requests in the engine"
        )
        table.add_row("slots", str(load.busy_slots), f"of {load.slots}")
        table.add_row("steps/s", _rate(rates, "steps"))
        table.add_row("text tokens/s", _rate(rates, "text_tokens"))
        table.add_row("real-time factor", _rate(rates, "real_time_factor"), "source seconds a second")
        table.add_row("speech", _rate(rates, "speech_s"), "seconds a second")
        table.add_row("finished", str(load.finished_requests), f"failed {load.failed_requests}")
        table.add_row("admitted", str(load.admitted), f"rejected {load.rejected}")
        for front in self.info.front_processes:
            state = f"streams, started again {front.restarts} times"
            table.add_row(
                f"front process {front.index}", str(front.live_streams), state if front.ready else "starting"
            )
        return table


def _places(capacity: int, most: int) -> str:
    """``capacity``: what the engine keeps up with; a server from before it was told says 0."""
    return f"of {capacity} that it keeps up with, {most} at most" if 0 < capacity < most else f"of {most}"


@options.with_flags
def top(
    *,
    server: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help=f"Address of the server. Default: {SERVER_VARIABLE}."),
    ] = None,
    connection: ConnectionFlags,
    interval: Annotated[
        float, typer.Option(min=_MIN_INTERVAL_S, metavar="SECONDS", help="Time between two readings.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Show the rates of one interval, then exit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show the load of a server: streams, slots, and its work per second.

    If the server does not respond, the command says so and tries again. Ctrl-C ends it.
    """
    client_options = connection.options()
    server = server or os.environ.get(SERVER_VARIABLE)
    if not server:
        raise UsageError("is needed", field="--server")
    if "," in server:
        raise UsageError("must be one server: its load is shown", field="--server")
    shown = readings(check_address(server), interval, client_options)
    if once:
        interrupts.run(_show_once(shown, server, json=json))
        return
    with suppress(KeyboardInterrupt):
        interrupts.run(_show(shown, json=json))


async def readings(
    server: str,
    interval_s: float,
    connection: ClientOptions = ClientOptions(),  # noqa: B008 - frozen
) -> AsyncGenerator[Reading, None]:
    """Yields a reading every ``interval_s``, without end.

    Raises:
        Unauthenticated: the server requires a key, or another key.
        PermissionDenied: the caller may not ask.
    """
    loop = asyncio.get_running_loop()
    before: ServerInfo | None = None
    options = replace(connection, call_timeout_s=_CALL_TIMEOUT_S)
    client = AsyncClient(server, options)
    try:
        while True:
            asked_s = loop.time()
            try:
                info = await client.info()
            except (Unauthenticated, PermissionDenied):
                raise
            except TranslateSvcError as error:
                yield Reading(server, None, None, await cause_of(error, server))
                before = None
                # a failed connection would wait longer and longer before each new attempt
                await client.close()
                client = AsyncClient(server, options)
            else:
                rates = rates_between(before.load, info.load) if before is not None else None
                before = info
                yield Reading(server, info, rates)
            await asyncio.sleep(max(asked_s + interval_s - loop.time(), 0))
    finally:
        await client.close()


async def _show(shown: AsyncIterator[Reading], *, json: bool) -> None:
    console = Console(highlight=False)
    if json or not console.is_interactive:  # TERM=dumb: rich draws nothing before the end
        told = True
        async for reading in shown:
            if reading.info is not None or told:  # a server that is away is told once
                print(reading.json() if json else reading.line(), flush=True)
            else:
                check_reader()
            told = reading.info is not None
        return
    with Live(console=console, auto_refresh=False) as live:
        async for reading in shown:
            live.update(reading.table(), refresh=True)


async def _show_once(shown: AsyncIterator[Reading], server: str, *, json: bool) -> None:
    await anext(shown)
    reading = await anext(shown)
    if reading.info is None:
        raise Unavailable(reading.problem, field=server)
    if json:
        print(reading.json())
    else:
        Console(highlight=False).print(reading.table())


def _rate(rates: LoadRates | None, name: str) -> str:
    return "-" if rates is None else f"{getattr(rates, name):.2f}"
