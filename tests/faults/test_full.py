"""A disk that is really full, has no inodes left, or cannot be written: nothing is lost, and prune makes room."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.faults.disks import small_disk
from tests.faults.test_errors import check_message
from tests.faults.tracing import Ended, ion_summary, run
from tests.store import oracle

SESSIONS = 400


def _inbox(place: Path) -> Path:
    """More than fits, in files of a few sessions each, of ten days."""
    path = place / "in"
    path.mkdir()
    for number in range(0, SESSIONS, 40):
        some = [
            session(each % 10, "환불 " * 400, "네 " * 400, session_id=f"s-{each}")
            for each in range(number, number + 40)
        ]
        (path / f"{number:03}.jsonl").write_bytes(lines(*some))
    return path


def _checked(store: Path) -> set[str]:
    """The sessions that are there, if the store is whole."""
    with SessionSummaryStorage(store, tz=UTC) as storage:
        there = {one.session_id for one in storage.list_recent(10_000)}
        assert there == set(oracle.scan(store))
        assert verify(storage, Silent()).findings == []
    return there


def _fill_up(store: Path, disk: Path, inbox: Path, *words: str) -> tuple[set[str], Ended]:
    """The sessions that are in the store when the disk is full to the last block, and how the ingest ended."""
    ended = Ended(0, "", "")
    for path in sorted(inbox.iterdir()):
        ended = run(ion_summary("ingest", path, "--store", store, "--workers", 1, *words))
        if ended.status:
            break
    _take_all(disk)
    return set(oracle.scan(store)), ended


def _take_all(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass


@pytest.mark.parametrize("transcripts", [True, pytest.param(False, marks=pytest.mark.sweep)])
def test_a_full_disk_is_pruned_and_takes_more(tmp_path: Path, transcripts: bool, figure: Callable[[str], None]) -> None:
    inbox = _inbox(tmp_path)
    words = () if transcripts else ("--no-transcripts",)
    with small_disk(tmp_path / "disk", size="1m" if transcripts else "600k") as disk:
        store = disk / "store"
        before, ended = _fill_up(store, disk, inbox, *words)
        assert ended.status == 14
        check_message(ended, may_be_silent=False)
        assert run(ion_summary("search", "환불", "--store", store, "--json")).status == 0
        days = (datetime.now(UTC).date() - date(2026, 1, 8)).days
        done = run(ion_summary("prune", "--older-than", f"{days}d", "--yes", "--store", store))
        assert done.status == 0, done
        left = {name for name in before if int(name[2:]) % 10 >= 4}
        assert left
        assert _checked(store) == left
        more = tmp_path / "more.jsonl"
        more.write_bytes(lines(session(9, session_id="s-9999")))
        assert run(ion_summary("ingest", more, "--store", store, *words)).status == 0
        assert _checked(store) == left | {"s-9999"}
        assert (store / "tombstones.jsonl").stat().st_size
    figure(f"full disk: {len(before)} sessions, {len(before) - len(left)} pruned on it, 0 lost, and it takes more")


def test_no_inodes_left(tmp_path: Path) -> None:
    inbox = _inbox(tmp_path)
    with small_disk(tmp_path / "disk", size="64m", inodes=60) as disk:
        store = disk / "store"
        ended = Ended(0, "", "")
        for path in sorted(inbox.iterdir())[:2]:
            ended = run(ion_summary("ingest", path, "--store", store, "--workers", 1))
        before = set(oracle.scan(store))
        for number in range(100):
            try:
                (disk / f"ballast-{number}").touch()
            except OSError:
                break
        ended = run(ion_summary("forget", "--session", "s-3", "--yes", "--store", store))
        assert ended.status == 14
        check_message(ended, may_be_silent=False)
        for path in disk.glob("ballast-*"):
            path.unlink()
        assert run(ion_summary("forget", "--session", "s-3", "--yes", "--store", store)).status == 0
        assert _checked(store) == before - {"s-3"}


def test_a_store_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    inbox = _inbox(tmp_path)
    with small_disk(tmp_path / "disk", size="64m") as disk:
        store = disk / "store"
        first, second = sorted(inbox.iterdir())[:2]
        assert run(ion_summary("ingest", first, "--store", store, "--workers", 1)).status == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert len(run(ion_summary("search", "--store", store, "-n", 100)).stdout.splitlines()) == 40
        assert run(ion_summary("verify", "--store", store)).status == 0
        assert run(ion_summary("show", "s-3", "--messages", "--store", store)).status == 0
        for words in (
            ("ingest", second),
            ("prune", "--older-than", "1d", "--force", "--yes"),
            ("forget", "--session", "s-3", "--yes"),
            ("verify", "--repair"),
            ("reindex", "--compact"),
        ):
            ended = run(ion_summary(*words, "--store", store))
            assert ended.status == 14, (words, ended)
            check_message(ended, may_be_silent=False)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert len(_checked(store)) == 40


def test_a_prune_that_makes_too_little_room_for_the_index_is_done_all_the_same(tmp_path: Path) -> None:
    source, made = tmp_path / "in.jsonl", tmp_path / "made"
    some = [session(number % 10, f"환불 {number} " * 3, session_id=f"s-{number}") for number in range(4_000)]
    source.write_bytes(lines(*some))
    assert run(ion_summary("ingest", source, "--store", made, "--no-transcripts")).status == 0
    taken = sum(path.stat().st_size + 4096 for path in made.rglob("*")) // 1024
    with small_disk(tmp_path / "disk", size=f"{taken + 200}k") as disk:
        store = disk / "store"
        shutil.copytree(made, store)
        _take_all(disk)
        days = (datetime.now(UTC).date() - date(2026, 1, 5)).days
        done = run(ion_summary("prune", "--older-than", f"{days}d", "--yes", "--store", store))
        assert done.status == 0, done
        assert "400" in done.stdout
        found = run(ion_summary("search", "환불", "--json", "-n", 1, "--store", store))
        assert found.status == 0, found
        assert json.loads(found.stdout)["total"] == 3_600
        (disk / "ballast").unlink()
        assert len(_checked(store)) == 3_600
