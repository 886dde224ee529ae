"""``ion-summary similar``: finds the sessions that are about the same as one."""

from __future__ import annotations

from typing import Annotated

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command, readable

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("limit", "store", "format", "tz")
def similar(
    run: Run,
    session_id: Annotated[str, typer.Argument(metavar="SESSION_ID", help="As `ion-summary search` lists it.")],
) -> None:
    """Find the sessions that are about the same as one.

    \b
    Examples:
      ion-summary similar s-1              the most alike first, with the words that both have
      ion-summary similar s-1 -n 5 --json
    """
    from ion_summary.operations.similar import similar as find

    with run.storage() as storage:
        found = find(storage, readable(session_id), run.settings.limit)
    documents = [{**each.record.to_dict(), "score": each.score, "shared": each.shared} for each in found]
    run.out.render(
        document=lambda: documents,
        items=lambda: documents,
        columns=("score", *records.COLUMNS),
        rows=lambda: ((each.score, *records.row(run.out, each.record)) for each in found),
        table=lambda terminal: records.alike_table(terminal, found),
    )
    if not found:
        run.out.note("no session shares its words")
