"""A server with real front processes. Its engine follows a script, in this process."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.fakes.engine_script import Script, echo_script
from tests.fakes.model_free_service import ForgetfulEngine
from translate_svc.cli.fronts.fronted_server import FrontedServer
from translate_svc.cli.ports import shared_port
from translate_svc.cli.transports import listen_addresses
from translate_svc.config import Settings
from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.languages import packaged
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.types import ModelInfo

COMMAND = (sys.executable, "-m", "tests.fakes.front_process")


class BoundedEngine(ForgetfulEngine):
    """Tells its bounds, as a real engine does."""

    @property
    def status(self) -> EngineStatus:
        """As ``ScriptedEngine.status``."""
        return dataclasses.replace(super().status, max_live_requests=10_000)


@dataclass(frozen=True)
class Fronted:
    """A server with its service and engine."""

    server: FrontedServer
    engine: BoundedEngine
    metrics: Metrics

    @property
    def address(self) -> str:
        """gRPC's."""
        return self.server.targets["grpc"]


def packaged_facts() -> ModelFacts:
    """Four of the packaged languages, with speech."""
    languages = [language for language in packaged() if language.code in ("eng", "spa", "fra", "deu")]
    speakers = {language.code: language.speaker_ids for language in languages}
    capabilities = Capabilities(
        model_name="script",
        text_languages=tuple(language.code for language in languages),
        speech_languages=tuple(speakers),
        speaker_ids=speakers,
        speaker_count=1_000,
        encoder_frame_ms=160,
        max_text_positions=4_096,
        max_units=4_096,
    )
    return ModelFacts(capabilities, ModelInfo("script"))


@asynccontextmanager
async def fronted_service(
    settings: Settings,
    script: Script = echo_script,
    options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
    command: Sequence[str] = COMMAND,
) -> AsyncIterator[Fronted]:
    """Starts the server, gRPC on a free port of loopback. ``command`` starts a front process."""
    engine, metrics = BoundedEngine(script), Metrics()
    with ExitStack() as held:
        shared = {
            name: held.enter_context(shared_port(address))
            for name, address in listen_addresses(dataclasses.replace(settings, port=0)).items()
        }
        async with FrontedServer.on_engine(
            settings, engine, packaged_facts(), metrics, shared, command=command, options=options
        ) as server:
            yield Fronted(server, engine, metrics)
