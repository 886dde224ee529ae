"""Is every byte of the store what was written, and does the index say the same as the partitions?"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any

from ion_summary.progress import Progress
from ion_summary.store import erasing, layout, losses, sealing
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.lines import MovedError
from ion_summary.store.parsing import Parsed, parse, slices
from ion_summary.store.partition import DamagedLineError, Finding, decode_with_digest, has_digest, lines
from ion_summary.store.segments import Segments, words_of
from ion_summary.store.tombstones import Tombstones
from ion_summary.store.tracking import noted

# Superseded lines that are newer than the record of their session, and records that a search tree does not lead to.
_OUTDATED = (
    "SELECT s.id, s.offset FROM superseded s LEFT JOIN by_session b ON b.session = s.session"
    " LEFT JOIN record r ON r.id = b.record"
    " WHERE r.id IS NULL OR (s.saved, s.id) > (r.saved, r.id)"
)
_NOT_FOUND = (
    "SELECT r.id, r.offset FROM record r LEFT JOIN by_session s ON s.session = r.session"
    " LEFT JOIN by_user u ON u.user = r.user AND u.created = r.created AND u.record = r.id"
    " WHERE s.record IS NOT r.id OR u.record IS NULL"
)


@dataclass
class Verified:
    """What was found. ``records`` counts readable lines, ``without_digest`` those of an adopted store among them."""

    records: int = 0
    without_digest: int = 0
    findings: list[Finding] = field(default_factory=list)


class Verifier:
    """One look at everything."""

    def __init__(self, root: Path, naive: tzinfo | None, progress: Progress) -> None:
        self._root = root
        self._naive = naive
        self._progress = progress
        self.found = Verified()
        self.had_index = True
        self._losses: list[Finding] = []

    def compare_sizes(self, catalog: Catalog) -> None:
        """Finds partitions that have lost lines, as far as the index knows: before it follows them."""
        self.had_index = bool(catalog.partitions() or not layout.record_partitions(self._root))
        self._losses = losses.losses(catalog.db, self._root)

    def verify(self, catalog: Catalog, segments: Segments) -> None:
        """Reads every line, and compares the index with what it says."""
        self.found = Verified(
            findings=list(self._losses)
        )  # it may be asked again, if a partition is replaced meanwhile
        known = catalog.partitions()
        partitions = layout.record_partitions(self._root)  # after it: they have at least what it knows of
        if not known.keys() <= partitions.keys():
            raise MovedError
        transcripts = layout.transcript_partitions(self._root)
        sealed = layout.sealed_partitions(self._root)
        parts = (*partitions.values(), *transcripts.values(), *sealed.values())
        self._progress.start("verify", sum(stat.st_size for stat in parts), "bytes")
        words: dict[str, Counter[str]] = {}
        for day, stat in sorted(partitions.items()):
            path = layout.records_path(self._root, day)
            parsed = list(self._parsed(path, day, stat, catalog))
            self._day(path, day, parsed, catalog)
            self._require_same(path, day, catalog)
            counted = words.setdefault(layout.month_of(day), Counter())
            for part in parsed:
                for document in part.documents:
                    counted.update(words_of(document))
            self._progress.advance(stat.st_size)
        self._newest(catalog)
        self._words(words, catalog, segments)
        for day, stat in sorted(transcripts.items()):
            with contextlib.suppress(FileNotFoundError):  # pruned or sealed since
                self._transcripts(layout.transcripts_path(self._root, day), stat.st_size)
            self._progress.advance(stat.st_size)
        for day, stat in sorted(sealed.items()):
            with contextlib.suppress(FileNotFoundError):
                self._sealed(layout.sealed_path(self._root, day))
            self._progress.advance(stat.st_size)
        self.found.findings += Tombstones.read(self._root).verified()
        self._progress.finish()

    def _parsed(self, path: Path, day: int, stat: os.stat_result, catalog: Catalog) -> Iterator[Parsed]:
        """What the partition held when the index was asked: others may write meanwhile."""
        known, _ = catalog.partitions().get(day, (0, 0))
        self._require_same(path, day, catalog)
        for start, end in slices(path, 0, stat.st_size):
            if start < known:
                yield parse(path, day, start, min(end, known), self._naive, True)

    def _require_same(self, path: Path, day: int, catalog: Catalog) -> None:
        """Raises MovedError if the partition was replaced since the index was asked; a copy of it is none other."""
        known = noted(catalog.db, [day]).get(day)
        try:
            if known is not None and path.stat().st_ino != known.inode:
                with path.open("rb") as file:
                    if not known.is_of(file.fileno()):
                        raise MovedError
        except FileNotFoundError:
            raise MovedError from None

    def _day(self, path: Path, day: int, parsed: list[Parsed], catalog: Catalog) -> None:
        number, rows = 0, []
        for part in parsed:
            rows += part.numbered(number)
            number += part.lines
            for offset, _, problem in part.problems:
                self._finding(path, self._line_number(path, offset), problem)
        self.found.records += len(rows)
        data = path.read_bytes()
        self.found.without_digest += sum(not has_digest(data[row.offset : row.offset + row.length]) for row in rows)
        there = set(_rows_of(catalog, day))
        for row in rows:
            wanted = (row.id, row.session, row.user, row.type, row.created, row.saved, row.offset, row.length)
            if wanted not in there:
                self._finding(path, self._line_number(path, row.offset), "the index does not know this line")
            there.discard(wanted)
        for extra in sorted(there):
            self._finding(path, self._line_number(path, extra[6]), "the index has a record that is not there")

    def _newest(self, catalog: Catalog) -> None:
        for query, problem in (
            (_OUTDATED, "takes an older line of this session"),
            (_NOT_FOUND, "does not find the record of this line"),
        ):
            for number, offset in catalog.db.execute(query):
                path = layout.records_path(self._root, number >> DAY_SHIFT)
                self._finding(path, self._line_number(path, offset), f"the index {problem}")

    def _words(self, words: dict[str, Counter[str]], catalog: Catalog, segments: Segments) -> None:
        indexed = segments.indexed()
        behind = {layout.month_of(day) for day, upto in indexed.items() if upto < 0}
        sizes = dict(catalog.db.execute("SELECT day, size FROM partition"))
        behind |= {layout.month_of(day) for day, size in sizes.items() if indexed.get(day, 0) != size}
        for month in segments.months():
            if month in behind:
                continue  # the hot tail is not in it, or it holds retired numbers: it says less or more than the lines
            there = segments.documents_with(month)
            if there != words.get(month, Counter()):
                self._finding(self._root / layout.INDEX / "text.sqlite", None, f"the words of {month} are not right")

    def _transcripts(self, path: Path, size: int) -> None:
        self._lines(path, (line for _, line in lines(path, 0, size)))

    def _sealed(self, path: Path) -> None:
        try:
            self._lines(path, erasing.split(sealing.read(path)))
        except DamagedLineError as error:
            self._finding(path, None, str(error))

    def _lines(self, path: Path, some: Iterable[bytes]) -> None:
        for number, line in enumerate(some, 1):
            if not line.endswith(b"\n"):
                return  # being written, or torn off: the next writer takes care of it
            try:
                decode_with_digest(line.rstrip(b"\n"))
            except DamagedLineError as error:
                self._finding(path, number, str(error))

    def _finding(self, path: Path, line: int | None, problem: str) -> None:
        self.found.findings.append(Finding(path.relative_to(self._root).as_posix(), line, problem))

    def _line_number(self, path: Path, offset: int) -> int:
        with path.open("rb") as file:
            return file.read(offset).count(b"\n") + 1


def _rows_of(catalog: Catalog, day: int) -> Iterator[tuple[Any, ...]]:
    span = (day << DAY_SHIFT, (day + 1) << DAY_SHIFT)
    for table in ("record", "superseded"):
        yield from catalog.db.execute(
            "SELECT r.id, r.session, n.name, r.type, r.created, r.saved, r.offset, r.length"
            f" FROM {table} r JOIN name n ON n.id = r.user WHERE r.id >= ? AND r.id < ?",
            span,
        )
