"""Which record stands at a place that the index names?"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog, Place, hash64
from ion_summary.store.partition import DamagedLineError, Finding, decode_record, has_digest
from ion_summary.store.tracking import is_known


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

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def record(self, place: Place, needles: Sequence[bytes] = ()) -> dict[str, Any] | None:
        """The record at a place, its digest checked; None if it is damaged. Raises MovedError.

        None also if its line, in lower case, lacks one of the ``needles``: most candidates need not be parsed to be
        turned down. (Only lines of ours are sure to hold their texts unescaped and in NFC.)
        """
        day = place.id >> DAY_SHIFT
        line = os.pread(self._descriptor(day), place.length, place.offset)
        if needles and has_digest(line):
            lowered = line.lower()
            if not all(needle in lowered for needle in needles):
                return None
        try:
            record = decode_record(line)
        except DamagedLineError as error:
            path = layout.records_path(self._root, day)
            self._on_damage(Finding(path.relative_to(self._root).as_posix(), _line_number(path, place), str(error)))
            return None
        if hash64(record["session_id"]) != place.session:
            raise MovedError
        return record

    def _descriptor(self, day: int) -> int:
        if day not in self._open:
            path = layout.records_path(self._root, day)
            try:
                self._open[day] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise MovedError from None
            # Another file's bytes would look like damage, or like a record without the words asked for.
            if not is_known(self._catalog.db, day, self._open[day]):
                raise MovedError
        return self._open[day]


def _line_number(path: Path, place: Place) -> int:
    with path.open("rb") as file:
        return file.read(place.offset).count(b"\n") + 1
