"""``ion-summary reindex``: rebuilds the index from the partitions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("workers", "store", "lock_timeout", "format")
def reindex(
    run: Run,
    compact: Annotated[
        bool, typer.Option("--compact", help="First drop superseded lines, and compress transcripts of past months.")
    ] = False,
) -> int:
    """Rebuild the index from the stored lines.

    \b
    Examples:
      ion-summary reindex              only needed if `verify` says so: the index follows by itself
      ion-summary reindex --workers 4
      ion-summary reindex --compact    make the store smaller
    """
    from dataclasses import asdict

    from ion_summary.operations import reindex as operations

    with run.storage() as storage:
        compacted = operations.compact(storage) if compact else None
        report = operations.reindex(storage, run.out.progress(), workers=run.settings.workers)
    counted: dict[str, Any] = {"records": report.records, "partitions": report.partitions}
    counted["elapsed_s"] = round(report.elapsed_s, 3)
    shrunk = {} if compacted is None else {"compacted": asdict(compacted)}
    rows = [*counted.items(), ("quarantined", len(report.quarantined)), *shrunk.get("compacted", {}).items()]
    quarantined = [records.finding_document(each) for each in report.quarantined]
    run.out.render(
        document=lambda: {**counted, "quarantined": quarantined, **shrunk},
        columns=("name", "value"),
        rows=lambda: rows,
        table=lambda terminal: terminal.fields(rows),
    )
    for each in report.quarantined:
        run.out.note(f"quarantined: {records.place(each.file, each.line)}: {each.problem}")
    return 0
