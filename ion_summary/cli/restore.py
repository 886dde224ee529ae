"""``ion-summary restore``: verifies an archive, then puts it in place, or takes from it what is newer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ion_summary.cli import plans
from ion_summary.cli.command import Command, Run, command
from ion_summary.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from ion_summary.operations.restore import Mode, Restoration

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("workers", "store", "lock_timeout", "format", "tz")
def restore(
    run: Run,
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="A .tar.zst or .tar.gz that backup has written.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Restore to this directory. [default: the store]")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put the archive in the place of what is there.")] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Add to what is there; of each session the newer wins.")
    ] = False,
    identity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The age identity that opens an encrypted archive.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Even if it looks wrong.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Verify, show the plan and restore nothing.")] = False,
) -> int | None:
    """Restore an archive that backup has written.

    Every byte is verified before anything at the place is touched. Without --replace or --merge it must be empty.
    What was forgotten, here or where the archive comes from, does not come back.

    \b
    Examples:
      ion-summary restore ARCHIVE --to look/           to have a look at it
      ion-summary restore ARCHIVE --replace --dry-run
      ion-summary restore ARCHIVE --merge              add what is missing or older here
    """
    from ion_summary.operations import restore as operation
    from ion_summary.store.storage import SessionSummaryStorage

    if replace and merge:
        raise UsageError(reason="--replace and --merge contradict each other", accepted="give one of them")
    mode: Mode = "replace" if replace else "merge" if merge else "new"
    request = operation.RestoreRequest(archive, mode, identity, run.settings.workers)
    place = run.settings.store if to is None else to
    with SessionSummaryStorage(place, lock_timeout=run.settings.lock_timeout, tz=run.stored_tz) as storage:
        if dry_run or not yes:
            planned = operation.plan(storage, request, run.out.progress())
            if dry_run:
                plans.show(run, _document(planned), executed=False)
                return None
            if planned.objection and not force:
                raise RefusedError(reason=planned.objection)
            if not plans.is_agreed(run, _question(run, planned), yes=yes):
                return plans.DECLINED
        done = operation.restore(storage, request, run.out.progress(), force=force)
    plans.show(run, _document(done), executed=True)
    return None


def _question(run: Run, planned: Restoration) -> str:
    what = f"{planned.sessions:,} sessions of {run.out.time(planned.created_at)}"
    if planned.mode == "merge":
        return f"Merge {what} into the {planned.sessions_there:,} in {planned.target}?"
    if planned.sessions_there:
        return f"Replace the {planned.sessions_there:,} sessions in {planned.target} by {what}?"
    return f"Restore {what} to {planned.target}?"


def _document(planned: Restoration) -> dict[str, Any]:
    document = {
        "target": str(planned.target),
        "mode": planned.mode,
        "sessions": planned.sessions,
        "partitions": planned.partitions,
        "bytes": planned.bytes,
        "cutoff": planned.created_at,
        "sessions_there": planned.sessions_there,
        "objection": planned.objection,
    }
    if planned.merged is not None:
        document |= {
            "new": planned.merged.new,
            "updated": planned.merged.updated,
            "unchanged": planned.merged.unchanged,
        }
    return document
