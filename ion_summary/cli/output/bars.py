"""How does a person see, on standard error, how far a long operation is?"""

from __future__ import annotations

from rich.console import Console  # noqa: TID253 - this module is loaded only where bars are drawn
from rich.progress import (  # noqa: TID253
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class Bars:
    """A bar for each phase, gone when the phase is over."""

    def __init__(self, *, color: bool) -> None:
        self._console = Console(stderr=True, no_color=not color, markup=False, highlight=False, emoji=False)
        self._progress: Progress | None = None

    def start(self, title: str, total: int | None, unit: str) -> None:
        """Draws a bar for a phase of ``total`` ``unit``."""
        self.finish()
        counted: list[ProgressColumn] = (
            [DownloadColumn()] if unit == "bytes" else [MofNCompleteColumn(), TextColumn(unit, markup=False)]
        )
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            *counted,
            TimeRemainingColumn(),
            TextColumn("{task.fields[remark]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._progress.start()
        self._progress.add_task(title, total=total, remark="")

    def advance(self, amount: int) -> None:
        """Moves the bar."""
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], amount)

    def remark(self, text: str) -> None:
        """Shows a few words behind the bar."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], remark=text)

    def finish(self) -> None:
        """Takes the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
