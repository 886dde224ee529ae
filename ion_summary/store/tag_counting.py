"""Which topics are there, and how many sessions are about each? Tags stand in the records alone, which are all read."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from ion_summary.store import files, layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.counting import Group
from ion_summary.store.matching import tags_of
from ion_summary.store.partition import DamagedLineError, decode_record
from ion_summary.text.tokens import fold


def by_tag(root: Path, catalog: Catalog) -> list[Group]:
    """Counts by tag, largest first; spellings that a search takes for the same are one, called by the commonest."""
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    query = "SELECT offset, length, type, messages FROM record WHERE id >= ? AND id < ?"
    for day in catalog.partitions():
        data = files.read(layout.records_path(root, day))
        rows = catalog.db.execute(query, (day << DAY_SHIFT, (day + 1) << DAY_SHIFT))
        for offset, length, llm, messages in rows:
            for tag in _tags(data[offset : offset + length]):
                key = fold(tag).strip()
                spellings[key][tag] += 1
                group = counted[key]
                group[0] += 1
                group[1] += llm
                group[2] += messages
    found = [
        Group(spellings[key].most_common(1)[0][0], sessions, llm, sessions - llm, messages)
        for key, (sessions, llm, messages) in counted.items()
    ]
    return sorted(found, key=lambda group: (-group.sessions, group.key))


def _tags(line: bytes) -> set[str]:
    try:
        return set(tags_of(decode_record(line)))
    except DamagedLineError:
        return set()  # `verify` names it
