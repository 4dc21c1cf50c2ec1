"""docs/reliability.md and its pages: what they say is tested is tested, and what they say of limits is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.attacks import table as attacks_table
from translate_svc.admin.options import AdminOptions
from translate_svc.config import Settings
from translate_svc.engine.options import EngineLimits
from translate_svc.gateway.options import GatewayOptions
from translate_svc.rpc.options import MIB, RpcOptions
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.inbound.utterance_source import MAX_WAITING_UPDATES
from translate_svc.session.options import SessionOptions
from translate_svc.session.utterances.speech_writer import MAX_SPEECH_BYTES
from translate_svc.wire.entry_count import MAX_ENTRIES

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
PAGES = [
    DOCS / "reliability.md",
    *sorted((DOCS / "reliability").glob("*.md")),
    DOCS / "callers" / "credentials.md",
]
MANUAL = "\n".join(page.read_text("utf-8") for page in PAGES)
FILES = re.compile(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)`")
NAMES = re.compile(r"`(test_\w+|Test\w+)`")


def test_every_file_that_it_names_is_there() -> None:
    files = FILES.findall(MANUAL)
    assert len(files) > 15
    assert [file for file in files if not (TESTS / file).exists()] == []


def test_every_test_that_it_names_is_in_the_file_named_before() -> None:
    missing = []
    for passage in re.split(r"\n(?=[|\n])", MANUAL):  # a row of a table, or a paragraph
        file = ""
        for match in re.finditer(f"{FILES.pattern}|{NAMES.pattern}", passage):
            if match[1]:
                file = match[1]
            elif not re.search(rf"(def|class) {match[2]}\b", (TESTS / file).read_text()):
                missing.append((file, match[2]))
    assert missing == []


@pytest.mark.parametrize(
    "said",
    [
        f"| `max_streams` | {Settings().max_streams} |",
        f"| `max_waiting_requests` | {Settings().max_waiting_requests} |",
        f"| `max_queued_input_total_ms` | {Settings().max_queued_input_total_ms // 1000} s |",
        f"`RpcOptions.max_unopened_streams` | | {RpcOptions().max_unopened_streams:,} |",
        f"{RpcOptions().stream_buffer_bytes // 1024} KiB (`max_buffered_bytes`",
        f"{SessionOptions().max_queued_input_ms // 1000} s of audio (`max_queued_input_ms`)",
        f"{SessionOptions().max_utterances_in_flight}, until the reader",
        f"{SessionOptions().max_queued_events} events beside them",
        f"{SessionOptions().max_unacknowledged:,} (`max_unacknowledged`)",
        f"after {SessionOptions().max_engine_wait_ms // 1000} s the utterance fails",
        f"{EngineLimits().max_live_requests:,} (`max_live_requests`)",
        f"{EngineLimits().initial_credit_pieces} pieces a target",
        f"{MAX_SPEECH_BYTES // 1024} KiB of speech",
        f"no response could leave for {RpcOptions().write_timeout_s:g} s",
        f"`keepalive_time_ms` | {Settings().keepalive_time_ms // 1000} s |",
        f"`ping_timeout_ms` | {Settings().ping_timeout_ms // 1000} s |",
        f"{GatewayOptions().max_message_bytes // MIB} MiB (`GatewayOptions.max_message_bytes`)",
        f"{GatewayOptions().config_timeout_s:g} s each (`GatewayOptions.config_timeout_s`)",
        f"; {GatewayOptions().crowded_timeout_s:g} s for those that come while "
        f"{GatewayOptions().max_unopened_streams // 4} wait",
        f"{GatewayOptions().send_buffer_bytes // 1024} KiB in the socket's buffer",
        f"{GatewayOptions().max_uploads} of at most {GatewayOptions().max_file_bytes // MIB} MiB each",
        f"{GatewayOptions().max_uploads_per_caller} of one caller",
        f"{GatewayOptions().upload_timeout_s:g} s without a byte",
        f"{GatewayOptions().upload_limit_s:g} s in all",
        f"{GatewayOptions().max_file_duration_s:,.0f} s of audio",
        f"{MAX_WAITING_UPDATES} updates an utterance (`max_waiting_updates`)",
        f"nothing came for {RpcOptions().discard_idle_s * 1000:g} ms, for "
        f"{RpcOptions().discard_timeout_s * 1000:g} ms and "
        f"{RpcOptions().discard_limit_bytes // MIB} MiB at most",
        f"still there {RpcOptions().drain_finish_s:g} s before the deadline",
        f"the engine work {CapacityOptions(1).target_load * 100:g} % of the time",
        f"{CapacityOptions(1).target_slots * 100:g} % of the slots",
        f"(`RpcOptions.max_reads`) | {RpcOptions().max_reads} of `Translate`",
        f"and {RpcOptions().max_reads_per_caller} of each from one caller",
        f"(`RpcOptions.message_timeout_s`) | {RpcOptions().message_timeout_s:g} s",
        f"the `config` of a stream {RpcOptions().config_timeout_s:g} s",
        f"| {MAX_ENTRIES:,}, counted before it is parsed",
        f"(`RpcOptions.max_streams_per_connection`) | {RpcOptions().max_streams_per_connection:,} ",
        f"{RpcOptions().max_calls:,}, and {RpcOptions().max_calls_per_caller:,} of one caller",
        f"(`RpcOptions.max_connections`) | {RpcOptions().max_connections:,} |",
        f"(`GatewayOptions.max_connections`) | {GatewayOptions().max_connections:,} |",
        f"(`GatewayOptions.request_timeout_s`) | {GatewayOptions().request_timeout_s:g} s |",
        f"(`AdminOptions.request_timeout_s`) | {AdminOptions().request_timeout_s:g} s |",
        f"(`AdminOptions.max_connections`) | {AdminOptions().max_connections:,} |",
    ],
)
def test_numbers_are_those_of_the_code(said: str) -> None:
    assert said in MANUAL


def test_measured_numbers_are_those_of_the_results() -> None:
    attacks = json.loads(attacks_table.RESULTS.read_text())
    rows = [row for side in attacks_table.SIDES for row in attacks_table.rows(attacks[side])]
    rows += attacks_table.given_back(attacks)
    assert len(rows) > 20
    assert [row for row in rows if row not in MANUAL] == []


def test_the_frames_and_events_of_the_soak_are_those_that_were_counted() -> None:
    counted = json.loads((TESTS.parent / "benchmarks" / "results" / "soak.json").read_text())["paced"]
    assert (
        f"samples and events lost | 0 of {counted['frames']:,} frames, {counted['events']:,} events | 0 |"
        in MANUAL
    )
