"""``ion-summary stats``: counts and draws what the store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ion_summary.cli.command import Command, Run, command, destination
from ion_summary.cli.output import warn

if TYPE_CHECKING:
    from ion_summary.cli.output.terminal import Terminal
    from ion_summary.operations.stats import Key
    from ion_summary.store.storage import SessionSummaryStorage

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_GROUP_COLUMNS = ("key", "sessions", "messages", "llm", "rule_based", "pruned", "cost_usd")
_SPARKLINE_DAYS = 60
_BROKEN_QUEUE = (
    "the queue of LLM summaries is broken: what waits and what was spent is not known;"
    " `ion-summary verify --repair` puts it aside"
)


@app.command(cls=Command)
@command("store", "format", "tz")
def stats(
    run: Run,
    by: Annotated[
        Literal["day", "month", "user", "source", "type", "tag"] | None, typer.Option(help="One row for each of these.")
    ] = None,
    html: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write all of it as one page.")] = None,
) -> None:
    """Count and draw what the store holds.

    \b
    Examples:
      ion-summary stats                          counts, sessions per day, a calendar
      ion-summary stats --by month               one row a month
      ion-summary stats --by user --format csv
      ion-summary stats --by tag                 what are the sessions about?
      ion-summary stats --html report.html       a page that needs no network
    """
    with run.storage() as storage:
        if html is not None:
            _page(run, storage, html)
        elif by is None:
            _totals(run, storage)
        else:
            _groups(run, storage, by)


def _page(run: Run, storage: SessionSummaryStorage, file: str) -> None:
    from datetime import datetime

    from ion_summary.exports.report import page
    from ion_summary.operations.stats import report
    from ion_summary.times import LOCAL

    data = page(report(storage, run.tz, datetime.now(run.tz or LOCAL)))
    with destination(file) as target:
        target.write(data)
    if file == "-":
        return
    run.out.render(
        document=lambda: {"file": file, "bytes": len(data)},
        columns=("file", "bytes"),
        rows=lambda: [(file, len(data))],
        table=lambda terminal: terminal.fields([("file", file), ("bytes", len(data))]),
    )


def _groups(run: Run, storage: SessionSummaryStorage, by: Key) -> None:
    from ion_summary.operations.stats import spending, stats_by

    known = spending(storage, by)
    if known is None:
        warn(_BROKEN_QUEUE)
    spent, nothing = known or {}, None if known is None else 0.0
    groups = [{**group._asdict(), "cost_usd": spent.pop(group.key, nothing)} for group in stats_by(storage, by, run.tz)]
    # Days on which something was spent, and no session ended.
    groups += [dict.fromkeys(_GROUP_COLUMNS, 0) | {"key": key, "cost_usd": cost} for key, cost in spent.items()]
    for group in groups:
        group["cost_usd"] = None if group["cost_usd"] is None else round(group["cost_usd"], 8)
    if by in ("day", "month"):
        groups.sort(key=lambda group: str(group["key"]))
    rows = [tuple(group[name] for name in _GROUP_COLUMNS) for group in groups]
    run.out.render(
        document=lambda: groups,
        items=lambda: groups,
        columns=_GROUP_COLUMNS,
        rows=lambda: rows,
        table=lambda terminal: _draw_groups(terminal, by, rows),
    )


def _totals(run: Run, storage: SessionSummaryStorage) -> None:
    from dataclasses import asdict

    from ion_summary.operations.stats import days, failures, stats

    counted, failed = asdict(stats(storage)), failures(storage)
    if counted["pending_jobs"] is None:
        warn(_BROKEN_QUEUE)
    named = [{"reason": reason, "sessions": count} for reason, count in failed.items()]
    run.out.render(
        document=lambda: {**counted, "failures": named},
        columns=("name", "value"),
        rows=lambda: [*counted.items(), *((f"failed: {reason}", count) for reason, count in failed.items())],
        table=lambda terminal: _draw(terminal, counted, failed, dict(days(storage, run.tz))),
    )


def _draw_groups(terminal: Terminal, by: str, rows: list[tuple[Any, ...]]) -> None:
    from ion_summary.cli.output.terminal import Column

    terminal.table([by, *(Column(name, right=True) for name in _GROUP_COLUMNS[1:])], rows)


def _draw(terminal: Terminal, counted: dict[str, Any], failures: dict[str, int], days: dict[Any, int]) -> None:
    from ion_summary.cli import pictures

    shown = dict(counted)
    for name in ("oldest", "newest"):
        shown[name] = terminal.time(counted[name]) if counted[name] else "-"
    shown["storage_bytes"] = _size(counted["storage_bytes"])
    for name in ("cost_usd", "cost_today_usd", "cost_month_usd"):
        shown[name] = "-" if counted[name] is None else f"{counted[name]:.4f}"
    terminal.fields((name.replace("_", " "), value) for name, value in shown.items())
    if failures:
        terminal.text()
        terminal.text("sessions without an LLM summary, although one was asked for", style="dim")
        terminal.fields((f"{count:,}", reason) for reason, count in failures.items())
    if not days:
        return
    bars = pictures.BARS if terminal.blocks else pictures.PLAIN_BARS
    shades = pictures.SHADES if terminal.blocks else pictures.PLAIN_SHADES
    recent = pictures.last_days(days, max(1, min(_SPARKLINE_DAYS, terminal.width)))
    terminal.text()
    terminal.text(f"sessions per day, {recent[0][0]} to {recent[-1][0]}", style="dim")
    terminal.picture([pictures.sparkline([count for _, count in recent], bars)])
    terminal.text()
    terminal.text(f"the weeks up to {recent[-1][0]}", style="dim")
    terminal.picture(pictures.calendar(days, terminal.width, shades))


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
