"""Which record stands at a place that the index names?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog, Place, hash64
from ion_summary.store.matching import folded, has_all, has_tag, probes, searchable, verdict
from ion_summary.store.partition import DamagedLineError, Finding, decode_record, has_digest
from ion_summary.store.tracking import Noted, noted
from ion_summary.text.tokens import Term

# To read so many bytes that are not wanted takes as long as to ask for the next ones.
_READ_OVER = 16_384
# A process may have some hundred files open, a store some thousand partitions.
_OPEN_AT_ONCE = 64
# Whoever opens so many partitions will open more: what is known of their files is then asked for at once.
_MANY = 8


class MovedError(Exception):
    """Another record stands there: the partition was replaced since the index was asked."""


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
        for place, line in self._lines_of(places):
            try:
                fields = orjson.loads(line)
            except orjson.JSONDecodeError:
                fields = None
            whole = isinstance(fields, dict) and isinstance(fields.get("summary"), str)
            yield place, fields if whole else None

    def with_terms(self, places: Iterable[Place], terms: Sequence[Term], tag: str | None) -> Iterator[Place]:
        """Those of the places whose record has all the terms, and the tag. Raises MovedError.

        Only what is shown has its digest checked; here most lines need not even be parsed.
        """
        wanted = probes(terms)
        for place, line in self._lines_of(places):
            if wanted and has_digest(line):
                found = verdict(line, wanted)
                if found is False:
                    continue
                if found and tag is None:
                    yield place
                    continue
            record = self._decoded(place, line)
            if record is not None:
                texts, tags = searchable(record)
                if (tag is None or has_tag(tags, tag)) and has_all(folded(texts), terms):
                    yield place

    def _lines_of(self, places: Iterable[Place]) -> Iterator[tuple[Place, bytes]]:
        """Each with its line; of a day of which many are wanted, the bytes are read all at once."""
        for day, group in groupby(places, key=lambda place: place.id >> DAY_SHIFT):
            some = list(group)
            start, end = min(place.offset for place in some), max(place.offset + place.length for place in some)
            if end - start > len(some) * _READ_OVER:
                yield from ((place, self.read(day, place.offset, place.length)) for place in some)
            else:
                data = self.read(day, start, end - start)
                yield from ((place, data[place.offset - start : place.offset - start + place.length]) for place in some)

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
            if day not in self._noted:
                self._noted |= noted(self._catalog.db, day if len(self._noted) < _MANY else None)
            if day not in self._noted or not self._noted[day].is_of(self._open[day]):
                raise MovedError
        return self._open[day]


def _line_number(path: Path, place: Place) -> int:
    with path.open("rb") as file:
        return file.read(place.offset).count(b"\n") + 1
