"""``ion-summary worker``: has Gemini summarize what is queued."""

from __future__ import annotations

from typing import Annotated

import typer

from ion_summary.cli import working
from ion_summary.cli.command import Command, Run, command

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command(*working.SETTINGS, "store", "lock_timeout", "format", "tz")
def worker(
    run: Run,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Only sessions of this user.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only sessions that ended then or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only sessions that ended then or before.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="So many sessions, at most.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for more instead of ending.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate the cost, and ask nobody.")] = False,
) -> int:
    """Have Gemini summarize what is queued.

    Needs a key in GOOGLE_API_KEY or GEMINI_API_KEY. Several workers may share a store. Ctrl-C waits for answers that
    are paid; whatever is left stays queued.

    \b
    Examples:
      ion-summary worker                       until the queue is empty
      ion-summary worker --watch               for ever
      ion-summary worker --max-cost 0.50       and no further
      ion-summary worker --dry-run             what would it cost?
    """
    from ion_summary.operations.worker import WorkerRequest
    from ion_summary.operations.worker import worker as operation

    request = WorkerRequest(working.chosen(run, user, since, until), limit, watch)
    with run.storage() as storage:
        if dry_run:
            from ion_summary.operations.estimate import estimate_queued

            return working.show_estimate(run, estimate_queued(storage, run.settings, request))
        return working.show_report(run, operation(storage, run.settings, request, run.out.progress()))
