"""Is everything noticed that it should be, although not every partition is looked at before each answer?"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from ion_summary.model import SessionSummary
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store import layout, settled
from ion_summary.store.hashing import hash64
from ion_summary.store.partition import encode
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.writing import Entry

ROOT = Path(__file__).parents[2]
FIRST = datetime(2025, 1, 1, 12, tzinfo=UTC)
DAYS = 3 * settled.NEWEST
OLD, NEW = 5, DAYS - 5
# Appends a session to an old day, and is killed before the index knows of it.
KILLED = """
import os, sys
from pathlib import Path
from ion_summary.store.index import IndexWriter
from ion_summary.store.storage import SessionSummaryStorage
from tests.store.test_settled import entry
IndexWriter.extend = lambda *_: os._exit(9)
with SessionSummaryStorage(sys.argv[1]) as storage, storage.writing() as writer:
    writer.append([entry("late", int(sys.argv[2]))], {})
"""


def record(session: str, day: int) -> SessionSummary:
    text = f"- 환불 {session}"
    created = layout.from_ms(int((FIRST + timedelta(days=day)).timestamp() * 1000))
    return SessionSummary(session, "u", text, "rule_based", created, 2, len(text), {})


def entry(session: str, day: int) -> Entry:
    one = record(session, day)
    return Entry(one, hash64(session), layout.to_ms(one.created_at, None), b'{"session_id":"%s"}\n' % session.encode())


def partition(store: Path, day: int) -> Path:
    return layout.records_path(store, layout.EPOCH_DAY + int((FIRST + timedelta(days=day)).timestamp()) // 86_400)


def total(store: Path) -> int:
    with SessionSummaryStorage(store) as storage:
        return storage.find(Query(text="환불"))[0]


def append(path: Path, session: str, day: int) -> None:
    with path.open("ab") as file:
        file.write(encode(record(session, day).to_dict()))


def is_settled(store: Path) -> bool:
    with SessionSummaryStorage(store) as storage:
        return storage.reading(lambda catalog, _: settled.is_settled(catalog.db, store))


@pytest.fixture
def filled(store: Path) -> Path:
    """A session a day, so many days that not each of them is looked at."""
    with SessionSummaryStorage(store) as storage, storage.writing() as writer:
        writer.append([entry(f"s-{day}", day) for day in range(DAYS)], {})
    assert total(store) == DAYS
    assert is_settled(store)
    return store


@pytest.fixture
def another_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the days that take turns those are looked at that the old day is not among."""
    day = layout.EPOCH_DAY + int((FIRST + timedelta(days=OLD)).timestamp()) // 86_400
    turn = (day + 1) % 3
    clock = (1_800_000_000 // 3 * 3 + turn) * 1_000_000_000
    monkeypatch.setattr("ion_summary.store.settled.time.time_ns", lambda: clock)


@pytest.mark.usefixtures("another_part")
class TestOfAnOldDay:
    def test_a_removed_partition_is_noticed(self, filled: Path) -> None:
        partition(filled, OLD).unlink()
        assert total(filled) == DAYS - 1

    def test_a_replaced_partition_is_noticed(self, filled: Path) -> None:
        path = partition(filled, OLD)
        beside = path.with_suffix(".new")
        beside.write_bytes(path.read_bytes())
        append(beside, "more", OLD)
        beside.rename(path)
        assert total(filled) == DAYS + 1

    def test_a_partition_that_was_copied_in_is_noticed(self, filled: Path) -> None:
        path = partition(filled, OLD - 40)
        path.parent.mkdir(exist_ok=True)
        append(path, "more", OLD - 40)
        assert total(filled) == DAYS + 1

    def test_what_a_killed_writer_has_appended_is_noticed(self, filled: Path) -> None:
        command = [sys.executable, "-c", KILLED, str(filled), str(OLD)]
        assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == 9
        assert total(filled) == DAYS + 1

    def test_a_torn_line_of_another_program_swallows_nothing(self, filled: Path) -> None:
        with partition(filled, OLD).open("ab") as file:
            file.write(b'{"session_id":"torn')
        with SessionSummaryStorage(filled) as storage, storage.writing() as writer:
            writer.append([entry("more", OLD)], {})
        assert total(filled) == DAYS + 1
        assert list((filled / layout.QUARANTINE).iterdir())

    def test_a_session_that_another_program_has_appended_is_superseded(self, filled: Path) -> None:
        append(partition(filled, OLD), "more", OLD)
        with SessionSummaryStorage(filled) as storage, storage.writing() as writer:
            writer.append([entry("more", OLD)], writer.catalog.stored([hash64("more")]))
        assert total(filled) == DAYS + 1

    def test_a_verification_looks_at_everything(self, filled: Path) -> None:
        append(partition(filled, OLD), "more", OLD)
        with SessionSummaryStorage(filled) as storage:
            assert verify(storage, Silent()).records == DAYS + 1
        assert total(filled) == DAYS + 1

    def test_whoever_is_shown_a_line_that_was_changed_in_place_looks_again(self, filled: Path) -> None:
        path = partition(filled, OLD)
        path.write_bytes(encode(record("other", OLD).to_dict()))
        with SessionSummaryStorage(filled) as storage:
            assert storage.load(f"s-{OLD}") is None
            assert storage.load("other") is not None


def test_a_line_appended_by_another_program_is_noticed_when_its_part_is_looked_at(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(partition(filled, OLD), "more", OLD)
    for second in range(3):
        clock = (1_800_000_000 + second) * 1_000_000_000
        monkeypatch.setattr("ion_summary.store.settled.time.time_ns", partial(int, clock))
        if total(filled) == DAYS + 1:
            break
    assert total(filled) == DAYS + 1


def test_a_line_appended_to_a_new_day_is_noticed_at_once(filled: Path) -> None:
    append(partition(filled, NEW), "more", NEW)
    assert total(filled) == DAYS + 1


@pytest.mark.parametrize("day", [OLD, NEW, DAYS, OLD - 40])
def test_the_index_is_left_settled(filled: Path, day: int) -> None:
    with SessionSummaryStorage(filled) as storage, storage.writing() as writer:
        writer.append([entry("more", day)], {})
    assert is_settled(filled)


def test_a_directory_whose_times_are_somebody_elses_to_set_is_looked_at_as_a_whole(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **more: object) -> None:
        if more:
            raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    with SessionSummaryStorage(filled) as storage, storage.writing() as writer:
        writer.append([entry("more", DAYS)], {})
    assert not is_settled(filled)
    append(partition(filled, DAYS), "again", DAYS)
    assert total(filled) == DAYS + 2
