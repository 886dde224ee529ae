"""What do ``summarize --pending`` and ``worker`` show, and what do they end with?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ion_summary.cli import records
from ion_summary.cli.output import warn

if TYPE_CHECKING:
    from ion_summary.cli.command import Run
    from ion_summary.jobs.job import Filter
    from ion_summary.operations.estimate import Estimate
    from ion_summary.operations.work_report import WorkReport

#: The settings that say how the model is asked.
SETTINGS = ("model", "mode", "concurrency", "rpm", "tpm", "max_cost", "redact")
_NAMED = 20


def chosen(run: Run, user: str | None, since: str | None, until: str | None) -> Filter:
    """The filter that the options mean."""
    from ion_summary.cli.command import readable
    from ion_summary.jobs.job import Filter

    since_ms, until_ms = run.span(since, until)
    return Filter(readable(user) if user is not None else None, since_ms, until_ms)


def show_report(run: Run, report: WorkReport) -> int:
    """Prints what came of it; the exit status. Raises what has stopped the run, KeyboardInterrupt too."""
    from ion_summary.operations.work_report import as_document

    document = as_document(report)
    flat = [(name, value) for name, value in document.items() if name not in ("tokens", "failures")]
    rows = [*flat, *((f"tokens {name}", count) for name, count in document["tokens"].items())]
    run.out.render(
        document=lambda: document,
        columns=("name", "value"),
        rows=lambda: rows,
        table=lambda terminal: terminal.fields(_drawn(rows)),
    )
    if run.out.format != "json":
        _name_failures(report)
    if report.waiting:
        soon = f"the first in {max(1, round(report.next_s)):,} s"
        run.out.note(f"{report.waiting:,} to be tried again, {soon}; `ion-summary summarize --pending` does not wait")
    if report.left:
        run.out.note(f"{report.left:,} left in the queue: the same command goes on from there")
    if report.interrupted:
        raise KeyboardInterrupt
    if report.stopped is not None:
        raise report.stopped
    return records.PARTIAL if report.failed else 0


def show_estimate(run: Run, estimate: Estimate) -> int:
    """Prints what it would cost."""
    document: dict[str, Any] = {
        "sessions": estimate.sessions,
        "equal": estimate.equal,
        "skipped": estimate.skipped,
        "model": estimate.model,
        "tokens": {"input": estimate.usage.input, "output": estimate.usage.output},
        "cost_usd": {"online": round(estimate.online_usd, 6), "batch": round(estimate.batch_usd, 6)},
        "executed": False,
    }
    rows = [
        ("sessions", estimate.sessions),
        ("equal", estimate.equal),
        ("skipped", estimate.skipped),
        ("model", estimate.model),
        ("tokens input", estimate.usage.input),
        ("tokens output", estimate.usage.output),
        ("cost_usd online", round(estimate.online_usd, 6)),
        ("cost_usd batch", round(estimate.batch_usd, 6)),
    ]
    run.out.render(
        document=lambda: document,
        columns=("name", "value"),
        rows=lambda: rows,
        table=lambda terminal: terminal.fields(rows),
    )
    run.out.note("an estimate: nobody was asked, nothing was queued")
    return 0


def _drawn(rows: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [("cost", f"${value:.4f}") if name == "cost_usd" else (name, value) for name, value in rows]


def _name_failures(report: WorkReport) -> None:
    for session, reason in report.failures[:_NAMED]:
        warn(f"not summarized: {session}: {reason}")
    rest = report.failed + report.skipped - _NAMED
    if rest > 0:
        warn(f"not summarized: {rest:,} more; --json names them")
