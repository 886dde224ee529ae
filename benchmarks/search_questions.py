"""What is asked of a generated store, and how many sessions should each question find?"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from benchmarks import generate, vocabulary


@dataclass(frozen=True)
class Question:
    """A search; ``patterns`` are what the searched text of a session must all hold to be found, so that the answer can
    be counted without the engine. ``days`` are the first and the last day asked for, from the first of the store.
    """

    text: str | None = None
    patterns: tuple[str, ...] = ()
    user: str | None = None
    days: tuple[int, int] | None = None

    def asked(self) -> dict[str, Any]:
        """The members of a ``Query``."""
        since, until = (None, None) if self.days is None else self.span()
        return {"text": self.text, "user": self.user, "since_ms": since, "until_ms": until}

    def span(self) -> tuple[int, int]:
        """The first and the last instant asked for, in epoch milliseconds."""
        assert self.days is not None
        first, last = (generate.START + timedelta(days=day) for day in self.days)
        return round(first.timestamp() * 1000), round((last + timedelta(days=1)).timestamp() * 1000) - 1


def questions(store: Path) -> dict[str, Question]:
    """Every kind of search; the days are the middle tenth of the store, the light user is one with one session."""
    db = sqlite3.connect(f"file:{store}/index/catalog.sqlite?mode=ro", uri=True)
    (light,) = db.execute("SELECT name FROM name WHERE sessions = 1 ORDER BY id LIMIT 1").fetchone()
    (days,) = db.execute("SELECT count(*) FROM partition").fetchone()
    db.close()
    middle = (days // 2, days // 2 + days // 10)
    refund, order = r"(?i)\brefund(s|ed|ing)?\b", r"(?i)\border(s|ed|ing)?\b"
    heavy = generate.HEAVY_USER
    return {
        "user with many sessions": Question(user=heavy),
        "user with one session": Question(user=light),
        "환불": Question("환불", ("환불",)),
        "refund, in any form": Question("refund", (refund,)),
        "rare: 양피지": Question("양피지", ("양피지",)),
        "common: 주문": Question("주문", ("주문",)),
        "common: order": Question("order", (order,)),
        "absent": Question(vocabulary.ABSENT[0], (vocabulary.ABSENT[0],)),
        "one syllable: 앱": Question("앱", ("앱",)),
        "three syllables: 죄송합": Question("죄송합", ("죄송합",)),
        "four syllables: 전액환불": Question("전액환불", (r"전액\s?환불",)),
        "with particle: 환불을": Question("환불을", ("환불",)),
        "two words: 환불 배송": Question("환불 배송", ("환불", "배송")),
        "rare phrase": Question('"전액환불 문의"', ("전액환불 문의",)),
        "phrase in one session of six": Question('"불편을 드려 죄송합니다"', ("불편을 드려 죄송합니다",)),
        "English phrase, one of six": Question('"sorry for the trouble"', (r"(?i)\bsorry for the trouble\b",)),
        "days": Question(days=middle),
        "days and 환불": Question("환불", ("환불",), days=middle),
        "user and 환불": Question("환불", ("환불",), heavy),
        "user, days and refund": Question("refund", (refund,), heavy, middle),
    }


def counted(store: Path, asked: dict[str, Question]) -> dict[str, int]:
    """How many records each question should find, by looking at every one."""
    patterns = {pattern: re.compile(pattern) for each in asked.values() for pattern in each.patterns}
    spans = {name: each.span() for name, each in asked.items() if each.days}
    counts = dict.fromkeys(asked, 0)
    for path in sorted(store.glob("????-??/session_summaries_*.jsonl")):
        for record in map(orjson.loads, path.read_bytes().splitlines()):
            text = _text(record)
            holds = {pattern for pattern, compiled in patterns.items() if compiled.search(text)}
            created = datetime.fromisoformat(record["created_at"]).astimezone(UTC).timestamp() * 1000
            for name, each in asked.items():
                counts[name] += (
                    holds.issuperset(each.patterns)
                    and each.user in (None, record["user_id"])
                    and (name not in spans or spans[name][0] <= created <= spans[name][1])
                )
    return counts


def texts(store: Path) -> Iterable[str]:
    """The searched text of every record."""
    for path in sorted(store.glob("????-??/session_summaries_*.jsonl")):
        for record in map(orjson.loads, path.read_bytes().splitlines()):
            yield _text(record)


def _text(record: dict[str, Any]) -> str:
    metadata = record["metadata"]  # without title and tags if it was saved by together.py
    return "\n".join([record["summary"], metadata.get("title", ""), *metadata.get("tags", ())])
