"""Backups and restores to be killed or refused: from where they start, and what must hold afterwards."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from ion_summary.operations.backup import BackupRequest, backup, verify_archive
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.archives.directory import archives_in
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import files_of, lines, session
from tests.faults.tracing import Ended, ion_summary, run
from tests.store import oracle


def _store(path: Path, numbers: range, *texts: str) -> dict[str, bytes]:
    source = path.with_suffix(".jsonl")
    source.write_bytes(lines(*[session(number % 2, *texts, session_id=f"s-{number}") for number in numbers]))
    with SessionSummaryStorage(path, tz=UTC) as storage:
        ingest(storage, IngestRequest([source], workers=1), Silent())
    source.unlink()
    return files_of(path)


def _archive(path: Path, place: Path) -> Path:
    with SessionSummaryStorage(path, tz=UTC) as storage:
        made = backup(storage, BackupRequest(place), Silent()).archive
    assert made is not None
    return made


@dataclass
class Scene:
    """``command`` is run on a copy of ``start`` at ``run``; ``check`` says what must hold whenever it was ended there,
    ``finally_`` what must hold when it has been run again, unharmed.
    """

    name: str
    place: Path
    command: list[str]
    check: Callable[[Path], None]
    finally_: Callable[[Path], None]
    kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def run(self) -> Path:
        return self.place / "run"

    def reset(self) -> None:
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.copytree(self.place / "start", self.run, copy_function=shutil.copy2)

    def after(self, _: Ended) -> None:
        """What must hold, at once and after it was run again."""
        self.check(self.run)
        again = run(self.command)
        assert again.status == 0, again
        self.check(self.run)
        self.finally_(self.run)


def _whole(path: Path, sessions: set[str]) -> None:
    """A store that verifies and holds these sessions, each once."""
    with SessionSummaryStorage(path, tz=UTC) as storage:
        assert {one.session_id for one in storage.list_recent(1_000)} == sessions == set(oracle.scan(path))
        assert verify(storage, Silent()).findings == []
    said = Counter(
        (fields["session_id"], fields["metadata"]["saved_at"])
        for partition in path.glob("????-??/*.jsonl")
        for line in partition.read_bytes().split(b"\n")
        if (fields := oracle.parse(line))
    )
    assert max(said.values()) == 1


def backing_up(place: Path) -> Scene:
    """A backup that removes the one before it."""
    start = place / "start"
    start.mkdir()
    whole = _store(start / "store", range(6))
    first = _archive(start / "store", start / "out")
    command = ion_summary(
        "backup", place / "run" / "out", "--store", place / "run" / "store", "--keep", 1, "--lock-timeout", 1
    )

    def check(at: Path) -> None:
        assert files_of(at / "store") == whole
        found = archives_in(at / "out")
        assert found, "no archive is left"
        for each in found:
            assert verify_archive(each.path, None, Silent()).sessions == 6

    def finally_(at: Path) -> None:
        (archive,) = (at / "out").iterdir()
        assert archive.name != first.name
        assert [path.name for path in at.iterdir() if path.name not in ("store", "out")] == []

    return Scene("backing up", place, command, check, finally_)


def _two(place: Path) -> tuple[dict[str, bytes], dict[str, bytes], Path]:
    """A store with ten sessions, and an archive of another one, with four of these in an older state and two more."""
    start = place / "start"
    start.mkdir()
    archived = _store(start / "other", range(6, 12))
    archive = _archive(start / "other", start / "out")
    shutil.rmtree(start / "other")
    there = _store(start / "store", range(10), "환불", "둘", "Three")
    return there, archived, place / "run" / "out" / archive.name


def _alone(at: Path) -> None:
    assert sorted(path.name for path in at.iterdir()) == ["out", "store"]


def replacing(place: Path) -> Scene:
    """A restore in the place of a store: whenever it ends, one of both is there, whole."""
    there, archived, archive = _two(place)
    command = ion_summary(
        *("restore", archive, "--replace", "--yes", "--store", place / "run" / "store"),
        *("--lock-timeout", 1, "--workers", 1),
    )

    def check(at: Path) -> None:
        assert files_of(at / "store") in (there, archived)

    def finally_(at: Path) -> None:
        assert files_of(at / "store") == archived
        _whole(at / "store", {f"s-{number}" for number in range(6, 12)})
        _alone(at)

    return Scene("replacing", place, command, check, finally_)


def restoring(place: Path) -> Scene:
    """A restore into nothing: a store is there whole, or not at all."""
    _, archived, archive = _two(place)
    shutil.rmtree(place / "start" / "store")
    command = ion_summary(
        *("restore", archive, "--yes", "--store", place / "run" / "store", "--lock-timeout", 1, "--workers", 1)
    )

    def check(at: Path) -> None:
        if (at / "store").exists():
            assert files_of(at / "store") == archived
            shutil.rmtree(at / "store")

    def finally_(at: Path) -> None:
        assert [path.name for path in at.iterdir()] == ["out"]  # ``check`` has just taken it away

    return Scene("restoring", place, command, check, finally_)


def merging(place: Path) -> Scene:
    """A merge: what was there stays, byte for byte, and nothing comes twice."""
    there, _, archive = _two(place)
    command = ion_summary(
        *("restore", archive, "--merge", "--yes", "--store", place / "run" / "store"),
        *("--lock-timeout", 1, "--workers", 1),
    )

    def check(at: Path) -> None:
        now = files_of(at / "store")
        assert all(now[name].startswith(data) for name, data in there.items())
        with SessionSummaryStorage(at / "store", tz=UTC) as storage:
            assert {one.session_id for one in storage.list_recent(1_000)} >= {f"s-{number}" for number in range(10)}

    def finally_(at: Path) -> None:
        _whole(at / "store", {f"s-{number}" for number in range(12)})
        with SessionSummaryStorage(at / "store", tz=UTC) as storage:
            counts = {one.session_id: one.message_count for one in storage.list_recent(1_000)}
        assert counts["s-7"] == 3  # the newer one, which was there
        assert counts["s-11"] == 2
        _alone(at)

    return Scene("merging", place, command, check, finally_)


SCENES = {scene.__name__: scene for scene in (backing_up, replacing, restoring, merging)}
