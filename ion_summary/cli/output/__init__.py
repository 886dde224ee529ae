"""Where do results and everything else go, and in which shape?

Results go to standard output, as a table on a terminal and as plain lines in a pipe unless something else is asked
for; everything else goes to standard error. rich is known here only (in ``terminal`` and ``bars``), and loaded only
where there is a terminal to draw on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, TextIO

from ion_summary.cli.output import inert
from ion_summary.errors import IonSummaryError

if TYPE_CHECKING:
    from ion_summary.cli.output.bars import Bars
    from ion_summary.cli.output.terminal import Terminal
    from ion_summary.config import Settings
    from ion_summary.progress import Progress

Rows = Iterable[Sequence[Any]]


class Output:
    """The output of one command. ``format`` is ``table``, ``plain``, ``json``, ``jsonl`` or ``csv``."""

    def __init__(
        self, settings: Settings, tz: tzinfo | None, stored_tz: tzinfo | None, environment: Mapping[str, str]
    ) -> None:
        self.format = settings.format
        if self.format == "auto":
            self.format = "table" if _is_terminal(sys.stdout) else "plain"
        self.quiet = settings.quiet
        self._tz = tz
        self._stored_tz = stored_tz
        self._color = settings.color and not environment.get("NO_COLOR")
        self._environment = environment
        self._bars: Bars | None = None

    def render(
        self,
        *,
        document: Callable[[], Any],
        columns: Sequence[str],
        rows: Callable[[], Rows],
        table: Callable[[Terminal], None],
        items: Callable[[], Iterable[Any]] | None = None,
    ) -> None:
        """Prints one result in the format asked for; only the function that is needed is called.

        ``document`` is the JSON value, ``items`` the values of JSON Lines (default: the document is the only one),
        ``columns`` and ``rows`` make plain lines and CSV, ``table`` draws on a terminal.
        """
        if self.format == "json":
            self.json(document())
        elif self.format == "jsonl":
            for item in items() if items else [document()]:
                self.json(item)
        elif self.format == "csv":
            self._csv(columns, rows())
        elif self.format == "plain":
            for row in rows():
                self.line("\t".join(map(inert.plain_cell, row)))
        else:
            table(self.terminal())

    def stream(
        self,
        *,
        columns: Sequence[str],
        items: Iterable[Any],
        document: Callable[[Any], Any],
        row: Callable[[Any], Sequence[Any]],
        block: Callable[[Terminal, Any], None],
    ) -> None:
        """Prints results as they come: ``document`` is an item's JSON value, ``row`` its cells, ``block`` draws it."""
        if self.format == "json":
            separator = "["
            for item in items:
                self._write(separator + self._json_text(document(item)))
                separator = ",\n"
            self.line("]" if separator != "[" else "[]")
        elif self.format == "jsonl":
            for item in items:
                self.json(document(item))
        elif self.format == "csv":
            self._csv(columns, map(row, items))
        elif self.format == "plain":
            for item in items:
                self.line("\t".join(map(inert.plain_cell, row(item))))
        else:
            terminal = self.terminal()
            for item in items:
                block(terminal, item)

    def json(self, value: Any) -> None:
        """One JSON value: indented for eyes, in one line for programs."""
        self.line(self._json_text(value))

    def line(self, text: str) -> None:
        """One line of a result, as it is."""
        self._write(text + "\n")

    def terminal(self) -> Terminal:
        """Standard output as something to draw on."""
        from ion_summary.cli.output.terminal import Terminal

        return Terminal(sys.stdout, color=self._color, moment=self._moment, environment=self._environment)

    def note(self, text: str) -> None:
        """A remark on standard error, unless ``--quiet``."""
        if not self.quiet:
            warn(text)

    def progress(self) -> Progress:
        """Progress bars where somebody sees them, silence elsewhere."""
        if self.quiet or not _is_terminal(sys.stderr):
            from ion_summary.progress import Silent

            return Silent()
        from ion_summary.cli.output.bars import Bars

        self._bars = Bars(color=self._color)
        return self._bars

    def close(self) -> None:
        """Takes away a progress bar whose operation did not end."""
        if self._bars is not None:
            self._bars.finish()

    def time(self, created_at: str) -> str:
        """A record's time for people and programs, in the zone asked for; as it stands if it is no time."""
        moment = self._moment(created_at)
        return moment.isoformat(timespec="seconds") if moment else created_at

    def _moment(self, created_at: str) -> datetime | None:
        from ion_summary import times

        try:
            return times.read(created_at, self._tz or times.LOCAL, self._stored_tz or times.LOCAL)
        except (ValueError, OverflowError):
            return None

    def _json_text(self, value: Any) -> str:
        return inert.json_text(value, indent=_is_terminal(sys.stdout), ascii_only=not _is_unicode(sys.stdout))

    def _csv(self, columns: Sequence[str], rows: Rows) -> None:
        import csv

        from ion_summary.text.cells import csv_cell

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(map(csv_cell, row) for row in rows)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)


def warn(text: str) -> None:
    """One line on standard error."""
    _say(inert.one_line(text))


def _say(line: str) -> None:
    try:
        sys.stderr.write(line + "\n")
    except OSError:  # it is on the full disk too: the exit status must say it alone
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Nobody reads what is left; without this, Python would complain about it at the very end."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_error(error: IonSummaryError, *, json: bool) -> None:
    """An error as people or, with ``--json``, programs read it, on standard error."""
    if json:
        about = {
            "code": error.code,
            "message": inert.one_line(error.message),
            "hint": inert.one_line(error.hint),
            "exit_code": error.exit_code,
        }
        _say(inert.json_text({"error": about}, ascii_only=not _is_unicode(sys.stderr)))
    else:
        warn(f"error: {error.message}")
        warn(f"hint: {error.hint}")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")
