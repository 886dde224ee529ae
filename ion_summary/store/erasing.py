"""How does a session leave the partitions, so that none of its bytes stay?"""

from __future__ import annotations

import json
from pathlib import Path

import orjson

from ion_summary.store import files, layout
from ion_summary.store.partition import DamagedLineError, decode, lines


def erase_session(root: Path, session_id: str) -> bool:
    """Rewrites every partition that has a line of the session without its lines; whether there was one.

    Oldest first, because of a session's lines the newest counts: interrupted, the session is still there, and the
    call can be repeated.
    """
    transcripts = [layout.transcripts_path(root, day) for day in sorted(layout.transcript_partitions(root))]
    records = [layout.records_path(root, day) for day in sorted(layout.record_partitions(root))]
    erased = [_erase(path, session_id) for path in (*transcripts, *records)]
    return any(erased)


def _erase(path: Path, session_id: str) -> bool:
    data = path.read_bytes()
    # As we write it, and as the original system did, with what is not ASCII escaped.
    if orjson.dumps(session_id) not in data and json.dumps(session_id).encode() not in data:
        return False
    kept = b"".join(line for _, line in lines(path, 0, len(data)) if not _is_of(line, session_id))
    if len(kept) == len(data):
        return False
    if kept:
        files.replace(path, kept)
    else:
        files.remove(path)
    return True


def _is_of(line: bytes, session_id: str) -> bool:
    try:
        return decode(line.rstrip(b"\r\n")).get("session_id") == session_id
    except DamagedLineError:
        return False
