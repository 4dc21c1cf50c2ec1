"""What the demo shows: live where there is a terminal, line by line where there is none."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

_STYLES = {"transcript": "cyan", "translation": "bold green", "note": "dim"}


class DemoView:
    """Rows that grow (one per text of an utterance) above which finished lines scroll away.

    Without a terminal every change of a row is a line of its own, so that the growth shows there as well.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, Text] = {}
        self._live = (
            Live(console=console, refresh_per_second=20, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> DemoView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()
        if self._live is not None:
            self._live.stop()

    def line(self, at_ms: float, text: str, style: str = "note") -> None:
        """A line that stays as it is."""
        self._console.print(_row(at_ms, text, style), soft_wrap=True)

    def grow(self, key: str, at_ms: float, text: str, style: str) -> None:
        """Replaces the row ``key`` by a longer one."""
        self._rows[key] = _row(at_ms, text, style)
        if self._live is not None:
            self._live.update(self._content())
        else:
            self._console.print(self._rows[key], soft_wrap=True)

    def settle(self) -> None:
        """The rows will not grow any more: they become lines."""
        if self._live is not None:
            self._live.update(Text(""))
            for row in self._rows.values():
                self._console.print(row, soft_wrap=True)
        self._rows.clear()

    def _content(self) -> RenderableType:
        return Group(*self._rows.values())


def _row(at_ms: float, text: str, style: str) -> Text:
    return Text.assemble((f"{at_ms / 1000:7.2f} s  ", "dim"), (text, _STYLES[style]))
