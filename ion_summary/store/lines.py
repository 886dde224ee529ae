"""Which record stands at a place that the index names?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog, Place
from ion_summary.store.hashing import hash64
from ion_summary.store.matching import folded, has_all, has_tag, searchable
from ion_summary.store.partition import DamagedLineError, Finding, decode_record, ends_as_ours
from ion_summary.store.probing import probes, verdict
from ion_summary.store.tracking import Noted, noted
from ion_summary.text.terms import Term

# To read so many bytes that are not wanted takes as long as to ask for the next ones.
_READ_OVER = 16_384
# More than that would not fit into the processor's memory, and is slower.
_READ_AT_ONCE = 512 << 10
# So many places are held in memory at once.
_AT_ONCE = 4_000
# A process may have some hundred files open, a store some thousand partitions.
_OPEN_AT_ONCE = 64


class MovedError(Exception):
    """Another record stands there: the partition was replaced since the index was asked."""


class Spots(NamedTuple):
    """Where some records are: their numbers, and the bytes of their lines in their days' partitions."""

    numbers: Sequence[int]
    offsets: Sequence[int]
    lengths: Sequence[int]

    def stretches(self) -> Iterator[tuple[int, int, int, int]]:
        """Those that are best read at once: which they are (from, to), and their first and last byte."""
        first = day = start = end = 0
        for place, (number, its_start, length) in enumerate(zip(*self, strict=True)):
            its_end = its_start + length
            near = number >> DAY_SHIFT == day and its_start < end + _READ_OVER and start < its_end + _READ_OVER
            if near and its_end - start <= _READ_AT_ONCE and end - its_start <= _READ_AT_ONCE:
                start, end = its_start if its_start < start else start, its_end if its_end > end else end
            else:
                if first < place:
                    yield first, place, start, end
                first, day, start, end = place, number >> DAY_SHIFT, its_start, its_end
        if self.numbers:
            yield first, len(self.numbers), start, end


