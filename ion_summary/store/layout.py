"""Where in the store does each file stand?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path

_RECORDS = "session_summaries_"
_TRANSCRIPTS = "transcripts_"
_SUFFIX = ".jsonl"
_SEALED = ".jsonl.zst"

LOCK = ".lock"
INDEX = "index"
CATALOG = "catalog.sqlite"
TEXT = "text.sqlite"
QUARANTINE = "quarantine"
TRANSCRIPTS = "transcripts"
TOMBSTONES = "tombstones.jsonl"
#: Of a store that was adopted: the sessions and users of all its records.
ORIGINAL_INDEX = "index.json"
#: What waits to be summarized.
JOBS = "jobs.sqlite"
SPOOL = "spool"
_OWN = {LOCK, INDEX, QUARANTINE, TRANSCRIPTS, TOMBSTONES, ORIGINAL_INDEX, JOBS, SPOOL}

EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY_MS = 86_400_000
# Of ``st_mode``, as the module stat has them.
_FILE_TYPE, _REGULAR = 0o170000, 0o100000


def is_store(root: Path) -> bool:
    """Whether it is a directory that is empty, or has something of a store in it; one that may not be read may be."""
    try:
        names = os.listdir(root)  # noqa: PTH208 - each search asks
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return True
    return not names or not _OWN.isdisjoint(names) or any(map(_is_month, names))


def day_of(created_ms: int) -> int:
    """The UTC day (proleptic Gregorian ordinal) of an instant in epoch milliseconds."""
    return EPOCH_DAY + created_ms // DAY_MS


def month_of(day: int) -> str:
    """``YYYY-MM`` of a day."""
    return date.fromordinal(day).isoformat()[:7]


def records_path(root: Path, day: int) -> Path:
    """The partition of a day's records."""
    return Path(records_name(root, day))


def records_name(root: Path, day: int) -> str:
    """The same as a text: a search looks at a hundred of them, and making a Path takes longer than that."""
    iso = _iso_day(day)
    return f"{root}/{iso[:7]}/{_RECORDS}{iso[:4]}{iso[5:7]}{iso[8:]}{_SUFFIX}"


def transcripts_path(root: Path, day: int) -> Path:
    """The partition of a day's transcripts."""
    iso = date.fromordinal(day).isoformat()
    return root / TRANSCRIPTS / iso[:7] / f"{_TRANSCRIPTS}{iso.replace('-', '')}{_SUFFIX}"


def sealed_path(root: Path, day: int) -> Path:
    """The compressed partition of a day's transcripts; what came later for that day is in ``transcripts_path``."""
    path = transcripts_path(root, day)
    return path.with_name(path.name.removesuffix(_SUFFIX) + _SEALED)


def months(root: Path) -> dict[str, tuple[int, int]]:
    """The directories of months that there are, each with the time of its last change and its inode."""
    found = {}
    for name, path in _months(root):
        with contextlib.suppress(FileNotFoundError):
            stat = os.stat(path)  # noqa: PTH116 - one may be a link to a directory elsewhere
            found[name] = (stat.st_mtime_ns, stat.st_ino)
    return found


def partitions_of(root: Path, month: str) -> Iterator[tuple[int, os.stat_result]]:
    """The partitions of records of a month, likewise."""
    return _partitions_in(f"{root}/{month}", month, _RECORDS, _SUFFIX)


def record_partitions(root: Path) -> dict[int, os.stat_result]:
    """Every partition of records there is: its day and what ``stat`` says of it."""
    return dict(_partitions(root, _RECORDS))


def transcript_partitions(root: Path) -> dict[int, os.stat_result]:
    """Every partition of transcripts there is that is not compressed, likewise."""
    return dict(_partitions(root / TRANSCRIPTS, _TRANSCRIPTS))


def sealed_partitions(root: Path) -> dict[int, os.stat_result]:
    """Every compressed partition of transcripts there is, likewise."""
    return dict(_partitions(root / TRANSCRIPTS, _TRANSCRIPTS, _SEALED))


def transcript_files(root: Path) -> dict[int, list[Path]]:
    """Per day the files that hold transcripts of it, older lines first."""
    found: dict[int, list[Path]] = {day: [sealed_path(root, day)] for day in sealed_partitions(root)}
    for day in transcript_partitions(root):
        found.setdefault(day, []).append(transcripts_path(root, day))
    return found


def transcript_files_of(root: Path, day: int) -> list[Path]:
    """The files that hold transcripts of a day, older lines first."""
    return [path for path in (sealed_path(root, day), transcripts_path(root, day)) if path.is_file()]


def _partitions(root: Path, prefix: str, suffix: str = _SUFFIX) -> Iterator[tuple[int, os.stat_result]]:
    for month, path in _months(root):
        yield from _partitions_in(path, month, prefix, suffix)


def _months(root: Path) -> list[tuple[str, str]]:
    try:
        return sorted((entry.name, entry.path) for entry in os.scandir(root) if _is_month(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _partitions_in(path: str, month: str, prefix: str, suffix: str) -> Iterator[tuple[int, os.stat_result]]:
    """Looked at before every write, so that a file costs little more than its ``stat``."""
    days = days_of(month)
    start, length = prefix + month[:4] + month[5:], len(prefix) + 8 + len(suffix)
    digits = slice(len(start), -len(suffix))
    try:
        names = os.listdir(path)  # noqa: PTH208 - a Path for each file would cost more than its stat
    except (FileNotFoundError, NotADirectoryError):
        return  # pruned between the listing and the look, or something else of that name
    for name in names:
        if len(name) == length and name.startswith(start) and name.endswith(suffix) and name[digits] in days:
            try:
                stat = os.lstat(f"{path}/{name}")
            except FileNotFoundError:
                continue
            if stat.st_mode & _FILE_TYPE == _REGULAR:
                yield days[name[digits]], stat


def _is_month(name: str) -> bool:
    return len(name) == 7 and name[4] == "-" and name.isascii() and name[:4].isdigit() and name[5:].isdigit()


@lru_cache(maxsize=1024)
def days_of(month: str) -> dict[str, int]:
    """The days of ``YYYY-MM`` by their two digits; none if there is no such month."""
    try:
        first = date(int(month[:4]), int(month[5:]), 1)
    except ValueError:
        return {}
    last = date(first.year + first.month // 12, first.month % 12 + 1, 1) if month < "9999-12" else date.max
    return {f"{day:02}": first.toordinal() + day - 1 for day in range(1, (last - first).days + 1)}


def to_ms(created_at: str, naive: tzinfo | None) -> int:
    """Epoch milliseconds of a record's ``created_at``; a naive time is taken to be in ``naive`` (None: local time)."""
    moment = datetime.fromisoformat(created_at)
    if moment.tzinfo is None and naive is not None:
        moment = moment.replace(tzinfo=naive)
    return int(moment.timestamp() * 1000)  # the local zone is what timestamp() assumes of naive times


def from_ms(instant_ms: int) -> str:
    """The store's one way to write an instant: UTC, milliseconds, ``Z``, always 24 characters."""
    days, rest = divmod(instant_ms, DAY_MS)
    seconds, millisecond = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_iso_day(EPOCH_DAY + days)}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"


@lru_cache(maxsize=4096)
def _iso_day(day: int) -> str:
    return date.fromordinal(day).isoformat()
