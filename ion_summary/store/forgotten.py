"""Which bytes of a store are somebody's who was forgotten, by the hashes in tombstones alone, and how do they go?

For stores that come out of an archive: there, unlike in ``forget``, nobody says the name again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from ion_summary.store import erasing, files, layout, quarantine
from ion_summary.store.hashing import content_number, hash64
from ion_summary.store.tombstones import Tombstones

_TEXT = rb'"(?:[^"\\]|\\.)*"'
_NAMED = re.compile(rb'"(session_id|user_id|name)"\s*:\s*(' + _TEXT + rb")", re.DOTALL)
_LISTED = re.compile(rb'"participants"\s*:\s*\[([^\]]*)\]')


class Forgotten:
    """What several ``tombstones.jsonl`` name together. It remembers the sessions that it has met."""

    def __init__(self, *tombstones: Tombstones) -> None:
        self._tombstones = [each for each in tombstones if each.forgotten()]
        self._sessions = set[int]()

    def __bool__(self) -> bool:
        return bool(self._tombstones)

    def names(self, session_id: str, users: Sequence[str], contents: Sequence[int] = ()) -> bool:
        """Whether a session of these users was forgotten."""
        number = hash64(session_id)
        if number in self._sessions:
            return True
        if any(each.is_forgotten(session_id, users, contents) for each in self._tombstones):
            self._sessions.add(number)
            return True
        return False

    def goes(self, line: bytes, fields: dict[str, Any] | None) -> bool:
        """Whether a line of a partition, with what it holds (None: it is damaged), is of a forgotten session.

        A transcript says less than its record: records first.
        """
        if fields is None:
            return self.mentioned_in(line)
        session, user, metadata = fields.get("session_id"), fields.get("user_id"), fields.get("metadata")
        if not isinstance(session, str):
            return False
        metadata = metadata if isinstance(metadata, dict) else {}
        listed = metadata.get("participants")
        users = [name for name in (user, *(listed if isinstance(listed, list) else ())) if isinstance(name, str)]
        content = content_number(metadata.get("content_hash")) if metadata.get("id_derived") else None
        return self.names(session, users, () if content is None else (content,))

    def mentioned_in(self, data: bytes) -> bool:
        """Whether bytes that cannot be read as a line name a forgotten session or person all the same."""
        for kind, text in _NAMED.findall(data):
            named = _decoded(text)
            if named is not None and self.names(*((named, ()) if kind == b"session_id" else ("", (named,)))):
                return True
        listed = (text for some in _LISTED.findall(data) for text in re.findall(_TEXT, some))
        return any(named is not None and self.names("", (named,)) for named in map(_decoded, listed))


def erase_forgotten(root: Path, forgotten: Forgotten) -> int:
    """Takes every line of what was forgotten out of the files of a store; how many files were changed by that.

    Not the queue's, nor the index's. For the holder of the writer's lock; interrupted, it can be run again.
    """
    if not forgotten:
        return 0
    # The records say more, so they are asked first, and rewritten last: a kill leaves them to be asked again.
    records = {day: layout.records_path(root, day) for day in sorted(layout.record_partitions(root))}
    days = {day for day, path in records.items() if _goes_any(path, forgotten)}
    transcripts = [(day, path) for day, paths in sorted(layout.transcript_files(root).items()) for path in paths]
    changed = 0
    for day, path in (*transcripts, *records.items()):
        if day in days or _goes_any(path, forgotten):
            changed += erasing.erase(path, forgotten.goes)
    for path, data, has_more in list(quarantine.kept(root)):
        if has_more or forgotten.mentioned_in(data):
            files.remove(path)
            changed += 1
    if (root / layout.ORIGINAL_INDEX).is_file():  # derived, and by another program: it cannot be mended
        files.remove(root / layout.ORIGINAL_INDEX)
        changed += 1
    return changed


def _goes_any(path: Path, forgotten: Forgotten) -> bool:
    """Whether a line goes. All are looked at: what one says of a session, another one may leave out."""
    return sum(forgotten.goes(line, erasing.fields_of(line)) for line in erasing.lines_of(path)) > 0


def _decoded(text: bytes) -> str | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, str) else None
