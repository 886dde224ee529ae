"""``ion-summary verify``: reads everything, and names every damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command
from ion_summary.errors import StoreCorruptError

if TYPE_CHECKING:
    from ion_summary.operations.verify import VerifyReport

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("store", "lock_timeout", "format")
def verify(
    run: Run,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move what cannot be read to quarantine, and rebuild the index.")
    ] = False,
) -> int:
    """Read everything, and name every damage by file and line.

    \b
    Examples:
      ion-summary verify            exit status 12 if something is damaged
      ion-summary verify --json
      ion-summary verify --repair   exit status 12 if something is still damaged afterwards
    """
    from ion_summary.operations import verify as operations

    operation = operations.repair if repair else operations.verify
    with run.storage() as storage:
        report = operation(storage, run.out.progress())
    _render(run, report)
    for each in report.repaired:
        run.out.note(f"repaired: {records.place(each.file, each.line)}: {each.problem}")
    for each in report.lost:
        run.out.note(f"lost: {records.place(each.file, each.line)}: {each.problem}")
    if report.lost:
        run.out.note("`ion-summary restore --merge ARCHIVE` brings back what an archive has of it")
    if report.begins_queue:
        run.out.note(
            "the queue is in quarantine, and a new one begins: `summarize --pending` queues again what waited;"
            " what was spent is no longer known, so that budgets begin at nothing"
        )
    if not report.had_index:
        run.out.note("there was no index to compare with: lines cut off as a whole would not have been noticed")
    undigested = f", {report.without_digest:,} of them without a digest" if report.without_digest else ""
    run.out.note(f"{report.records:,} records read{undigested}: {'all is well' if report.ok else 'damaged'}")
    return 0 if report.ok else StoreCorruptError.exit_code


def _render(run: Run, report: VerifyReport) -> None:
    findings = [records.finding_document(each) for each in report.findings]
    cells = [(each["file"], each["line"], each["problem"]) for each in findings]
    run.out.render(
        document=lambda: {
            "ok": report.ok,
            "records": report.records,
            "without_digest": report.without_digest,
            "findings": findings,
            "repaired": [records.finding_document(each) for each in report.repaired],
            "lost": [records.finding_document(each) for each in report.lost],
        },
        items=lambda: findings,
        columns=("file", "line", "problem"),
        rows=lambda: cells,
        table=lambda terminal: terminal.table(["file", "line", "problem"], cells) if cells else None,
    )
