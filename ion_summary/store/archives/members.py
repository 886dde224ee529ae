"""Which files of a store go into an archive, and under which names?

A member is called as its file is, relative to the store. No other name is ever written by a restore.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from ion_summary.store import layout

_SEALED = ".zst"
_LONGEST = 100  # what a tar header holds without an extension
_PARTITION = re.compile(
    r"(?:(?P<records>\d{4}-\d\d)/session_summaries_|transcripts/(?P<transcripts>\d{4}-\d\d)/transcripts_)"
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)\.jsonl(?:\.zst)?",
    re.ASCII,
)
_MONTH = re.compile(rf"(?:{layout.TRANSCRIPTS}/)?\d{{4}}-\d\d", re.ASCII)
_QUARANTINED = re.compile(rf"{layout.QUARANTINE}/[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_SPOOLED = re.compile(r"spool/\d{1,10}-[0-9a-f]{12}", re.ASCII)
# Beside the partitions: the queue, what was forgotten or pruned, and the index of a store of the original system.
_SINGLE = re.compile(r"jobs\.sqlite|index\.json|[a-z][a-z_]{0,40}\.jsonl", re.ASCII)
# Derived, or of one moment only.
_LEFT_OUT = re.compile(r"\.lock|index|jobs\.sqlite-(?:wal|shm|journal)|\.[^/]*\.new", re.ASCII)


def is_member(name: str) -> bool:
    """Whether a store has files of that name which belong into an archive."""
    if len(name) > _LONGEST:
        return False
    if found := _PARTITION.fullmatch(name):
        return (found["records"] or found["transcripts"]) == f"{found['year']}-{found['month']}" and _is_date(found)
    return any(pattern.fullmatch(name) for pattern in (_QUARANTINED, _SPOOLED, _SINGLE))


def is_records(name: str) -> bool:
    """Whether a member is a partition of records."""
    found = _PARTITION.fullmatch(name)
    return found is not None and found["records"] is not None


def is_transcripts(name: str) -> bool:
    """Whether a member is a partition of transcripts."""
    found = _PARTITION.fullmatch(name)
    return found is not None and found["transcripts"] is not None


def is_sealed(name: str) -> bool:
    """Whether a member is compressed in the store already."""
    return name.endswith(_SEALED)


def has_lines(name: str) -> bool:
    """Whether a member is made of lines, compressed or not."""
    return name.removesuffix(_SEALED).endswith(".jsonl")


def files_of(root: Path) -> tuple[list[str], list[str]]:
    """The names of a store's members in order, and those of the files in it that are none."""
    kept, strange = list[str](), list[str]()
    for name in _names(os.fspath(root), ""):
        (kept if is_member(name) else strange).append(name)
    return sorted(kept), sorted(strange)


def _names(directory: str, prefix: str) -> Iterator[str]:
    for entry in os.scandir(directory):
        name = prefix + entry.name
        if _LEFT_OUT.fullmatch(entry.name if entry.name.endswith(".new") else name):
            continue
        # A month may be a link: old ones are moved to another disk, and are searched there as before.
        if entry.is_dir(follow_symlinks=_MONTH.fullmatch(name) is not None):
            yield from _names(entry.path, name + "/")
        elif entry.is_file(follow_symlinks=False) or not is_member(name):
            yield name
        else:
            yield name + " (not a regular file)"  # which makes it a name that no member has


def _is_date(found: re.Match[str]) -> bool:
    try:
        date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return False
    return True