class LineReader:
    """Reads the lines that ``catalog`` names; every partition is opened once, and is the one the catalog has read.

    ``on_damage`` is told of lines that were not written so.
    """

    def __init__(self, root: Path, catalog: Catalog, on_damage: Callable[[Finding], None]) -> None:
        self._root = root
        self._catalog = catalog
        self._on_damage = on_damage
        self._open: dict[int, int] = {}
        self._noted: dict[int, Noted] = {}

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def record(self, place: Place) -> dict[str, Any] | None:
        """The record at a place, its digest checked; None if it is damaged. Raises MovedError."""
        read = self.checked(place)
        return None if read is None else read[1]

    def checked(self, place: Place) -> tuple[bytes, dict[str, Any]] | None:
        """The line at a place and its record, likewise."""
        line = self.read(place.id >> DAY_SHIFT, place.offset, place.length)
        record = self._decoded(place, line)
        return None if record is None else (line, record)

    def parsed(self, places: Iterable[Place]) -> Iterator[tuple[Place, dict[str, Any] | None]]:
        """Each place with what its line says, of which nothing is shown: no digest is checked. None if it is damaged.

        Raises MovedError.
        """
        for some, data, starts in self._with_bytes(places):
            for place, start in zip(some, starts, strict=True):
                try:
                    fields = orjson.loads(data[start : start + place.length])
                except orjson.JSONDecodeError:
                    fields = None
                whole = isinstance(fields, dict) and isinstance(fields.get("summary"), str)
                yield place, fields if whole else None

    def with_terms(self, places: Iterable[Place], terms: Sequence[Term], tag: str | None) -> Iterator[Place]:
        """Those of the places whose record has all the terms, and the tag. Raises MovedError.

        Only what is shown has its digest checked; here most lines need not even be parsed.
        """
        wanted = probes(terms)
        for some, data, starts in self._with_bytes(places):
            for place, start in zip(some, starts, strict=True):
                end = start + place.length
                found = verdict(data, start, end, wanted) if wanted and ends_as_ours(data, end) else None
                if found is None or (found and tag is not None):
                    found = self._has(place, bytes(data[start:end]), terms, tag)
                if found:
                    yield place

    def sifted(self, spots: Spots, terms: Sequence[Term]) -> tuple[list[int], list[int]]:
        """The numbers of the lines that surely have all the terms, and of those that must be looked at closely."""
        wanted, sure, unsure = probes(terms), list[int](), list[int]()
        for first, last, data, begin in self._stretches(spots):
            columns = (column[first:last] for column in spots)
            for number, offset, length in zip(*columns, strict=True):
                end = offset - begin + length
                found = verdict(data, offset - begin, end, wanted) if ends_as_ours(data, end) else None
                if found is not False:
                    (sure if found else unsure).append(number)
        return sure, unsure

    def _has(self, place: Place, line: bytes, terms: Sequence[Term], tag: str | None) -> bool:
        record = self._decoded(place, line)
        if record is None:
            return False
        texts, tags = searchable(record)
        return (tag is None or has_tag(tags, tag)) and has_all(folded(texts), terms)

    def _with_bytes(self, places: Iterable[Place]) -> Iterator[tuple[list[Place], bytearray, list[int]]]:
        """The places by stretches of a partition, each with bytes and where in these its lines begin."""
        rest = iter(places)
        while some := list(islice(rest, _AT_ONCE)):
            numbers, _, _, offsets, lengths = zip(*some, strict=True)
            for first, last, data, begin in self._stretches(Spots(numbers, offsets, lengths)):
                yield some[first:last], data, [offset - begin for offset in offsets[first:last]]

    def _stretches(self, spots: Spots) -> Iterator[tuple[int, int, bytearray, int]]:
        """The lines by stretches that are read at once: which they are (from, to), bytes that hold them, and where in
        the partition these begin.

        The bytes of one are where those of the next will be: not to have the system find memory for each, which takes
        longer than to read them.
        """
        buffer = bytearray()
        # Of all the files at once: to ask for one after the other takes longer than to read the lines.
        self._note({number >> DAY_SHIFT for number in spots.numbers})
        for first, last, start, end in spots.stretches():
            if len(buffer) < end - start:
                buffer = bytearray(end - start)
            day = spots.numbers[first] >> DAY_SHIFT
            read = os.preadv(self._descriptor(day), [memoryview(buffer)[: end - start]], start)
            if read < end - start:  # cut meanwhile: what is left of another stretch must not be taken for it
                buffer[read : end - start] = bytes(end - start - read)
            yield first, last, buffer, start

    def read(self, day: int, offset: int, length: int) -> bytes:
        """Bytes of a day's partition. Raises MovedError."""
        return os.pread(self._descriptor(day), length, offset)

    def _decoded(self, place: Place, line: bytes) -> dict[str, Any] | None:
        try:
            record = decode_record(line)
        except DamagedLineError as error:
            path = layout.records_path(self._root, place.id >> DAY_SHIFT)
            self._on_damage(Finding(path.relative_to(self._root).as_posix(), _line_number(path, place), str(error)))
            return None
        if hash64(record["session_id"]) != place.session:
            raise MovedError
        return record

    def _descriptor(self, day: int) -> int:
        if day not in self._open:
            if len(self._open) == _OPEN_AT_ONCE:
                os.close(self._open.pop(next(iter(self._open))))
            path = layout.records_name(self._root, day)
            try:
                self._open[day] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise MovedError from None
            # Another file's bytes would look like damage, or like a record without the words asked for.
            self._note({day})
            if day not in self._noted or not self._noted[day].is_of(self._open[day]):
                raise MovedError
        return self._open[day]

    def _note(self, days: Set[int]) -> None:
        if unknown := days - self._noted.keys():
            self._noted |= noted(self._catalog.db, unknown)


def _line_number(path: Path, place: Place) -> int:
    with path.open("rb") as file:
        return file.read(place.offset).count(b"\n") + 1
