"""What must a store answer? Read from the partitions alone, line by line, without any of the store's own code but the
definition of search terms in ``ion_summary.text.terms``.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

from ion_summary.store.query import Query
from ion_summary.text.terms import parse_terms
from ion_summary.text.tokens import fold

_PARTITION = re.compile(r"session_summaries_(\d{8})\.jsonl")
_DIGEST = re.compile(rb',"digest":"([0-9a-f]{16})"\}$')


@dataclass(frozen=True)
class Found:
    """A live record: when it ended and was saved (epoch ms), where it stands, and its JSON object."""

    created: int
    saved: int
    day: int
    line: int
    fields: dict[str, Any]

    @property
    def session_id(self) -> str:
        return str(self.fields["session_id"])

    @property
    def metadata(self) -> dict[str, Any]:
        value = self.fields.get("metadata")
        return value if isinstance(value, dict) else {}


def scan(root: Path) -> dict[str, Found]:
    """The newest whole line of every session."""
    found: dict[str, Found] = {}
    for path in sorted(root.glob("????-??/session_summaries_*.jsonl")):
        match = _PARTITION.fullmatch(path.name)
        assert match
        day = date.fromisoformat(match.group(1)).toordinal()
        number = 0
        for line in path.read_bytes().split(b"\n"):
            if not line.strip(b"\r"):
                continue
            fields = parse(line.rstrip(b"\r"))
            if fields is not None:
                one = _found(fields, day, number)
                old = found.get(one.session_id)
                if old is None or (one.saved, one.day, one.line) > (old.saved, old.day, old.line):
                    found[one.session_id] = one
            number += 1
    return found


def parse(line: bytes) -> dict[str, Any] | None:
    """A line's object if it is a record whose digest, if it has one, fits."""
    digest = _DIGEST.search(line)
    if digest and hashlib.blake2b(line[: digest.start()], digest_size=8).hexdigest().encode() != digest.group(1):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    required = ("session_id", "user_id", "summary", "created_at")
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in required):
        return None
    try:
        _ms(fields["created_at"])
    except ValueError:
        return None
    return fields


def _found(fields: dict[str, Any], day: int, line: int) -> Found:
    created = _ms(fields["created_at"])
    saved = (fields.get("metadata") or {}).get("saved_at")
    return Found(created, _ms(saved) if isinstance(saved, str) else created, day, line, fields)


def _ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def search(root: Path, query: Query) -> list[str]:
    """The ids that a query finds, newest first (of one instant in the order of the lines, last first)."""
    found = [one for one in scan(root).values() if matches(one, query)]
    found.sort(key=lambda one: (one.created, one.day, one.line), reverse=query.sort != "oldest")
    return [one.session_id for one in found]


def matches(one: Found, query: Query) -> bool:
    source = one.metadata.get("source")
    source = source.get("name") if isinstance(source, dict) else source
    tags = [tag for tag in one.metadata.get("tags") or [] if isinstance(tag, str)]
    texts = [one.fields["summary"], one.metadata.get("title"), *tags]
    folded = [fold(text) for text in texts if isinstance(text, str)]
    return (
        (query.user is None or query.user in (one.fields["user_id"], *(one.metadata.get("participants") or [])))
        and (query.type is None or query.type == one.fields.get("summary_type", "llm"))
        and (query.since_ms is None or one.created >= query.since_ms)
        and (query.until_ms is None or one.created <= query.until_ms)
        and (query.source is None or query.source == source)
        and (query.session is None or query.session == one.session_id)
        and (query.tag is None or any(_form(query.tag) == _form(tag) for tag in tags))
        and all(any(term.occurs_in(text) for text in folded) for term in parse_terms(query.text or ""))
    )


def _form(tag: str) -> str:
    return " ".join(normalize("NFC", normalize("NFC", tag).lower()).split())


def stats(root: Path) -> dict[str, Any]:
    """The counts of ``get_stats`` that follow from the records."""
    live = scan(root).values()
    llm = sum(one.fields.get("summary_type", "llm") == "llm" for one in live)
    return {
        "total_sessions": len(live),
        "llm_summaries": llm,
        "rule_based_summaries": len(live) - llm,
        "users": len({one.fields["user_id"] for one in live}),
        "messages": sum(one.fields.get("message_count", 0) for one in live),
        "partitions": len(list(root.glob("????-??/session_summaries_*.jsonl"))),
    }


def catalog(root: Path) -> dict[str, list[Any]]:
    """All that the catalog says, by names: numbers of users and sources depend on the order in which they came."""
    db = sqlite3.connect(f"file:{root}/index/catalog.sqlite?mode=ro", uri=True)
    try:
        columns = (
            "id, session, user.name, type, created, saved, offset, length, messages, source.name, content, derived"
        )
        rows = "SELECT {} FROM {} AS r JOIN name AS user ON user.id = r.user LEFT JOIN source ON source.id = r.source"
        asked = {
            "record": rows.format(columns.replace("id,", "r.id,", 1), "record"),
            "superseded": rows.format(columns.replace("id,", "r.id,", 1), "superseded"),
            "by_session": "SELECT session, record FROM by_session",
            "by_user": "SELECT name, created, record FROM by_user JOIN name ON name.id = user",
            "participant": "SELECT record, name.name FROM participant JOIN name ON name.id = participant.name",
            "partition": "SELECT day, size, lines, sessions, llm, messages FROM partition",
            "name": "SELECT name, sessions FROM name WHERE sessions > 0",
        }
        return {name: sorted(db.execute(query).fetchall(), key=repr) for name, query in asked.items()}
    finally:
        db.close()
