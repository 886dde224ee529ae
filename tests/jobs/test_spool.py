"""What is put into the spool is there, whatever becomes of the process; what is erased is not."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from ion_summary.jobs import spool
from ion_summary.jobs.erasing import forget
from ion_summary.jobs.spool import Segment, Spool, erase


def items_of(some: Spool) -> list[bytes | None]:
    return [item for _, _, item in some.take(10**6)]


def test_items_come_back_in_order_and_once(tmp_path: Path) -> None:
    some = Spool(tmp_path)
    places = [some.put(f"item {number}".encode()) for number in range(10)]
    assert some.read(places[3]) == b"item 3"
    first = some.take(4)
    assert [item for _, _, item in first] == [f"item {number}".encode() for number in range(4)]
    some.done(first)
    assert some.read(places[3]) is None
    assert items_of(some) == [f"item {number}".encode() for number in range(4, 10)]
    some.close()


def test_a_closed_one_takes_nothing(tmp_path: Path) -> None:
    some = Spool(tmp_path)
    some.put(b"item")
    some.close()
    with pytest.raises(ValueError, match="closed"):
        some.put(b"another")


def test_many_and_large_items_take_more_segments_which_go_when_they_are_empty(tmp_path: Path) -> None:
    some = Spool(tmp_path)
    written = [bytes([65 + number]) * 1_500_000 for number in range(8)] + [b"x" * (spool.SEGMENT_BYTES * 2)]
    for item in written:
        some.put(item)
        some.sync()
    assert items_of(some) == written
    for path in (tmp_path / "spool").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    some.done(some.take(100))
    some.close()
    assert list((tmp_path / "spool").iterdir()) == []


def _put_and_die(root: str, count: int) -> None:
    some = Spool(Path(root))
    for number in range(count):
        some.put(f"item {number}".encode())
    os.kill(os.getpid(), 9)


def test_the_segments_of_a_dead_process_are_taken_over_by_one_other(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_put_and_die, args=(str(tmp_path), 500))
    child.start()
    child.join(30)
    assert child.exitcode == -9
    heir, other = Spool(tmp_path), Spool(tmp_path)
    assert heir.adopt() == 1
    assert other.adopt() == 0
    heir.put(b"own")
    assert items_of(heir) == [f"item {number}".encode() for number in range(500)] + [b"own"]
    heir.close()
    assert other.adopt() >= 1, "what was not taken stays"
    other.done(other.take(10**6))
    other.close()
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_live_process_keeps_its_segments(tmp_path: Path) -> None:
    one, other = Spool(tmp_path), Spool(tmp_path)
    one.put(b"item")
    assert other.adopt() == 0
    one.close()
    other.close()


@given(data=st.data())
def test_a_torn_item_is_none_and_hides_no_other(data: st.DataObject, tmp_path_factory: Any) -> None:
    root = tmp_path_factory.mktemp("torn")
    some = Spool(root)
    for number in range(5):
        some.put(f"item {number}".encode())
    some.close()
    (path,) = (root / "spool").iterdir()
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 4 * 14 + 13))
    in_header = place % 14 < 4
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    heir = Spool(root)
    heir.adopt()
    found = items_of(heir)
    whole = [f"item {number}".encode() for number in range(place // 14)]
    assert [item for item in found if item][: len(whole)] == whole
    if not in_header:
        assert len(found) == 5
        assert sum(item is None for item in found) == 1
    heir.close()


def test_what_is_erased_is_overwritten_also_for_the_process_that_has_it(tmp_path: Path) -> None:
    some = Spool(tmp_path)
    places = {}
    for number in range(6):
        fields = {"session_id": f"s-{number}", "user_id": f"user-{number % 2}", "messages": [f"canary {number}"]}
        places[number] = some.put(orjson.dumps(fields))
    assert forget(tmp_path, ["s-0"], users=["user-1"]) == 0
    assert [place for place in places if some.read(places[place]) is not None] == [2, 4]
    raw = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    assert b"canary 0" not in raw
    assert b"user-1" not in raw
    assert b"canary 2" in raw
    assert erase(tmp_path, lambda item: True) == 2
    assert items_of(some) == [None] * 6
    some.close()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    some = Spool(tmp_path)
    with pytest.raises(OSError, match="No space"):
        some.put(b"item")
    assert list((tmp_path / "spool").iterdir()) == []
    some.close()


def test_a_process_that_died_while_making_a_segment_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "1-dead").write_bytes(b"")
    assert Segment.abandoned(tmp_path / "spool" / "1-dead") is None
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_was_put_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, real = list[str](), os.fdatasync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    some = Spool(tmp_path)
    some.put(b"item")
    (segment,) = (path for path in tmp_path.rglob("*") if path.is_file())
    some.sync()
    assert synced == [str(segment)]
    some.sync()
    assert synced == [str(segment)]
    some.close()
