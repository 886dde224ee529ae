"""Where do bytes go that could not be read? Into a file of their own, with where they stood and why."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import orjson

from ion_summary.store import files
from ion_summary.store.layout import QUARANTINE
from ion_summary.store.partition import DamagedLineError, decode, salvage


def keep(root: Path, file: Path, offset: int, data: bytes, reason: str) -> None:
    """Keeps bytes of a partition. The same bytes from the same place are kept once, however often they are met."""
    name = blake2b(b"%s\0%d\0%s" % (file.name.encode(), offset, data), digest_size=8).hexdigest()
    place = root / QUARANTINE / f"{file.stem}-{name}.json"
    if place.exists():
        return
    entry = {
        "file": file.relative_to(root).as_posix(),
        "offset": offset,
        "reason": reason,
        "kept_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bytes_base64": b64encode(data).decode(),
    }
    files.replace(place, orjson.dumps(entry, option=orjson.OPT_INDENT_2) + b"\n")


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
