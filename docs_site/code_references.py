"""References that are made from the code: the Python client, the command line, the settings of a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import typer
import typer.main

from translate_svc import client
from translate_svc.cli.main import app
from translate_svc.config import Settings, setting_infos

_TYPES = (
    "TargetSettings", "VadSettings", "GuardSettings", "SimultaneousSettings", "StreamSettings",
    "StreamConfig", "TranslateRequest", "AudioFormat", "Encoding", "Inspect", "Segmentation", "SampleRange",
    "Opened", "SpeechStarted", "SpeechEnded", "TextDelta", "TokenInfo", "SpeechChunk", "DraftReport",
    "UtteranceDone", "UtteranceStatus", "EndReason", "Usage", "StageTiming", "TextConfidence", "Updated",
    "Cleared", "Progress", "StreamWarning", "GoAway", "Closed", "ServerInfo", "ModelInfo", "ServerLimits",
    "ServerLoad",
)  # fmt: skip
"""What the client takes and gives, in the order in which a reader meets it."""


def python_client() -> str:
    """The page of the client library; mkdocstrings fills in the docstrings."""
    first = ["AsyncClient", "AsyncStream", "AsyncTranslateCall", "Client", "Stream", "TranslateCall"]
    names = [*first, *(name for name in client.__all__ if name not in first)]
    lines = ["# Python client", "", "`pip install translate-svc` is enough: no PyTorch, no model.", ""]
    lines += ["## translate_svc.client", ""]
    lines += [f"::: translate_svc.client.{name}\n" for name in names]
    lines += ["## translate_svc.types", "", "Settings, events and reports, as plain data.", ""]
    lines += [f"::: translate_svc.types.{name}\n" for name in _TYPES]
    lines += ["## translate_svc.errors", "", "::: translate_svc.errors", ""]
    return "\n".join(lines)


def settings() -> str:
    """The page of the server's settings: name, default, meaning."""
    lines = [
        "# Settings of a server",
        "",
        "The setting `max_streams` is the flag `--max-streams` of `translate-svc serve`, the variable",
        "`TRANSLATE_SVC_MAX_STREAMS`, and `max_streams = 8` in the file of `--config` (TOML; YAML is read",
        "too). Flags count more than variables, and variables more than the file.",
        "",
        "| setting | default | limits | what it is |",
        "|---|---|---|---|",
    ]
    infos = setting_infos()
    for field in fields(Settings):
        info, default = infos[field.name], field.default
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        if field.name == "model_cache":
            shown = "~/.cache/translate-svc/models"
        limits = "" if info.low is None else f"{info.low:g} to {info.high:g}"
        lines.append(f"| `{field.name}` | {f'`{shown}`' if shown else ''} | {limits} | {info.help} |")
    return "\n".join(lines) + "\n"


def command_line() -> str:
    """The page of the command: what ``--help`` says of each command."""
    group = typer.main.get_command(app)
    lines = ["# Command line", "", f"{group.help}", ""]
    for name, command in _commands(group, "translate-svc"):
        lines += [f"## {name}", "", *_help(command.help or "")]
        context = typer.Context(command, info_name=name)
        rows = [row for each in command.params if (row := each.get_help_record(context)) is not None]
        if rows:
            lines += ["| option | |", "|---|---|"]
            lines += [f"| `{_cell(flag)}` | {_cell(text)} |" for flag, text in rows]
            lines.append("")
    return "\n".join(lines)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The commands below ``command`` with their whole names. Typer's classes of them have no public types."""
    for own, inside in getattr(command, "commands", {}).items():
        if not hasattr(inside, "commands") or inside.invoke_without_command:
            yield f"{name} {own}", inside
        yield from _commands(inside, f"{name} {own}")


def _help(text: str) -> Iterator[str]:
    """A help text as Markdown: its examples are a block of code."""
    for part in text.replace("\b\n", "").split("\n\n"):  # Click's mark of a paragraph that is kept as it is
        first, *others = part.splitlines() or [""]
        if first == "Examples:":
            yield from ("```console", *(f"$ {line.strip()}" for line in others), "```", "")
        else:
            yield from (part, "")


def _cell(text: str) -> str:
    """``text`` in a table."""
    return text.replace("|", "\\|")
