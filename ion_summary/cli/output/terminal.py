"""How are results drawn on a terminal?

Every cell is a ``rich.text.Text``, never markup, and of cleaned text; what does not fit is folded, because rich's
default overflow drops syllables of wrapped Korean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD  # noqa: TID253 - this module is loaded only where something is drawn
from rich.console import Console  # noqa: TID253
from rich.padding import Padding  # noqa: TID253
from rich.table import Table  # noqa: TID253
from rich.text import Text  # noqa: TID253

from ion_summary.text.clean import clean

_WIDTH_OF_A_FILE = 100
_TAB = " " * 4


@dataclass(frozen=True, slots=True)
class Marked:
    """A text of which some parts, ``spans`` of (start, end), are to stand out."""

    text: str
    spans: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, whether it takes the room left, whether numbers stand in it, its greatest width."""

    title: str
    wide: bool = False
    right: bool = False
    most: int | None = None


class Terminal:
    """Something to draw on, ``width`` cells wide."""

    def __init__(
        self, stream: TextIO, *, color: bool, moment: Callable[[str], datetime | None], environment: Mapping[str, str]
    ) -> None:
        drawn = stream.isatty()
        forced = environment.get("FORCE_COLOR", "") not in ("", "0")  # rich itself takes FORCE_COLOR=0 for "on"
        width = None if drawn or environment.get("COLUMNS", "").isdigit() else _WIDTH_OF_A_FILE
        self._console = Console(
            file=stream,
            force_terminal=drawn or forced,
            no_color=not color,
            width=width,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._moment = moment

    @property
    def width(self) -> int:
        """Cells in a line."""
        return self._console.width

    @property
    def blocks(self) -> bool:
        """Whether block characters can be shown."""
        return self._console.encoding.startswith("utf")

    def table(self, titles: Sequence[str | Column], rows: Iterable[Sequence[Any]]) -> None:
        """A table; cells are texts, numbers or ``Marked``."""
        columns = [title if isinstance(title, Column) else Column(title) for title in titles]
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=any(column.wide for column in columns))
        for column in columns:
            table.add_column(
                Text(column.title),
                ratio=1 if column.wide else None,
                justify="right" if column.right else "left",
                overflow="fold",
                max_width=column.most,
            )
        for row in rows:
            table.add_row(*map(cell, row))
        self._console.print(table)

    def fields(self, pairs: Iterable[tuple[str, Any]], indent: int = 0) -> None:
        """Names and their values, one pair a line."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in pairs:
            table.add_row(Text(name), cell(value))
        self._console.print(Padding(table, (0, 0, 0, indent)))

    def text(self, value: Any = "", *, style: str = "", indent: int = 0) -> None:
        """A paragraph, folded at the terminal's width."""
        self._console.print(Padding(cell(value, style), (0, 0, 0, indent)), overflow="fold")

    def picture(self, lines: Iterable[str], style: str = "") -> None:
        """Lines that must not be wrapped."""
        for line in lines:
            self._console.print(Text(line, style=style), no_wrap=True, overflow="crop", crop=True)

    def time(self, created_at: str) -> str:
        """A record's time to the minute, on the wall of the zone asked for."""
        moment = self._moment(created_at)
        return moment.strftime("%Y-%m-%d %H:%M") if moment else created_at


def cell(value: Any, style: str = "") -> Text:
    """``value`` as a text that neither rich nor the terminal takes for instructions."""
    if isinstance(value, Text):
        return value
    raw = (
        value.text
        if isinstance(value, Marked)
        else ""
        if value is None
        else f"{value:,}"
        if type(value) is int
        else str(value)
    )
    cleaned = clean(raw)
    text = Text(cleaned, style=style, overflow="fold")
    if isinstance(value, Marked) and cleaned == raw:  # else the positions no longer fit
        for start, end in value.spans:
            text.stylize("bold yellow", start, end)
    text.expand_tabs(len(_TAB))
    return text
