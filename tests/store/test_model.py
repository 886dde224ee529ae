"""Whatever is done to a store, by us or by others: does it answer as its partitions say?"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unicodedata import normalize
from unittest.mock import patch

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ion_summary.operations.reindex import reindex
from ion_summary.progress import Silent
from ion_summary.store.lock import WriterLock
from ion_summary.store.partition import encode
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.text.clean import clean
from tests.store import oracle

DAYS = [date(2025, 10, 26), date(2025, 10, 27), date(2025, 11, 2)]
IDS = [f"세션-{number}" for number in range(6)] + ["s 1", "s-2", '"quoted"', "a/b"]
USERS = ["u-1", "민수", normalize("NFC", "김철수"), "room: 방"]
WORDS = [
    "환불",
    "전액환불요청",
    "배송이 늦어서",
    "refund",
    "Refund policy",
    "plan",
    "plane",
    "café",
    "CAFÉ",
    "주문번호",
    "주문 번호를",
    "취소했어요",
    "refunded",
    "planning",
]
WORDS += [
    "A4용지",
    "ㅋㅋ",
    "refund\npolicy",
    'say "hi"',
    "C:\\plan",
    "ΟΔΌΣ οδός",
    "İstanbul",
    "Straße",
    "한\u2028글",
    "東京",
]
TAGS = ["환불", "c++", "c#", "Refund Policy", "배송 문의"]
summaries = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(lambda words: "- " + " ".join(words))
metadata = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(WORDS).flatmap(lambda word: st.sampled_from([word, normalize("NFD", word)])),
        "tags": st.lists(st.sampled_from(TAGS), max_size=2),
        "participants": st.lists(st.sampled_from(USERS), max_size=3),
        "source": st.sampled_from(["native", {"name": "kakaotalk"}]),
    },
)
types = st.sampled_from(["llm", "rule_based"])


@st.composite
def line_of_another(draw: st.DrawFn) -> tuple[date, bytes]:
    """A line that another process wrote: this program elsewhere, or the original system."""
    day = draw(st.sampled_from(DAYS))
    moment = datetime(day.year, day.month, day.day, draw(st.integers(0, 23)), draw(st.integers(0, 59)), tzinfo=UTC)
    summary = draw(summaries)
    fields = {
        "session_id": draw(st.sampled_from(IDS)),
        "user_id": draw(st.sampled_from(USERS)),
        "summary": summary,
        "summary_type": draw(types),
        "created_at": "",
        "message_count": draw(st.integers(0, 9)),
        "summary_length": len(summary),
        "metadata": draw(metadata),
    }
    if draw(st.booleans()):
        fields["created_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        saved = moment + timedelta(days=draw(st.integers(0, 40)))
        fields["metadata"]["saved_at"] = saved.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return day, encode(fields)
    fields["created_at"] = moment.replace(tzinfo=None, microsecond=draw(st.integers(0, 999_999))).isoformat()
    fields["embedding"] = [0.5, -0.25]
    import json

    return day, json.dumps(fields, ensure_ascii=draw(st.booleans())).encode() + b"\n"


@st.composite
def queries(draw: st.DrawFn) -> Query:
    instants = [
        int((datetime(2025, 10, 26, 12, tzinfo=UTC) + timedelta(hours=12 * n)).timestamp() * 1000)
        for n in range(-2, 16)
    ]
    text = st.lists(
        st.sampled_from(
            [
                *WORDS,
                "hi",
                "istanbul",
                "STRASSE",
                "οδός",
                "c:\\plan",
                "plan c",
                "글",
                "불",
                "fund*",
                "plan*",
                '"refund policy"',
                "policy",
                "번호 주문",
                "환불을",
                "주문번호는",
                '"주문번호"',
                '"환불을"',
                "취소해서",
                "refunds",
                '"refunds"',
                "plans",
                "요청환",
                "전액환불",
                "없음",
            ]
        ),
        max_size=2,
    )
    maybe = draw(
        st.sampled_from(["text", "user", "text user", "tag", "text tag user", "dates", "text dates", "all", ""])
    )
    given = maybe.split() if maybe != "all" else ["text", "user", "tag", "dates", "type", "source"]
    extra = draw(st.sampled_from(["", "type", "source", "session"]))
    given.append(extra)
    since, until = sorted([draw(st.sampled_from(instants)), draw(st.sampled_from(instants))])
    typed = " ".join(draw(text))
    return Query(
        text=draw(st.sampled_from([typed, typed.upper(), normalize("NFD", typed)])) if "text" in given else None,
        user=draw(st.sampled_from([*USERS, "nobody"])) if "user" in given else None,
        type=draw(types) if "type" in given else None,
        since_ms=since if "dates" in given else None,
        until_ms=until if "dates" in given else None,
        source=draw(st.sampled_from(["native", "kakaotalk", "none"])) if "source" in given else None,
        tag=draw(st.sampled_from([*TAGS, "C++", "refund policy"])) if "tag" in given else None,
        session=draw(st.sampled_from(IDS)) if "session" in given else None,
        limit=draw(st.sampled_from([100, 2, 0])),
        offset=draw(st.sampled_from([0, 0, 1, 3])),
        sort=draw(st.sampled_from(["newest", "oldest", "relevance"])),
    )


class Store(RuleBasedStateMachine):
    """Our saves and deletions are kept in ``model`` too: what is acknowledged is there until others destroy it."""

    @initialize()
    def begin(self) -> None:
        self.parent = Path(tempfile.mkdtemp(prefix="store-"))
        self.root = self.parent / "s"
        self.storage = SessionSummaryStorage(self.root, tz=UTC)
        self.model: dict[str, str] = {}

    def teardown(self) -> None:
        if not hasattr(self, "parent"):
            return
        try:
            if self.root.is_dir():
                self.check_catalog()
        finally:
            self.storage.close()
            shutil.rmtree(self.parent)

    # -- what we do ---------------------------------------------------------------------------------------------------

    @rule(
        session=st.sampled_from(IDS),
        user=st.sampled_from(USERS),
        summary=summaries,
        type_=types,
        count=st.integers(0, 9),
        more=metadata,
    )
    def save(self, session: str, user: str, summary: str, type_: Any, count: int, more: dict[str, Any]) -> None:
        newest = oracle.scan(self.root).get(session)
        assert self.storage.save(session, user, summary, type_, count, more)
        summary = clean(summary)
        self.model[session] = summary
        loaded = self.storage.load(session)
        if newest is None or newest.saved < datetime.now(UTC).timestamp() * 1000 + 60_000:
            assert loaded is not None
            assert (loaded.user_id, loaded.summary, loaded.summary_type, loaded.message_count) == (
                user,
                summary,
                type_,
                count,
            )

    @rule(session=st.sampled_from(IDS))
    def delete(self, session: str) -> None:
        there = any(
            (oracle.parse(line) or {}).get("session_id") == session
            for path in self.partitions()
            for line in path.read_bytes().split(b"\n")
        )
        assert self.storage.delete(session) is there
        self.model.pop(session, None)
        assert self.storage.load(session) is None
        for path in self.root.rglob("*.jsonl"):
            assert orjson.dumps(session) not in path.read_bytes() or there is False

    @rule()
    def reopen(self) -> None:
        self.storage.close()
        self.storage = SessionSummaryStorage(self.root, tz=UTC)

    @precondition(lambda self: self.root.is_dir())
    @rule()
    def settle(self) -> None:
        with self.storage.writing() as writer:
            writer.fill_segments()

    @precondition(lambda self: self.root.is_dir())
    @rule()
    def reindex(self) -> None:
        assert reindex(self.storage, Silent(), workers=1).records == len(self.model)

    # -- what others do -----------------------------------------------------------------------------------------------

    @rule(names=st.sampled_from(["index", "catalog.sqlite", "text.sqlite"]))
    def lose_index(self, names: str) -> None:
        self.storage.close()
        if names == "index":
            shutil.rmtree(self.root / "index", ignore_errors=True)
        else:
            for path in (self.root / "index").glob(names + "*"):
                path.unlink()

    @rule(given=st.lists(line_of_another(), min_size=1, max_size=4))
    def append(self, given: list[tuple[date, bytes]]) -> None:
        for day, line in given:
            path = self.root / f"{day:%Y-%m}" / f"session_summaries_{day:%Y%m%d}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            torn = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
            with path.open("ab") as file:
                file.write(b"\n" * torn + line)
        self.disturbed()

    @precondition(lambda self: self.partitions())
    @rule(
        data=st.data(),
        junk=st.sampled_from([b"not JSON", b"[1]", b"", b"{}", b'{"session_id": "torn", "user', b"\xff\xfe"]),
    )
    def append_junk(self, data: st.DataObject, junk: bytes) -> None:
        path = self.some_partition(data)
        torn = path.read_bytes()[-1:] not in (b"", b"\n")
        with path.open("ab") as file:
            file.write(b"\n" * torn + junk + b"\n")
        self.disturbed()

    @precondition(lambda self: self.partitions())
    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        path = self.some_partition(data)
        os.truncate(path, data.draw(st.integers(0, path.stat().st_size)))
        self.disturbed()

    @precondition(lambda self: self.partitions())
    @rule(data=st.data())
    def tear_tail(self, data: st.DataObject) -> None:
        path = self.some_partition(data)
        size = path.stat().st_size
        os.truncate(path, max(0, size - data.draw(st.integers(1, 300))))
        self.disturbed()

    @precondition(lambda self: self.partitions())
    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        path = self.some_partition(data)
        lines = [line for line in path.read_bytes().split(b"\n") if line]
        beside = path.with_suffix(".new")
        beside.write_bytes(
            b"".join(line + b"\n" for line in data.draw(st.permutations(lines))[: data.draw(st.integers(0, 9))])
        )
        beside.rename(path)
        self.disturbed()

    @precondition(lambda self: self.partitions())
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        self.some_partition(data).unlink()
        self.disturbed()

    def disturbed(self) -> None:
        """Others have been at work: what they left is what counts now. Files are looked at again at once."""
        self.model = {session: one.fields["summary"] for session, one in oracle.scan(self.root).items()}
        self.storage.close()
        self.storage.list_recent()

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def every_acknowledged_session_is_there_once(self) -> None:
        if not hasattr(self, "root"):
            return
        live = oracle.scan(self.root)
        records = self.storage.list_recent(limit=1000)
        assert sorted(record.session_id for record in records) == sorted(live)
        assert self.model.keys() == live.keys()
        assert {record.session_id: record.summary for record in records} == {
            session: one.fields["summary"] for session, one in live.items()
        }

    @rule(query=queries(), few=st.sampled_from([200, -1]))
    def search(self, query: Query, few: int) -> None:
        with patch("ion_summary.store.properties._FEW_RECORDS", few):  # -1: as if every user had many sessions
            self.check_search(self.storage, query)

    @precondition(lambda self: self.root.is_dir())
    @rule(query=queries())
    def search_while_another_writes(self, query: Query) -> None:
        with (
            WriterLock(self.root, 0),
            SessionSummaryStorage(self.root, tz=UTC) as reader,
            patch("ion_summary.store.properties._FEW_RECORDS", -1),
        ):
            self.check_search(reader, query)

    @rule()
    def stats(self) -> None:
        found = self.storage.get_stats()
        assert {name: found[name] for name in oracle.stats(self.root)} == oracle.stats(self.root)

    def check_search(self, storage: SessionSummaryStorage, query: Query) -> None:
        expected = oracle.search(self.root, query)
        total, page = storage.find(query)
        assert total == len(expected)
        ids = [record.session_id for record, _ in page]
        wanted = expected[query.offset : query.offset + query.limit]
        if query.sort == "relevance" and query.text:
            assert len(ids) == len(wanted)
            assert len(set(ids)) == len(ids)
            assert set(ids) <= set(expected)
        else:
            assert ids == wanted

    def check_catalog(self) -> None:
        with self.storage.writing():
            pass
        self.storage.close()
        incremental = oracle.catalog(self.root)
        copy = self.parent / "copy"
        shutil.copytree(self.root, copy, ignore=shutil.ignore_patterns("index"))
        with SessionSummaryStorage(copy, tz=UTC) as rebuilt, rebuilt.writing():
            pass
        assert incremental == oracle.catalog(copy)

    def partitions(self) -> list[Path]:
        return sorted(self.root.glob("????-??/session_summaries_*.jsonl")) if hasattr(self, "root") else []

    def some_partition(self, data: st.DataObject) -> Path:
        return data.draw(st.sampled_from(self.partitions()))


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_a_store_answers_as_its_partitions_say() -> None:
    run_state_machine_as_test(
        Store, settings=settings(max_examples=15, stateful_step_count=25, suppress_health_check=QUIET, deadline=None)
    )


@pytest.mark.sweep
def test_a_store_answers_as_its_partitions_say_at_length() -> None:
    run_state_machine_as_test(
        Store, settings=settings(max_examples=150, stateful_step_count=40, suppress_health_check=QUIET, deadline=None)
    )
