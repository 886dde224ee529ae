"""Bytes that are not what was written: reported, and harmful to nothing but themselves."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from pathlib import Path

import pytest

from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.partition import Finding, encode, records
from ion_summary.store.storage import SessionSummaryStorage

DAY = "20260104"


def line(number: int, **more: object) -> bytes:
    summary = f"- 환불 요청 {number} “quoted” refund"
    fields = {
        "session_id": f"s-{number}",
        "user_id": "민수",
        "summary": summary,
        "summary_type": "llm",
        "created_at": f"2026-01-04T06:1{number}:00.000Z",
        "message_count": number,
        "summary_length": len(summary),
        "metadata": {"tags": ["환불"], "saved_at": f"2026-01-05T06:1{number}:00.000Z"},
    }
    return encode(fields | more)


@pytest.fixture
def partition(store: Path) -> Path:
    path = store / "2026-01" / f"session_summaries_{DAY}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(line(1) + line(2) + line(3))
    return path


def whole(path: Path) -> tuple[set[str], int]:
    """The sessions that are readable, and how many lines are reported."""
    found = list(records(path, 0, path.stat().st_size))
    return {each.record["session_id"] for each in found if each.record}, sum(each.problem is not None for each in found)


def flips(data: bytes, positions: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    for position in positions:
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            yield position, bytes(flipped)


def test_every_flipped_bit_of_a_line_is_found_and_hides_nothing_else(partition: Path) -> None:
    hidden, unreported = [], []
    for position, flipped in flips(partition.read_bytes(), range(len(line(1)), len(line(1) + line(2)))):
        partition.write_bytes(flipped)
        readable, reported = whole(partition)
        if not readable >= {"s-1", "s-3"}:
            hidden.append(position)
        if not reported:
            unreported.append(position)
    assert (hidden, unreported) == ([], [])


def verified(store: Path) -> list[Finding]:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        return verify(storage, Silent()).findings


@pytest.mark.parametrize("step", [41, pytest.param(1, marks=pytest.mark.sweep)])
def test_verify_finds_every_flipped_bit(store: Path, partition: Path, step: int, figure: Callable[[str], None]) -> None:
    assert verified(store) == []
    data, stat = partition.read_bytes(), partition.stat()
    missed, count = [], 0
    for position, flipped in flips(data, range(0, len(data), step)):
        with partition.open("r+b") as file:
            file.write(flipped)
        os.utime(partition, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # bits rot without a trace
        count += 1
        if not any(finding.file.endswith(partition.name) for finding in verified(store)):
            missed.append(position)
    assert missed == []
    figure(f"verify: {count} of {count} single-bit flips of a partition of {len(data)} bytes found")


@pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.sweep)])
def test_verify_finds_every_truncation(store: Path, partition: Path, step: int, figure: Callable[[str], None]) -> None:
    data = partition.read_bytes()
    missed, count = [], 0
    for size in range(0, len(data) - 1, step):  # without its last newline all records are there
        with partition.open("r+b") as file:
            file.write(data)
        with SessionSummaryStorage(store, tz=UTC) as storage:
            assert len(storage.list_recent()) == 3
        os.truncate(partition, size)
        count += 1
        if not any(finding.file.endswith(partition.name) for finding in verified(store)):
            missed.append(size)
    assert missed == []
    figure(f"verify: {count} of {count} truncations of a partition of {len(data)} bytes found")


def written_anew(store: Path, partition: Path, data: bytes) -> None:
    """As if the store had never been longer: it has no index yet."""
    shutil.rmtree(store / "index", ignore_errors=True)
    partition.write_bytes(data)


def test_a_flipped_last_newline_loses_no_record(store: Path, partition: Path) -> None:
    data = partition.read_bytes()
    for _, flipped in flips(data, [len(data) - 1]):
        written_anew(store, partition, flipped)
        with SessionSummaryStorage(store, tz=UTC) as storage:
            storage.save("later", "u", "- 나중에")
            assert {one.session_id for one in storage.search(user_id="민수")} == {"s-1", "s-2", "s-3"}, flipped[-1:]
            assert [(each.file, each.line) for each in storage.damage] == [(f"2026-01/{partition.name}", 3)]


@pytest.mark.parametrize("number", [1, 2])
def test_a_lost_newline_loses_no_record(partition: Path, number: int) -> None:
    data = partition.read_bytes()
    at = len(line(1)) * number - 1
    assert data[at : at + 1] == b"\n"
    for other in (b"", b" ", b"J", b"*", b"\x0b"):
        partition.write_bytes(data[:at] + other + data[at + 1 :])
        assert whole(partition) == ({"s-1", "s-2", "s-3"}, 1)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.sweep)])
def test_a_torn_tail_is_repaired_at_every_byte(store: Path, partition: Path, step: int) -> None:
    data = partition.read_bytes()
    start = len(line(1) + line(2))
    sizes = range(len(data) - 1, start - 1, -step)
    for size in sizes:
        written_anew(store, partition, data[:size])
        with SessionSummaryStorage(store, tz=UTC) as storage:
            storage.save(f"later-{size}", "u", "- 나중에")
            kept = {"s-1", "s-2", "s-3"} if size == len(data) - 1 else {"s-1", "s-2"}
            assert {one.session_id for one in storage.search(user_id="민수")} == kept
            assert storage.load(f"later-{size}") is not None
        assert partition.read_bytes() == (data if size == len(data) - 1 else data[:start])
    quarantined = [json.loads(path.read_bytes()) for path in (store / "quarantine").iterdir()]
    assert {b64decode(each["bytes_base64"]) for each in quarantined} == {data[start:size] for size in sizes[1:]} - {b""}
    assert {(each["file"], each["offset"]) for each in quarantined} == {(f"2026-01/{partition.name}", start)}


def test_ten_more_saves_after_a_torn_tail_are_read_back(store: Path) -> None:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        storage.save("first", "u", "- 처음")
    (partition,) = store.glob("????-??/*.jsonl")
    whole_line = partition.read_bytes()
    for cut in range(1, len(whole_line), 40):
        with partition.open("ab") as file:
            file.write(whole_line[: len(whole_line) - cut])
        with SessionSummaryStorage(store, tz=UTC) as storage:
            for number in range(10):
                storage.save(f"more-{cut}-{number}", "u", f"- 추가 {number}")
        with SessionSummaryStorage(store, tz=UTC) as storage:
            for number in range(10):
                assert storage.load(f"more-{cut}-{number}").summary == f"- 추가 {number}"  # type: ignore[union-attr]


def test_a_damaged_line_is_named_and_kept_aside_once(store: Path, partition: Path) -> None:
    bad = line(2).replace("환불".encode(), "반품".encode())
    partition.write_bytes(line(1) + bad + line(3))
    for _ in range(2):
        with SessionSummaryStorage(store, tz=UTC) as storage:
            assert {one.session_id for one in storage.list_recent()} == {"s-1", "s-3"}
        (store / "index" / "catalog.sqlite").unlink()
    with SessionSummaryStorage(store, tz=UTC) as storage, storage.writing():
        assert [(each.file, each.line) for each in storage.damage] == [(f"2026-01/{partition.name}", 2)]
    (kept,) = (store / "quarantine").iterdir()
    assert b64decode(json.loads(kept.read_bytes())["bytes_base64"]) == bad[:-1]
    assert partition.read_bytes() == line(1) + bad + line(3)


def test_damage_done_after_indexing_is_found_when_read(store: Path, partition: Path) -> None:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert len(storage.list_recent()) == 3
    stat = partition.stat()
    data = bytearray(partition.read_bytes())
    data[len(line(1)) + 60] ^= 1
    with partition.open("r+b") as file:
        file.write(data)
    os.utime(partition, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # bits rot without a trace
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert {one.session_id for one in storage.list_recent()} == {"s-1", "s-3"}
        assert [(each.file, each.line) for each in storage.damage] == [(f"2026-01/{partition.name}", 2)]
        assert storage.load("s-2") is None


def _damage(garbage: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(garbage)


@pytest.mark.parametrize(
    "damage",
    [
        _damage(b""),
        _damage(b"not a database" * 100),
        _damage(b"SQLite format 3\x00" + b"\xff" * 4096),
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: os.truncate(path, 4096),
        lambda path: path.unlink(),
    ],
    ids=["empty", "garbage", "header", "half", "page", "gone"],
)
@pytest.mark.parametrize("name", ["catalog.sqlite", "text.sqlite"])
def test_a_damaged_index_is_derived_again(
    store: Path, partition: Path, name: str, damage: Callable[[Path], None]
) -> None:
    with SessionSummaryStorage(store, tz=UTC) as storage, storage.writing() as writer:
        writer.fill_segments()
    damage(store / "index" / name)
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert len(storage.list_recent()) == 3
        assert len(storage.search(query_text="환불")) == 3
        storage.save("s-9", "u", "- 새 환불")
        assert len(storage.search(query_text="환불")) == 4
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert storage.get_stats()["total_sessions"] == 4


def test_an_index_of_another_version_is_derived_again(store: Path, partition: Path) -> None:
    import sqlite3

    for name in ("catalog.sqlite", "text.sqlite"):
        with SessionSummaryStorage(store, tz=UTC) as storage, storage.writing() as writer:
            writer.fill_segments()
        db = sqlite3.connect(store / "index" / name)
        db.execute("PRAGMA user_version = 99")
        db.close()
        with SessionSummaryStorage(store, tz=UTC) as storage:
            assert len(storage.search(query_text="환불")) == 3
            assert len(storage.search(user_id="민수")) == 3
