"""Where do bytes go that could not be read? Into a file of their own, with where they stood and why."""

from __future__ import annotations

import contextlib
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import orjson

from ion_summary.store import files, sealing
from ion_summary.store.layout import QUARANTINE
from ion_summary.store.partition import DamagedLineError, decode, salvage


def keep(root: Path, file: Path, offset: int, data: bytes, reason: str, line: int | None = None) -> None:
    """Keeps bytes of a partition. The same bytes from the same place are kept once, however often they are met."""
    name = blake2b(b"%s\0%d\0%s" % (file.name.encode(), offset, data), digest_size=8).hexdigest()
    place = root / QUARANTINE / f"{file.stem}-{name}.json"
    if place.exists():
        return
    entry = {
        "file": file.relative_to(root).as_posix(),
        "offset": offset,
        **({} if line is None else {"line": line}),
        "reason": reason,
        "kept_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bytes_base64": b64encode(data).decode(),
    }
    files.replace(place, orjson.dumps(entry, option=orjson.OPT_INDENT_2) + b"\n")


def move_database(root: Path, file: Path) -> None:
    """Moves a broken database here as it is, with its log; nothing is read. Raises StoreNotWritableError."""
    name = f"{file.stem}-{os.urandom(8).hex()}{file.suffix}"
    place = root / QUARANTINE / name
    files.make_directory(place.parent)
    with files.writing(file):
        # The log first: beside a new database it would be taken for that one's.
        for end in ("-shm", "-wal", ""):
            with contextlib.suppress(FileNotFoundError):
                file.with_name(file.name + end).rename(place.with_name(name + end))
    files.sync_directory(place.parent)
    files.sync_directory(root)


class Entry(NamedTuple):
    """What was kept: in which file, of which file of the store and line of it, if that was told, why, and the bytes."""

    path: Path
    file: str
    line: int | None
    reason: str
    data: bytes


def entries(root: Path) -> Iterator[Entry]:
    """What is in quarantine, as far as it is as it was written."""
    for path in _files(root):
        if _is_of_database(path):
            continue
        with contextlib.suppress(ValueError, KeyError, TypeError):
            fields = orjson.loads(files.read(path))
            line = None if fields.get("line") is None else int(fields["line"])
            yield Entry(path, str(fields["file"]), line, str(fields["reason"]), b64decode(fields["bytes_base64"]))


class Kept(NamedTuple):
    """A file of quarantine, all that can be read in it, and whether there is more that nobody can read."""

    path: Path
    data: bytes
    has_more: bool


def kept(root: Path) -> Iterator[Kept]:
    """What is in quarantine, also what is not as it was written; what was compressed also as it reads."""
    readable = {entry.path: entry for entry in entries(root)}
    for path in _files(root):
        if _is_of_database(path):
            yield Kept(path, b"", has_more=True)
            continue
        data, entry = files.read(path), readable.get(path)
        is_compressed = entry is not None and sealing.is_sealed(Path(entry.file))
        if entry is not None:
            data = b"\n".join((data, entry.data, sealing.readable_of(entry.data) if is_compressed else b""))
        yield Kept(path, data, is_compressed)


def _is_of_database(path: Path) -> bool:
    return path.suffix.startswith(".sqlite")


def _files(root: Path) -> list[Path]:
    directory = root / QUARANTINE
    found = sorted(directory.iterdir()) if directory.is_dir() else []
    return [path for path in found if path.is_file() and not path.is_symlink()]


def repair_tail(root: Path, file: Path) -> None:
    """Ends the last line of a partition that a kill has left open. For the writer, before anything is appended.

    If the bytes after the last newline are a whole line, only the newline is missing. If whole lines are among them
    (a newline rotted), the reader saves them out of the line once it is ended. Else they were never acknowledged: they
    are kept here and cut off.
    """
    offset, tail = files.end_of_lines(file)
    if not tail:
        return
    try:
        decode(tail)
    except DamagedLineError:
        if not any(salvage(tail)):
            keep(root, file, offset, tail, "torn off while it was written")
            files.cut(file, offset)
            return
    files.append(file, b"\n")
