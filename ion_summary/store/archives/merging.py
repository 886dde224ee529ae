"""How do two stores become one, the newest record of each session winning?

Lines are taken over as they are, digest and time of saving included: so it can be interrupted and repeated, and done
twice it adds nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ion_summary.progress import Progress
from ion_summary.store import erasing, files, layout
from ion_summary.store.archives.members import files_of
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.hashing import hash64
from ion_summary.store.writing import StoreWriter

_TAKEN_WHOLE = (f"{layout.QUARANTINE}/", layout.ORIGINAL_INDEX)
_QUEUE = (layout.JOBS, f"{layout.SPOOL}/")


@dataclass
class Merged:
    """What came of it: sessions that were not there, that were newer, and that were not."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0


def merge(writer: StoreWriter, root: Path, source: Catalog, other: Path, progress: Progress) -> Merged:
    """Takes into the store at ``root`` what is newer in the store at ``other``, whose index is ``source``."""
    merged = Merged()
    days = sorted(layout.record_partitions(other))
    progress.start("merge", len(days), "partitions")
    for day in days:
        _merge_day(writer, root, source, other, day, merged)
        progress.advance(1)
    _take_files(root, other)
    progress.finish()
    return merged


def _merge_day(writer: StoreWriter, root: Path, source: Catalog, other: Path, day: int, merged: Merged) -> None:
    span = (day << DAY_SHIFT, (day + 1) << DAY_SHIFT)
    query = "SELECT session, saved, offset, length FROM record WHERE id >= ? AND id < ? ORDER BY id"
    rows = source.db.execute(query, span).fetchall()
    stored = writer.catalog.stored([session for session, *_ in rows])
    wanted, known = set[int](), set[int]()
    lines = []
    path = layout.records_path(other, day)
    data = files.read(path) if rows else b""
    for session, saved, offset, length in rows:
        before = stored.get(session)
        if before is not None and before.saved >= saved:
            merged.unchanged += 1
            if before.saved == saved:
                known.add(session)
            continue
        merged.new += before is None
        merged.updated += before is not None
        wanted.add(session)
        lines.append(data[offset : offset + length] + b"\n")
    if known:  # the transcripts of some may have been lost here
        wanted |= known.difference(session for session, _ in _lines(root, day))
    writer.append_lines(day, _transcripts(other, day, wanted) if wanted else [], lines)


def _transcripts(other: Path, day: int, wanted: set[int]) -> list[bytes]:
    """The newest transcript of each wanted session of a day."""
    newest = {session: line for session, line in _lines(other, day) if session in wanted}
    return [line.rstrip(b"\r\n") + b"\n" for line in newest.values()]


def _lines(root: Path, day: int) -> Iterator[tuple[int, bytes]]:
    """The transcripts of a day that can be read, older ones first, each with its session."""
    for path in layout.transcript_files_of(root, day):
        for line in erasing.lines_of(path):
            fields = erasing.fields_of(line)
            if fields is not None and isinstance(fields.get("session_id"), str):
                yield hash64(fields["session_id"]), line


def _take_files(root: Path, other: Path) -> None:
    """What is in quarantine there, and its queue if there is none here: two queues would ask for the same twice."""
    has_queue = (root / layout.JOBS).exists()
    for name in files_of(other)[0]:
        if name.startswith(_TAKEN_WHOLE) or (name.startswith(_QUEUE) and not has_queue):
            target = root / name
            if not target.exists():
                files.make_directory(target.parent)
                with files.writing(target):
                    (other / name).rename(target)
                    files.sync_directory(target.parent)
