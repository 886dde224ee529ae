"""``ion-summary reindex``: rebuilds the index from the partitions."""

from __future__ import annotations

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("workers", "store", "lock_timeout", "format")
def reindex(run: Run) -> int:
    """Rebuild the index from the stored lines.

    \b
    Examples:
      ion-summary reindex              only needed if `verify` says so: the index follows by itself
      ion-summary reindex --workers 4
    """
    from ion_summary.operations.reindex import reindex as operation

    with run.storage() as storage:
        report = operation(storage, run.out.progress(), workers=run.settings.workers)
    counted = {"records": report.records, "partitions": report.partitions, "elapsed_s": round(report.elapsed_s, 3)}
    run.out.render(
        document=lambda: {**counted, "quarantined": [records.finding_document(each) for each in report.quarantined]},
        columns=("name", "value"),
        rows=lambda: [*counted.items(), ("quarantined", len(report.quarantined))],
        table=lambda terminal: terminal.fields([*counted.items(), ("quarantined", len(report.quarantined))]),
    )
    for each in report.quarantined:
        run.out.note(f"quarantined: {records.place(each.file, each.line)}: {each.problem}")
    return 0
