"""``ion-summary forget``: erases a user or a session everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ion_summary.cli import plans
from ion_summary.cli.command import Command, Run, command, readable
from ion_summary.cli.output import warn

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("store", "lock_timeout", "format")
def forget(
    run: Run,
    user: Annotated[
        str | None, typer.Option(metavar="ID", help="Every session of this user, and rooms with this person.")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="This session.")] = None,
    archives: Annotated[
        Path | None,
        typer.Option("--archives", metavar="DIR", help="Where the archives are. [default: backups beside the store]"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and erase nothing.")] = False,
) -> int | None:
    """Erase a user or a session everywhere, for good.

    Partitions, transcripts, index, queue and quarantine are written anew without them. A tombstone, which does not say
    who it was, keeps every later ingest and restore from bringing them back. Archives that still hold them are listed;
    `ion-summary backup --rewrite` takes them out of these.

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
        if planned.whole_queue:
            warn(
                "the queue of LLM summaries is broken, and goes as a whole: nobody can tell what it holds of them;"
                " `ion-summary summarize --pending` queues the others again"
            )
        if dry_run:
            plans.show(run, _document(planned, _held(run, storage, who, archives)), executed=False)
            return None
        subject = f"user {who.user!r}" if who.user is not None else f"session {who.session!r}"
        question = (
            f"Erase {subject} for good: {planned.sessions:,} session{'' if planned.sessions == 1 else 's'} of "
            f"{planned.partitions:,} days, {planned.bytes:,} bytes?"
        )
        if not plans.is_agreed(run, question, yes=yes):
            return plans.DECLINED
        done = operation(storage, who)
        held = _held(run, storage, who, archives)
    plans.show(run, _document(done, held), executed=True)
    for each in held:
        until = f"until {each['removed_on']}" if each["removed_on"] else "and no rule removes it"
        what = "still holds them" if each["lines"] else "may still hold them, it cannot be read"
        run.out.note(f"{each['archive']} {what}, {until}")
    if held:
        run.out.note("`ion-summary backup --rewrite` takes them out")
    return None


def _held(run: Run, storage: Any, who: Any, directory: Path | None) -> list[dict[str, Any]]:
    from ion_summary.operations.archived import holding
    from ion_summary.operations.backup import rules_of

    found = holding(
        storage,
        user=who.user,
        session=who.session,
        directory=directory,
        rules=rules_of(run.settings),
        tz=run.tz,
        lock_timeout=run.settings.lock_timeout,
    )
    return [
        {
            "archive": str(each.archive.path),
            "lines": each.lines,
            "removed_on": None if each.removed_on is None else each.removed_on.isoformat(),
        }
        for each in found
    ]


def _document(planned: Any, held: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sessions": planned.sessions,
        "partitions": planned.partitions,
        "bytes": planned.bytes,
        "cutoff": None,
        "archives": held,
    }
