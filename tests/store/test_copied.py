"""Is a store that was copied found to be the one that it was, and is nothing overlooked that is not?"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store import index, months, parsing
from ion_summary.store.parsing import Parsed, parse
from ion_summary.store.settled import is_settled
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.store import oracle

DAYS = 12
NAME = "2026-01/session_summaries_20260107.jsonl"
Reads = Counter[int]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(*[session(n % DAYS, session_id=f"s-{n}") for n in range(5 * DAYS)]))
    return path


@pytest.fixture
def filled(store: Path, source: Path) -> Path:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        ingest(storage, IngestRequest([source], workers=1), Silent())
    return store


@pytest.fixture
def copy(filled: Path, tmp_path: Path) -> Path:
    """As ``cp -a`` leaves it: other inodes, the same times."""
    path = tmp_path / "copy"
    shutil.copytree(filled, path)
    assert (path / NAME).stat().st_ino != (filled / NAME).stat().st_ino
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The days that were read, each with how many stretches of it."""
    counted: Reads = Counter()

    def watched(path: Path, day: int, *rest: Any, **more: Any) -> Parsed:
        counted[day] += 1
        return parse(path, day, *rest, **more)

    for module in (months, parsing):
        monkeypatch.setattr(module, "parse", watched)
    return counted


def total(store: Path, text: str = "환불") -> int:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        return len(storage.search(query_text=text, limit=1_000))


def write_into(path: Path) -> None:
    with SessionSummaryStorage(path, tz=UTC) as storage, storage.writing():
        pass


def settled(path: Path) -> bool:
    with SessionSummaryStorage(path, tz=UTC) as storage:
        return storage.as_last_seen(lambda catalog, _: is_settled(catalog.db, path))


def set_time(path: Path, mtime_ns: int) -> None:
    os.utime(path, ns=(mtime_ns, mtime_ns))


@pytest.mark.parametrize("first", [total, write_into], ids=["a reader", "a writer"])
def test_a_copy_is_not_read(copy: Path, reads: Reads, first: Callable[[Path], object]) -> None:
    assert not settled(copy)
    first(copy)
    assert settled(copy)
    assert total(copy) == 5 * DAYS
    assert not reads


