"""Where in the store does each file stand?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path

_MONTH = re.compile(r"\d{4}-\d{2}")
_RECORDS = re.compile(r"session_summaries_(\d{4})(\d{2})(\d{2})\.jsonl")
_TRANSCRIPTS = re.compile(r"transcripts_(\d{4})(\d{2})(\d{2})\.jsonl")

LOCK = ".lock"
INDEX = "index"
CATALOG = "catalog.sqlite"
TEXT = "text.sqlite"
QUARANTINE = "quarantine"
TRANSCRIPTS = "transcripts"

EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY_MS = 86_400_000


def day_of(created_ms: int) -> int:
    """The UTC day (proleptic Gregorian ordinal) of an instant in epoch milliseconds."""
    return EPOCH_DAY + created_ms // DAY_MS


def month_of(day: int) -> str:
    """``YYYY-MM`` of a day."""
    return date.fromordinal(day).isoformat()[:7]


def records_path(root: Path, day: int) -> Path:
    """The partition of a day's records."""
    iso = date.fromordinal(day).isoformat()
    return root / iso[:7] / f"session_summaries_{iso.replace('-', '')}.jsonl"


def transcripts_path(root: Path, day: int) -> Path:
    """The partition of a day's transcripts."""
    iso = date.fromordinal(day).isoformat()
    return root / TRANSCRIPTS / iso[:7] / f"transcripts_{iso.replace('-', '')}.jsonl"


def record_partitions(root: Path) -> dict[int, os.stat_result]:
    """Every partition of records there is: its day and what ``stat`` says of it."""
    return dict(_partitions(root, _RECORDS))


def transcript_partitions(root: Path) -> dict[int, os.stat_result]:
    """Every partition of transcripts there is, likewise."""
    return dict(_partitions(root / TRANSCRIPTS, _TRANSCRIPTS))


def _partitions(root: Path, names: re.Pattern[str]) -> Iterator[tuple[int, os.stat_result]]:
    if not root.is_dir():
        return
    months = sorted(entry.path for entry in os.scandir(root) if _MONTH.fullmatch(entry.name) and entry.is_dir())
    for month in months:
        for entry in os.scandir(month):
            match = names.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                try:
                    day = date(*map(int, match.groups())).toordinal()
                    yield day, entry.stat(follow_symlinks=False)
                except (ValueError, FileNotFoundError):
                    continue  # not a date, or pruned between the listing and the look


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


@lru_cache(maxsize=1024)
def _iso_day(day: int) -> str:
    return date.fromordinal(day).isoformat()
