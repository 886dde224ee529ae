"""What was forgotten or pruned, so that no transcript and no archive brings it back?

``tombstones.jsonl`` is only appended to. A line is a JSON object that ends with its digest, as in the partitions:

- ``forget``: a person (``scope`` ``user``), a session, or the ``content`` of a session whose id was derived from it.
  Not by name: ``hash`` is a BLAKE2b keyed with the line's ``salt``. All lines that a store writes share one salt, and
  those that came with an archive have its own: a session costs a hash for each salt and name, not for each line.
- ``erased``: what the ``forget`` line of that salt and hash names is no longer in this store.
- ``prune``: which sessions left the partition of a day, 6 bytes of ``hash64`` each, and perhaps what they counted. One
  of them is kept out as long as it ends on that day: a session that has grown since is newer, and one that was never
  there is new.
"""

from __future__ import annotations

import os
import struct
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ion_summary.store import files, layout, quarantine
from ion_summary.store.hashing import blake2b, hash64
from ion_summary.store.partition import DamagedLineError, Finding, decode_with_digest, encode

Scope = Literal["user", "session", "content"]

_SALT_BYTES = 16
_HASH_BYTES = 16
_PRUNE_OF = b'{"kind":"prune","day":"'
_PRUNED_MASK = (1 << 48) - 1
_PRUNED_BYTES = 6  # with the day: one in 10^11 sessions of a day of 1,000 is mistaken for another


class Mark(NamedTuple):
    """What a ``forget`` line names; nobody can read it, only compare it with what somebody names."""

    scope: str
    salt: bytes
    hash: bytes


class Counts(NamedTuple):
    """How many sessions there were, how many of them with an LLM's summary, and their messages."""

    sessions: int
    llm: int
    messages: int


