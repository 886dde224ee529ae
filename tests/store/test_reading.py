"""Does a reader see everything that counts, at once?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ion_summary.store.storage import SessionSummaryStorage


def test_a_look_before_the_first_save_does_not_hide_it(store: Path) -> None:
    store.mkdir()
    with SessionSummaryStorage(store) as storage:
        assert storage.list_recent() == []
        storage.save("s-1", "u", "- 환불")
        assert [one.session_id for one in storage.list_recent()] == ["s-1"]
        storage.delete("s-1")
        assert storage.load("s-1") is None
        storage.save("s-2", "u", "- 환불")
        assert storage.load("s-2") is not None


def test_what_another_process_saves_is_seen(store: Path) -> None:
    with SessionSummaryStorage(store) as reader, SessionSummaryStorage(store) as writer:
        writer.save("s-1", "u", "- 환불 하나")
        assert len(reader.search(query_text="환불")) == 1
        for number in range(2, 12):
            writer.save(f"s-{number}", "u", f"- 환불 {number}")
            assert len(reader.search(query_text="환불")) == number
        writer.save("s-1", "u", "- 반품")
        assert len(reader.search(query_text="환불")) == 10
        writer.delete("s-2")
        assert len(reader.search(query_text="환불")) == 9
        assert reader.load("s-2") is None


def line(session: str, summary: str) -> bytes:
    fields = {"session_id": session, "user_id": "u", "summary": summary, "created_at": "2026-01-04T00:00:00"}
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


@pytest.fixture
def known(store: Path) -> Iterator[tuple[SessionSummaryStorage, Path]]:
    """A storage that knows a partition of five lines."""
    path = store / "2026-01" / "session_summaries_20260104.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(line(f"old-{number}", "환불") for number in range(5)))
    with SessionSummaryStorage(store) as storage:
        assert len(storage.search(query_text="환불")) == 5
        storage.close()
        yield storage, path


def sessions(storage: SessionSummaryStorage, text: str) -> set[str]:
    return {one.session_id for one in storage.search(query_text=text)}


def test_a_partition_written_anew_in_place_is_noticed(known: tuple[SessionSummaryStorage, Path]) -> None:
    storage, path = known
    path.write_bytes(b"".join(line(f"new-{number}", f"배송 {number} " * 5) for number in range(30)))
    assert sessions(storage, "배송") == {f"new-{number}" for number in range(30)}
    assert sessions(storage, "환불") == set()
    assert storage.damage == []


def test_a_partition_cut_and_grown_again_is_noticed(known: tuple[SessionSummaryStorage, Path]) -> None:
    storage, path = known
    os.truncate(path, len(line("old-0", "환불")))
    with path.open("ab") as file:
        file.writelines(line(f"new-{number}", "배송 문의") for number in range(9))
    assert sessions(storage, "환불") == {"old-0"}
    assert sessions(storage, "배송") == {f"new-{number}" for number in range(9)}
    assert storage.damage == []


def test_a_partition_replaced_under_an_open_storage(known: tuple[SessionSummaryStorage, Path]) -> None:
    """Within the moment in which a storage does not look again, the index and the file do not fit."""
    storage, path = known
    assert sessions(storage, "환불") == {f"old-{number}" for number in range(5)}
    beside = path.with_suffix(".new")
    beside.write_bytes(line("x", "교환") + b"".join(line(f"old-{number}", "환불") for number in range(5)))
    beside.rename(path)
    assert sessions(storage, "환불") == {f"old-{number}" for number in range(5)}
    assert sessions(storage, "교환") == {"x"}
    assert storage.damage == []


def test_a_rotten_last_line_is_damage_and_no_replacement(known: tuple[SessionSummaryStorage, Path]) -> None:
    storage, path = known
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[-3] = 0
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert sessions(storage, "환불") == {f"old-{number}" for number in range(4)}
    assert {each.line for each in storage.damage} == {5}


def test_opening_to_write_leaves_the_locks_of_readers(store: Path) -> None:
    """Whoever closes a file gives up all locks of his process on it; the log is then taken away under the reader."""
    with SessionSummaryStorage(store) as reader, SessionSummaryStorage(store) as writer:
        writer.save("s-1", "u", "- 환불")
        writer.close()
        assert len(reader.list_recent()) == 1
        inode = (store / "index" / "catalog.sqlite").stat().st_ino
        held = locks_on(inode)
        assert held
        with writer.writing():
            assert locks_on(inode) >= held


def locks_on(inode: int) -> set[str]:
    """The byte ranges of a file that this process has locked."""
    return {
        " ".join(words[-2:])
        for words in map(str.split, Path("/proc/locks").read_text().splitlines())
        if "POSIX" in words and str(os.getpid()) in words and words[-3].endswith(f":{inode}")
    }


@pytest.mark.parametrize(
    "name", ["with space", "100%", "a?mode=rwc", "a#b", "한글", "q&x=1", b"\xff".decode("utf-8", "surrogateescape")]
)
def test_a_store_of_any_name(name: str, tmp_path: Path) -> None:
    with SessionSummaryStorage(tmp_path / name) as storage:
        storage.save("s-1", "u", "- 환불")
    with SessionSummaryStorage(tmp_path / name) as storage:
        assert len(storage.search(query_text="환불")) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
