"""Does a tombstone keep out what it names, and nothing else, without naming it?"""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ion_summary.store import tombstones
from ion_summary.store.hashing import hash64
from ion_summary.store.partition import encode
from ion_summary.store.tombstones import Tombstones, erased_fields, forget_fields, mark_of, prune_fields

DAY = 739_000


def forget(root: Path, scope: tombstones.Scope, what: str | int) -> None:
    tombstones.append(root, [forget_fields(mark_of(scope, what, Tombstones.read(root).salt))])


def test_a_store_without_tombstones_keeps_nobody_out(tmp_path: Path) -> None:
    none = Tombstones.read(tmp_path)
    assert not none
    assert not none.is_forgotten("s", ["u"], [1])
    assert not none.is_pruned([1], DAY)


def test_it_keeps_out_whom_it_names(tmp_path: Path) -> None:
    forget(tmp_path, "user", "김철수")
    forget(tmp_path, "session", hash64("s-1"))
    forget(tmp_path, "content", -5)
    read = Tombstones.read(tmp_path)
    assert read.is_forgotten("any", ["room", "김철수"])
    assert read.is_forgotten("s-1", [])
    assert read.is_forgotten("any", [], [7, -5])
    assert not read.is_forgotten("s-2", ["김철", "s-1"], [5])
    assert len(read.pending()) == 3


def test_it_does_not_say_whom(tmp_path: Path) -> None:
    forget(tmp_path, "user", "kim@example.com")
    forget(tmp_path, "session", hash64("s-1"))
    data = (tmp_path / "tombstones.jsonl").read_bytes()
    assert b"kim" not in data
    assert hash64("s-1").to_bytes(8, "big", signed=True).hex().encode() not in data
    (other := tmp_path / "other").mkdir()
    forget(other, "user", "kim@example.com")
    assert Tombstones.read(other).pending()[0].hash != Tombstones.read(tmp_path).pending()[0].hash  # another salt


def test_an_erasure_that_was_completed_is_not_pending(tmp_path: Path) -> None:
    forget(tmp_path, "user", "a")
    forget(tmp_path, "user", "b")
    first, second = Tombstones.read(tmp_path).pending()
    tombstones.append(tmp_path, [erased_fields(first)])
    assert Tombstones.read(tmp_path).pending() == [second]
    assert Tombstones.read(tmp_path).is_forgotten("s", ["a"])


def test_those_of_another_store_are_taken_over_once(tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    forget(other, "user", "a")
    tombstones.append(other, [erased_fields(Tombstones.read(other).pending()[0]), prune_fields(DAY, [1], None)])
    forget(tmp_path, "user", "b")
    assert tombstones.merge(tmp_path, Tombstones.read(other)) == 1
    assert tombstones.merge(tmp_path, Tombstones.read(other)) == 0
    read = Tombstones.read(tmp_path)
    assert read.is_forgotten("s", ["a"])
    assert read.is_forgotten("s", ["b"])
    assert len(read.pending()) == 2  # erased there is not erased here
    assert not read.is_pruned([1], DAY)


@given(st.dictionaries(st.integers(DAY, DAY + 3), st.sets(st.integers(-(2**47), 2**47 - 1), max_size=5)))
def test_pruned_is_what_was_pruned_of_that_day(pruned: dict[int, set[int]]) -> None:
    data = b"".join(encode(prune_fields(day, numbers, None)) for day, numbers in pruned.items())
    read = Tombstones(data)
    for number in {number for numbers in pruned.values() for number in numbers}:
        assert read.is_pruned([number], DAY) == (number in pruned.get(DAY, ()))
    assert not read.is_pruned([], DAY)


def test_a_torn_line_does_not_eat_the_next(tmp_path: Path) -> None:
    forget(tmp_path, "user", "a")
    path = tmp_path / "tombstones.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert Tombstones.read(tmp_path).is_forgotten("s", ["a"])
    forget(tmp_path, "user", "b")
    read = Tombstones.read(tmp_path)
    assert read.is_forgotten("s", ["b"])
    assert read.verified() == []


def test_a_flipped_byte_is_found_and_hides_no_other_line(tmp_path: Path) -> None:
    forget(tmp_path, "user", "a")
    forget(tmp_path, "user", "b")
    tombstones.append(tmp_path, [prune_fields(DAY, [1, 2], None)])
    data = (tmp_path / "tombstones.jsonl").read_bytes()
    starts = [0, *(at + 1 for at, byte in enumerate(data) if byte == 10)]
    for at in range(len(data)):
        flipped = Tombstones(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        if data[at] == 10 and at == len(data) - 1:
            continue  # the last newline: the line is torn, and ended by the next writer
        findings = flipped.verified()
        assert findings, at
        hurt = sum(start <= at for start in starts)
        assert findings[0].line == hurt
        around = {number for number in (1, 2, 3) if number != hurt and not (data[at] == 10 and number == hurt + 1)}
        assert flipped.is_forgotten("s", ["a"]) == (1 in around)
        assert flipped.is_forgotten("s", ["b"]) == (2 in around)
        assert flipped.is_pruned([2], DAY) == (3 in around)