class Tombstones:
    """The tombstones in the bytes of a ``tombstones.jsonl``.

    ``findings`` are the lines that cannot be read: they keep nobody out, which is why ``verify`` names them. Lines of
    ``prune`` are read when they are asked for, for there may be megabytes of them.
    """

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self.findings: list[Finding] = []
        self._forgotten = {_mark(fields): fields for fields in self._lines("forget")}
        self._erased = {_mark(fields) for fields in self._lines("erased")}
        self._salts = list(dict.fromkeys(mark.salt for mark in self._forgotten))
        self._pruned: dict[int, frozenset[bytes]] = {}

    @classmethod
    def read(cls, root: Path) -> Tombstones:
        """The tombstones of a store; none if it has no such file."""
        try:
            return cls(files.read(root / layout.TOMBSTONES))
        except (FileNotFoundError, NotADirectoryError):
            return cls()

    def __bool__(self) -> bool:
        return bool(self._data)

    @property
    def salt(self) -> bytes:
        """The salt of the next ``forget`` line."""
        return self._salts[0] if self._salts else os.urandom(_SALT_BYTES)

    def is_forgotten(self, session_id: str, names: Iterable[str], contents: Iterable[int] = ()) -> bool:
        """Whether a session must not be stored.

        ``names`` are its user and, in a room, the participants; ``contents`` the catalog's numbers of all that a
        session whose id was derived may have grown from.
        """
        if not self._salts:
            return False
        named: list[tuple[Scope, str | int]] = [("session", hash64(session_id))]
        named += [("user", name) for name in names]
        named += [("content", number) for number in contents]
        return any(mark_of(scope, what, salt) in self._forgotten for salt in self._salts for scope, what in named)

    def is_pruned(self, numbers: Iterable[int], day: int) -> bool:
        """Whether one of the numbers (``hash64`` of the id, the number of the content) was pruned with that day."""
        pruned = self._pruned_of(day)
        return bool(pruned) and any(_short(number) in pruned for number in numbers)

    def has_pruned(self, day: int) -> bool:
        """Whether anything was pruned of that day."""
        return _iso(day) in self._prunes

    def pruned_counts(self) -> dict[int, Counts]:
        """Per day how much was pruned, as far as it was kept."""
        found: dict[int, Counts] = {}
        for fields in self._lines("prune"):
            if counts := fields.get("counts"):
                day = date.fromisoformat(fields["day"]).toordinal()
                before = found.get(day, Counts(0, 0, 0))
                found[day] = Counts(*(old + counts[name] for name, old in before._asdict().items()))
        return found

    def knows(self, mark: Mark) -> bool:
        """Whether there is a ``forget`` line of that mark."""
        return mark in self._forgotten

    def pending(self) -> list[Mark]:
        """What was forgotten and may still be in this store: the erasure was interrupted, or came with an archive."""
        return [mark for mark in self._forgotten if mark not in self._erased]

    def forgotten(self) -> list[dict[str, Any]]:
        """The fields of every ``forget`` line, for another store."""
        return list(self._forgotten.values())

    def verified(self) -> list[Finding]:
        """All lines that cannot be read, also those that nobody has asked for."""
        self.findings.clear()
        for _ in self._lines(""):
            pass
        return list(self.findings)

    def _pruned_of(self, day: int) -> frozenset[bytes]:
        if day not in self._pruned:
            lines = self._prunes.get(_iso(day), ())
            packed = [b64decode(fields["numbers"]) for fields in self._decoded(lines)]
            self._pruned[day] = frozenset(
                some[at : at + _PRUNED_BYTES] for some in packed for at in range(0, len(some), _PRUNED_BYTES)
            )
        return self._pruned[day]

    @cached_property
    def _prunes(self) -> dict[bytes, list[tuple[int, bytes]]]:
        """Per day where its lines of ``prune`` stand, and their bytes: found in one go, for many days are asked for."""
        found: dict[bytes, list[tuple[int, bytes]]] = {}
        for start, line in _beginning_with(_PRUNE_OF, self._data):
            day = line[len(_PRUNE_OF) :].partition(b'"')[0]
            found.setdefault(day, []).append((start, line))
        return found

    def _lines(self, kind: str) -> Iterator[dict[str, Any]]:
        """The whole lines of a kind ("": of any); those that are damaged become findings."""
        beginning = f'{{"kind":"{kind}"'.encode() if kind else b""
        return self._decoded(_beginning_with(beginning, self._data))

    def _decoded(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[dict[str, Any]]:
        for start, line in lines:
            try:
                yield decode_with_digest(line)
            except DamagedLineError as error:
                self.findings.append(Finding(layout.TOMBSTONES, self._data.count(b"\n", 0, start) + 1, str(error)))


def _iso(day: int) -> bytes:
    return date.fromordinal(day).isoformat().encode()


def _beginning_with(beginning: bytes, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each line that begins so stands, and its bytes; not the last one if it was torn off."""
    start = 0 if data.startswith(beginning) else data.find(b"\n" + beginning) + 1
    while (start or data.startswith(beginning)) and (end := data.find(b"\n", start)) >= 0:
        yield start, data[start:end]
        start = data.find(b"\n" + beginning, end) + 1
        if not start:
            return


def mark_of(scope: Scope, what: str | int, salt: bytes) -> Mark:
    """The mark of a user's name, or of the catalog's number (``hash64``) of a session or a content."""
    named = what.encode("utf-8", "surrogatepass") if isinstance(what, str) else what.to_bytes(8, "big", signed=True)
    digest = blake2b(scope.encode() + b"\0" + named, key=salt, digest_size=_HASH_BYTES).digest()
    return Mark(scope, salt, digest)


def forget_fields(mark: Mark) -> dict[str, Any]:
    """A ``forget`` line."""
    return {"kind": "forget", **_shown(mark), "at": _now()}


def erased_fields(mark: Mark) -> dict[str, Any]:
    """An ``erased`` line."""
    return {"kind": "erased", **_shown(mark), "at": _now()}


def prune_fields(day: int, numbers: Iterable[int], counts: Counts | None) -> dict[str, Any]:
    """A ``prune`` line: the numbers are those of ``is_pruned``; ``counts`` None: they are not kept."""
    packed = b64encode(_packed(numbers)).decode()
    kept = {} if counts is None else {"counts": counts._asdict()}
    return {"kind": "prune", "day": date.fromordinal(day).isoformat(), "at": _now(), **kept, "numbers": packed}


def append(root: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Appends lines, synced when this returns. For the holder of the writer's lock."""
    path = root / layout.TOMBSTONES
    data = b"".join(encode(dict(fields)) for fields in lines)
    if data:
        quarantine.repair_tail(root, path)
        files.append(path, data)


def merge(root: Path, other: Tombstones) -> int:
    """Takes over what another store or an archive says was forgotten; how many lines that were.

    What its lines name is erased here by whoever writes next. For the holder of the writer's lock.
    """
    known = Tombstones.read(root)
    fresh = [fields for fields in other.forgotten() if not known.knows(_mark(fields))]
    append(root, fresh)
    return len(fresh)


def _mark(fields: Mapping[str, Any]) -> Mark:
    return Mark(fields["scope"], bytes.fromhex(fields["salt"]), bytes.fromhex(fields["hash"]))


def _shown(mark: Mark) -> dict[str, str]:
    return {"scope": mark.scope, "salt": mark.salt.hex(), "hash": mark.hash.hex()}


def _short(number: int) -> bytes:
    return (number & _PRUNED_MASK).to_bytes(_PRUNED_BYTES, "big")


def _packed(numbers: Iterable[int]) -> bytes:
    """``_short`` of all the numbers, sorted and joined: all of them at once, byte by byte of 90,000."""
    short = sorted([number & _PRUNED_MASK for number in numbers])
    whole = struct.pack(f">{len(short)}Q", *short)
    packed = bytearray(len(short) * _PRUNED_BYTES)
    for place in range(_PRUNED_BYTES):
        packed[place::_PRUNED_BYTES] = whole[place + 8 - _PRUNED_BYTES :: 8]
    return bytes(packed)


def _now() -> str:
    return layout.from_ms(time.time_ns() // 1_000_000)
