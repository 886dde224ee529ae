"""``ion-summary summarize``: prints a summary of each session in the files, and stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output import warn

if TYPE_CHECKING:
    from ion_summary.model import SessionSummary
    from ion_summary.transcripts.reader import Rejected

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("max_bullets", "max_chars", "input_format", "user", "split", "format", "tz", hidden=("store",))
def summarize(
    run: Run,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, directories, zip archives; - reads standard input.")
    ],
) -> int:
    """Print a summary of each session in the files, and store nothing.

    \b
    Examples:
      ion-summary summarize chat.txt
      ion-summary summarize exports/ --max-bullets 3
      pbpaste | ion-summary summarize -
    """
    from ion_summary.operations.summarize import SummarizeRequest
    from ion_summary.operations.summarize import summarize as operation

    chosen = run.settings
    request = SummarizeRequest(
        paths=paths,
        input_format=chosen.input_format,
        max_bullets=chosen.max_bullets,
        max_chars=chosen.max_chars,
        tz=run.reading_tz,
        split=chosen.split,
        user=chosen.user,
    )
    sorting = Sorting(operation(request))
    run.out.stream(
        items=sorting.summaries(),
        document=lambda record: record.to_dict(),
        columns=records.COLUMNS,
        row=lambda record: records.row(run.out, record),
        block=records.block,
    )
    return records.status(sorting.read, sorting.rejected)


class Sorting:
    """Passes the summaries on and names what was rejected on standard error."""

    def __init__(self, results: Iterable[SessionSummary | Rejected]) -> None:
        self._results = results
        self.read = 0
        self.rejected = 0

    def summaries(self) -> Iterator[SessionSummary]:
        """The summaries, as they come."""
        from ion_summary.model import SessionSummary

        for result in self._results:
            if isinstance(result, SessionSummary):
                self.read += 1
                yield result
            else:
                self.rejected += 1
                warn(records.rejected_line(result))
