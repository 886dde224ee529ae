"""``ion-summary backup``: writes one verified archive of a consistent moment, and removes old ones by the calendar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output import warn
from ion_summary.cli.output.inert import plain_cell

if TYPE_CHECKING:
    from ion_summary.operations.backup import BackupReport

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("keep", "keep_daily", "keep_weekly", "keep_monthly", "store", "lock_timeout", "format", "tz")
def backup(
    run: Run,
    dest: Annotated[
        str | None, typer.Argument(metavar="[DEST]", help="Directory for archives. [default: backups beside the store]")
    ] = None,
    gzip: Annotated[bool, typer.Option("--gzip", help="Write a .tar.gz instead of a .tar.zst.")] = False,
    recipient: Annotated[
        str | None, typer.Option(metavar="AGE1...", help="Encrypt the archive to this age recipient.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written and removed, and do nothing.")
    ] = False,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="ARCHIVE", help="Check this archive instead of writing one.")
    ] = None,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Take what was forgotten out of the archives instead of writing one.")
    ] = False,
    identity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The age identity that opens an encrypted archive.")
    ] = None,
) -> int:
    """Write one verified archive of the store.

    It holds the store as it is at one moment, while others go on reading and writing.
    Without a --keep option no archive is ever removed; with one or more, those that none of them keeps.

    \b
    Examples:
      ion-summary backup                               into backups/ beside the store
      ion-summary backup /mnt/disk --keep-daily 7 --keep-weekly 4 --keep-monthly 12
      ion-summary backup --keep 3 --dry-run            what would be removed?
      ion-summary backup --verify ARCHIVE              is every byte of it what was written?
      ion-summary backup --rewrite                     after `forget`: take them out of the archives too
      ion-summary backup --recipient age1...           encrypted (needs 'ion-summary[encryption]')
    """
    if verify is not None:
        _verify(run, verify, identity)
        return 0
    if rewrite:
        return _rewrite(run, None if dest is None else Path(dest), identity)
    from ion_summary.operations import backup as operation

    request = operation.BackupRequest(
        directory=None if dest is None else Path(dest),
        gzip=gzip,
        recipient=recipient,
        rules=operation.rules_of(run.settings),
        tz=run.tz,
        lock_timeout=run.settings.lock_timeout,
    )
    with run.storage() as storage:
        if dry_run:
            _show_plan(run, operation.plan(storage, request))
        else:
            _show(run, operation.backup(storage, request, run.out.progress()))
    return 0


def _show(run: Run, report: BackupReport) -> None:
    document = {
        "archive": str(report.archive),
        "sessions": report.sessions,
        "bytes": report.bytes,
        "sha256": report.sha256,
        "partitions": report.partitions,
        "members": report.members,
        "members_reused": report.reused,
        "stored_bytes": report.stored_bytes,
        "removed": [str(each.archive.path) for each in report.removed],
        "left_out": report.strange,
        "elapsed_s": report.elapsed_s,
    }
    rows = [(name, ", ".join(value) if isinstance(value, list) else value) for name, value in document.items()]
    run.out.render(
        document=lambda: document,
        columns=("name", "value"),
        rows=lambda: rows,
        table=lambda terminal: terminal.fields(rows),
    )
    _name_strange(run, report)


def _show_plan(run: Run, report: BackupReport) -> None:
    columns = ("archive", "made", "bytes", "kept by")
    archives = [
        {
            "archive": str(each.archive.path),
            "made": each.archive.made.isoformat().replace("+00:00", "Z"),
            "bytes": each.archive.bytes,
            "kept_by": list(each.kept_by),
        }
        for each in report.retained
    ]
    plan = {
        "sessions": report.sessions,
        "partitions": report.partitions,
        "bytes": report.stored_bytes,
        "removed": [str(each.archive.path) for each in report.removed],
        "archives": archives,
    }
    cells = [
        (each["archive"], run.out.time(str(each["made"])), each["bytes"], ", ".join(each["kept_by"]) or "removed")  # type: ignore[arg-type]
        for each in archives
    ]
    run.out.render(
        document=lambda: {"plan": plan, "executed": False},
        items=lambda: archives,
        columns=columns,
        rows=lambda: cells,
        table=lambda terminal: terminal.table(columns, cells),
    )
    run.out.note(
        f"would write {report.sessions:,} sessions ({report.stored_bytes:,} bytes uncompressed); "
        f"archives that would go: {len(report.removed):,}"
    )
    _name_strange(run, report)


def _name_strange(run: Run, report: BackupReport) -> None:
    if report.queue_problem:
        warn(f"left out, it is broken: {report.queue_problem}; `ion-summary verify --repair` puts it aside")
    for name in report.strange:
        run.out.note(f"left out, it is not a file of the store: {plain_cell(name)}")


def _verify(run: Run, archive: Path, identity: Path | None) -> None:
    from ion_summary.operations.backup import verify_archive

    found = verify_archive(archive, identity, run.out.progress())
    document: dict[str, Any] = {
        "archive": str(found.archive),
        "ok": True,
        "created_at": found.created_at,
        "sessions": found.sessions,
        "records": found.records,
        "members": found.members,
        "bytes": found.bytes,
    }
    run.out.render(
        document=lambda: document,
        columns=("name", "value"),
        rows=lambda: list(document.items()),
        table=lambda terminal: terminal.fields(document.items()),
    )


def _rewrite(run: Run, directory: Path | None, identity: Path | None) -> int:
    from ion_summary.cli.records import PARTIAL
    from ion_summary.operations.archived import rewrite

    with run.storage() as storage:
        found = rewrite(
            storage, directory, run.out.progress(), identity=identity, lock_timeout=run.settings.lock_timeout
        )
    archives = [
        {
            "archive": str(each.archive.path),
            "rewritten": each.sessions is not None,
            "sessions": each.sessions,
            "bytes": each.bytes,
            "problem": each.problem,
        }
        for each in found
    ]
    columns = ("archive", "rewritten", "sessions", "bytes", "problem")
    rows = [[{True: "yes", False: "no"}.get(value, value) for value in each.values()] for each in archives]  # type: ignore[call-overload]
    run.out.render(
        document=lambda: {"archives": archives},
        items=lambda: archives,
        columns=columns,
        rows=lambda: rows,
        table=lambda terminal: terminal.table(columns, rows) if rows else None,
    )
    changed = sum(each.sessions is not None for each in found)
    run.out.note(f"{changed:,} of {len(found):,} archives rewritten")
    return PARTIAL if any(each.problem for each in found) else 0
