"""``ion-summary export``: writes the records to a file for other tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from ion_summary.cli.command import Command, Run, command, destination
from ion_summary.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("store", "format", "tz")
def export(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Its suffix names the format.")],
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Only with these words.")] = None,
    as_: Annotated[
        Literal["jsonl", "csv", "parquet"] | None, typer.Option("--as", help="The format, whatever the suffix.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Of this user, or with this person.")] = None,
    type_: Annotated[Literal["llm", "rule_based"] | None, typer.Option("--type", help="Only such summaries.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="2026-01-04, 90d, 6mo, yesterday, 3일 전 …")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Likewise; both are inclusive.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Sessions read from there.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Sessions about this topic.")] = None,
    messages: Annotated[bool, typer.Option("--messages", help="The sessions themselves, too (jsonl).")] = False,
) -> int:
    """Write the records to a file: JSON Lines, CSV or Parquet.

    \b
    Examples:
      ion-summary export all.csv                     a table for a spreadsheet
      ion-summary export refunds.jsonl 환불 --since 90d --messages
      ion-summary export all.parquet                 needs: pip install 'ion-summary[parquet]'
      ion-summary export - --user kim | jq .summary
    """
    from ion_summary.exports.exporter import WITH_MESSAGES, format_of, writer
    from ion_summary.operations.export import ExportRequest

    kind = format_of(file, as_)
    if messages and kind not in WITH_MESSAGES:
        raise UsageError(reason=f"{kind} has no place for messages", accepted=f"{', '.join(WITH_MESSAGES)} has")
    query = run.query(text, since, until, type_=type_, user=user, source=source, tag=tag)
    return _write(run, file, kind, writer(kind), ExportRequest(query, messages))


def _write(run: Run, file: str, kind: str, write: Any, request: Any) -> int:
    from ion_summary.operations.export import export as operation

    with run.storage() as storage:
        storage.require()
        with destination(file) as target:
            report = operation(storage, request, write, target, run.out.progress())
    if report.without_messages:
        run.out.note(f"{report.without_messages:,} sessions without messages: they are not kept, or damaged")
    if file != "-":
        done = {"file": file, "format": kind, "records": report.records}
        run.out.render(
            document=lambda: done,
            columns=tuple(done),
            rows=lambda: [tuple(done.values())],
            table=lambda terminal: terminal.fields(done.items()),
        )
    return 0
