"""``ion-summary forget``: erases a user or a session everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ion_summary.cli import plans
from ion_summary.cli.command import Command, Run, command, readable

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("store", "lock_timeout", "format")
def forget(
    run: Run,
    user: Annotated[
        str | None, typer.Option(metavar="ID", help="Every session of this user, and rooms with this person.")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="This session.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and erase nothing.")] = False,
) -> int | None:
    """Erase a user or a session everywhere, for good.

    Partitions, transcripts, index, queue and quarantine are written anew without them. A tombstone, which does not say
    who it was, keeps every later ingest and restore from bringing them back.

    \b
    Examples:
      ion-summary forget --user kim --dry-run
      ion-summary forget --user kim
      ion-summary forget --session s-1 --yes
    """
    from ion_summary.operations.forget import Forgotten, plan
    from ion_summary.operations.forget import forget as operation

    who = Forgotten(*(None if name is None else readable(name) for name in (user, session)))
    with run.storage() as storage:
        planned = plan(storage, who)
        if dry_run:
            plans.show(run, _document(planned), executed=False)
            return None
        subject = f"user {who.user!r}" if who.user is not None else f"session {who.session!r}"
        question = (
            f"Erase {subject} for good: {planned.sessions:,} session{'' if planned.sessions == 1 else 's'} of "
            f"{planned.partitions:,} days, {planned.bytes:,} bytes?"
        )
        if not plans.is_agreed(run, question, yes=yes):
            return plans.DECLINED
        done = operation(storage, who)
    plans.show(run, _document(done), executed=True)
    return None


def _document(planned: Any) -> dict[str, Any]:
    return {
        "sessions": planned.sessions,
        "partitions": planned.partitions,
        "bytes": planned.bytes,
        "cutoff": None,
    }
