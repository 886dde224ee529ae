"""``ion-summary prune``: deletes what is older than an age."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from ion_summary.cli import plans
from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output import warn

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("store", "lock_timeout", "format", "tz")
def prune(
    run: Run,
    older_than: Annotated[str, typer.Option(metavar="AGE", help="Sessions that ended so long ago: 90d 12w 6mo 1y.")],
    user: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this user's, and rooms with this person.")
    ] = None,
    summary_type: Annotated[
        Literal["llm", "rule_based"] | None, typer.Option("--type", help="Only this type of summary.")
    ] = None,
    keep_stats: Annotated[
        bool, typer.Option("--keep-stats/--no-keep-stats", help="Keep for `stats` how many there were each day.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Even if it looks wrong.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and delete nothing.")] = False,
) -> int | None:
    """Delete the sessions that are older than an age.

    Whole days (UTC) go, with their transcripts, index rows and queued jobs, and no later ingest brings them back.
    Refused without --force if it would take more than half of the store, or if the clock is behind the newest record.

    \b
    Examples:
      ion-summary prune --older-than 90d --dry-run
      ion-summary prune --older-than 90d --yes               for cron
      ion-summary prune --older-than 30d --type rule_based
    """
    from ion_summary import times
    from ion_summary.errors import RefusedError
    from ion_summary.operations.prune import plan
    from ion_summary.operations.prune import prune as operation
    from ion_summary.store.pruning import Expiry
    from ion_summary.text.clean import one_line

    instant = times.before(older_than, run.tz or times.LOCAL)
    expiry = Expiry.of_instant(instant, None if user is None else one_line(user), summary_type)
    with run.storage() as storage:
        planned = plan(storage, expiry)
        if dry_run:
            plans.show(run, _document(planned), executed=False)
            return None
        if planned.objection and not force:
            raise RefusedError(reason=planned.objection)
        before = run.out.time(times.iso(expiry.cutoff_ms))
        question = (
            f"Delete {planned.sessions:,} session{'' if planned.sessions == 1 else 's'} that ended before {before}: "
            f"{planned.partitions:,} whole days and parts of {planned.rewritten:,}, {planned.bytes:,} bytes?"
        )
        if planned.bytes and not plans.is_agreed(run, question, yes=yes):
            return plans.DECLINED
        done = operation(storage, expiry, keep_counts=keep_stats, force=force)
    plans.show(run, _document(done), executed=True)
    if done.queue_problem is not None:
        warn(f"their jobs are left in the broken queue: {done.queue_problem}; `ion-summary verify` says more")
    return None


def _document(planned: Any) -> dict[str, Any]:
    from ion_summary import times

    return {
        "sessions": planned.sessions,
        "partitions": planned.partitions,
        "rewritten": planned.rewritten,
        "bytes": planned.bytes,
        "cutoff": times.iso(planned.cutoff_ms),
        "objection": planned.objection,
    }