@pytest.mark.parametrize("precision", [1_000, 1_000_000_000], ids=["microseconds", "seconds"])
def test_a_copy_whose_times_are_kept_less_precisely_is_not_read(copy: Path, reads: Reads, precision: int) -> None:
    for path in copy.glob("????-??/*.jsonl"):
        set_time(path, path.stat().st_mtime_ns // precision * precision)
    assert total(copy) == 5 * DAYS
    assert settled(copy)
    assert not reads


def test_a_copy_can_be_read_while_somebody_else_writes(copy: Path, reads: Reads) -> None:
    with SessionSummaryStorage(copy, tz=UTC) as another, another.locked():
        assert total(copy) == 5 * DAYS
        assert not settled(copy)
    assert not reads


def test_a_copy_that_nobody_can_note_is_whole(copy: Path) -> None:
    another = SessionSummaryStorage(copy, tz=UTC)
    with another, another.locked(), SessionSummaryStorage(copy, tz=UTC) as storage:
        assert verify(storage, Silent()).findings == []


def test_a_copy_of_which_one_day_goes_on_is_read_there(copy: Path, reads: Reads) -> None:
    write_into(copy)
    with SessionSummaryStorage(copy, tz=UTC) as storage:
        more = session(3, "환불 하나", session_id="more")
        (copy.parent / "more.jsonl").write_bytes(lines(more))
        ingest(storage, IngestRequest([copy.parent / "more.jsonl"], workers=1), Silent())
    assert total(copy) == 5 * DAYS + 1
    assert not reads


@pytest.mark.parametrize("moment", ["later", "the same"])
def test_a_line_of_the_copy_that_was_changed_is_noticed(copy: Path, reads: Reads, moment: str) -> None:
    path = copy / NAME
    stat, data = path.stat(), path.read_bytes()
    *others, last = data.splitlines(keepends=True)
    # Of another time the first line, which the tail does not tell; of the same time the last one.
    changed = data.replace("환불".encode(), "반품".encode(), 1)
    if moment == "the same":
        changed = b"".join([*others, last.replace("환불".encode(), "반품".encode())])
    assert len(changed) == len(data)
    path.write_bytes(changed)
    if moment == "the same":
        set_time(path, stat.st_mtime_ns)
    with SessionSummaryStorage(copy, tz=UTC) as storage:
        storage.search(query_text="환불", limit=1_000)
        assert [finding.file for finding in storage.damage] == [NAME]
    assert len(reads) == 1
    assert total(copy) == 5 * DAYS - 1


def test_a_day_that_the_copy_lacks_is_noticed(copy: Path, reads: Reads) -> None:
    (copy / NAME).unlink()
    with SessionSummaryStorage(copy, tz=UTC) as storage:
        assert len(storage.search(limit=1_000)) == 4 * DAYS + DAYS - 5
        assert [finding.file for finding in storage.damage] == [NAME]
    assert not reads


def test_a_copy_with_lines_more_is_noticed(copy: Path, filled: Path, reads: Reads) -> None:
    """The index was copied first, the partitions when there were more lines."""
    with SessionSummaryStorage(filled, tz=UTC) as storage:
        storage.save("more", "u", "- 환불")
    for path in filled.glob("????-??/*.jsonl"):
        (copy / path.relative_to(filled)).parent.mkdir(exist_ok=True)
        shutil.copy2(path, copy / path.relative_to(filled))
    assert total(copy) == 5 * DAYS + 1
    assert len(reads) == 1


class TestOfOtherTimes:
    """A copy by which nothing can be known again: each partition is read, and what is known of other files is kept."""

    @pytest.fixture(autouse=True)
    def much(self, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(index, "_BULK_BYTES", 0)
        for path in copy.glob("????-??/*.jsonl"):
            set_time(path, path.stat().st_mtime_ns - 7)

    def test_it_is_read_once_as_a_whole(self, copy: Path, filled: Path, reads: Reads) -> None:
        write_into(copy)
        assert len(reads) == reads.total() == DAYS
        assert settled(copy)
        assert oracle.catalog(copy) == oracle.catalog(filled)
        assert total(copy) == 5 * DAYS
        with SessionSummaryStorage(copy, tz=UTC) as storage:
            assert verify(storage, Silent()).findings == []

    def test_files_that_were_ingested_are_known(self, copy: Path, source: Path) -> None:
        with SessionSummaryStorage(copy, tz=UTC) as storage:
            report = ingest(storage, IngestRequest([source], workers=1), Silent())
        assert (report.files_read, report.files_unchanged) == (0, 1)

    def test_what_it_lacks_is_told(self, copy: Path) -> None:
        gone = copy / NAME
        gone.write_bytes(gone.read_bytes().splitlines(keepends=True)[0])
        lost = copy / "transcripts/2026-01/transcripts_20260109.jsonl"
        lost.write_bytes(lost.read_bytes().splitlines(keepends=True)[0])
        with SessionSummaryStorage(copy, tz=UTC) as storage, storage.writing():
            assert {finding.file for finding in storage.damage} == {NAME, lost.relative_to(copy).as_posix()}

    def test_a_few_days_are_taken_in_beside_the_others(
        self, copy: Path, filled: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index, "create_anew", lambda *_: pytest.fail("the others were not to be read"))
        for number, path in enumerate(sorted(copy.glob("????-??/*.jsonl"))):
            if number > 2:
                set_time(path, (filled / path.relative_to(copy)).stat().st_mtime_ns)
        assert total(copy) == 5 * DAYS
        assert len(reads) == 3
