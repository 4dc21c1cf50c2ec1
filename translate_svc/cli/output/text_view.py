"""Shows texts as they come: they grow in place on a terminal, and are printed line by line elsewhere."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

_STYLES = {"transcript": "cyan", "translation": "bold green", "note": "dim", "problem": "yellow"}
_REFRESHES_PER_S = 20


class TextView:
    """Rows that grow, one per text of an utterance. Finished lines scroll away above them.

    Without a terminal, a row is printed when it is settled. With ``show_growth`` every change is printed as a
    line of its own instead. ``footer`` is shown below the rows, only on a terminal.
    """

    def __init__(
        self, console: Console, *, show_growth: bool = True, footer: RenderableType | None = None
    ) -> None:
        self._console = console
        self._show_growth = show_growth
        self._footer = footer
        self._rows: dict[tuple[int, str], Text] = {}
        self._live = (
            Live(
                get_renderable=self._content,
                console=console,
                refresh_per_second=_REFRESHES_PER_S,
                transient=True,
            )
            if console.is_terminal and not console.quiet
            else None
        )

    def __enter__(self) -> TextView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        for utterance_id in sorted({utterance_id for utterance_id, _ in self._rows}):
            self.settle(utterance_id)
        if self._live is not None:
            self._live.stop()

    def line(self, stamp: str, text: str, style: str = "note") -> None:
        """Prints a line that will not change."""
        self._console.print(_row(stamp, text, style), soft_wrap=True)

    def grow(self, utterance_id: int, key: str, stamp: str, text: str, style: str) -> None:
        """Replaces the row ``key`` of an utterance by a longer one. Rows are sorted by utterance and key."""
        row = self._rows[utterance_id, key] = _row(stamp, text, style)
        if self._live is None and self._show_growth:
            self._console.print(row, soft_wrap=True)

    def settle(self, utterance_id: int) -> None:
        """Turns the rows of an utterance into lines: they will not grow any more."""
        keys = sorted(key for key in self._rows if key[0] == utterance_id)
        rows = [self._rows.pop(key) for key in keys]
        if self._live is not None:
            self._live.refresh()
        elif self._show_growth:
            return
        for row in rows:
            self._console.print(row, soft_wrap=True)

    def _content(self) -> RenderableType:
        rows: list[RenderableType] = [self._rows[key] for key in sorted(self._rows)]
        return Group(*rows, *([self._footer] if self._footer is not None else []))


def seconds_stamp(at_ms: float) -> str:
    """A time as text: ``   3.31 s``."""
    return f"{at_ms / 1000:7.2f} s"


def _row(stamp: str, text: str, style: str) -> Text:
    return Text.assemble((f"{stamp}  ", "dim"), (text, _STYLES[style]))
