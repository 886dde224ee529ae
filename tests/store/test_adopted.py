"""A store that the original system wrote: taken over where it is, as it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ion_summary.operations.backup import BackupRequest, backup
from ion_summary.operations.reindex import reindex
from ion_summary.operations.restore import RestoreRequest, restore
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store import quarantine
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import files_of
from tests.store import oracle


def record(session: str, user: str, summary: str, created: str, **more: Any) -> dict[str, Any]:
    fields = {
        "session_id": session,
        "user_id": user,
        "summary": summary,
        "summary_type": "llm",
        "created_at": created,
        "message_count": 4,
        "summary_length": len(summary),
        "metadata": {"queue_wait_time": 0.25, "processing_time": 1.5},
    }
    return fields | more


ADOPTED = {
    "20251026": [
        record("s-1", "김철수", "- 전액환불요청을 접수했습니다.", "2025-10-26T08:15:30.123456"),
        record("s-2", "u-2", "- Refund policy explained.", "2025-10-26T23:59:59", embedding=[0.1, -0.2]),
        record("s-1", "김철수", "- 환불이 완료되었습니다.", "2025-10-26T09:15:30.123456", summary_type="rule_based"),
    ],
    "20251027": [
        record("s-3", "u-2", "- 배송 문의\n- \u2028 line", "2025-10-27T00:00:00", metadata=None, embedding_model="m-1"),
        record("s-4", "u-3", "- No metadata, no counts.", "2025-10-27T12:00:00+09:00"),
    ],
    "20251101": [record("s-2", "u-2", "- Refund paid.", "2025-11-01T10:00:00", embedding=[0.3])],
}


@pytest.fixture(params=[True, False], ids=["escaped", "utf-8"])
def adopted(store: Path, request: pytest.FixtureRequest) -> Path:
    index: dict[str, Any] = {"sessions": {}, "last_updated": "2025-11-01T10:00:01"}
    for day, fields in ADOPTED.items():
        path = store / f"{day[:4]}-{day[4:6]}" / f"session_summaries_{day}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        for each in fields:
            each = {key: value for key, value in each.items() if each["session_id"] != "s-4" or "count" not in key}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(each, ensure_ascii=request.param) + "\n")
            index["sessions"][each["session_id"]] = {"file": str(path), "user_id": each["user_id"]}
    (store / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return store


def test_it_is_read_where_it_lies(adopted: Path) -> None:
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        found = {one.session_id: one for one in storage.list_recent(100)}
        assert sorted(found) == ["s-1", "s-2", "s-3", "s-4"]
        assert found["s-1"].summary == "- 환불이 완료되었습니다."
        assert found["s-1"].summary_type == "rule_based"
        assert found["s-1"].created_at == "2025-10-26T09:15:30.123456"
        assert found["s-2"].summary == "- Refund paid."
        assert found["s-3"].metadata == {}
        assert (found["s-4"].message_count, found["s-4"].summary_length) == (0, len("- No metadata, no counts."))
        assert [one.session_id for one in storage.list_recent(100)] == ["s-2", "s-4", "s-3", "s-1"]
        assert storage.damage == []


def test_it_is_searched(adopted: Path) -> None:
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        for query in (
            Query(text="환불"),
            Query(text="전액환불"),
            Query(text="refund"),
            Query(text="explained"),
            Query(text="배송 line"),
            Query(user="김철수"),
            Query(type="rule_based"),
            Query(type="llm"),
            Query(since_ms=int(datetime(2025, 10, 27, tzinfo=UTC).timestamp() * 1000)),
        ):
            for _ in range(2):
                total, page = storage.find(query)
                assert [one.session_id for one, _ in page] == oracle.search(adopted, query)
                assert total == len(page)
                reindex(storage, Silent(), workers=1)


def test_half_a_line_moves_to_quarantine_and_no_other_is_touched(adopted: Path) -> None:
    before = files_of(adopted)
    path = adopted / "2025-10" / "session_summaries_20251026.jsonl"
    with path.open("ab") as file:
        file.write(b'{"session_id": "torn", "user_id": "u')
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        assert len(storage.list_recent(100)) == 4
        report = verify(storage, Silent())
    assert (report.ok, report.without_digest) == (True, report.records)
    after = files_of(adopted)
    assert {name: after[name] for name in before} == before
    (entry,) = quarantine.entries(adopted)
    assert entry.data == b'{"session_id": "torn", "user_id": "u'


def test_naive_times_are_in_the_zone_of_the_storage(adopted: Path) -> None:
    seoul = ZoneInfo("Asia/Seoul")
    with SessionSummaryStorage(adopted, tz=seoul) as storage:
        assert [one.session_id for one in storage.search(start_date="2025-10-27", end_date="2025-10-27")] == [
            "s-4",
            "s-3",
        ]
        assert [one.session_id for one in storage.search(end_date="2025-10-26")] == ["s-1"]
        assert storage.get_stats()["newest"] == "2025-11-01T01:00:00.000Z"


def test_reading_leaves_its_bytes(adopted: Path) -> None:
    before = files_of(adopted)
    for _ in range(2):
        with SessionSummaryStorage(adopted, tz=UTC) as storage:
            storage.list_recent(10)
            storage.search(query_text="환불")
            storage.load("s-1")
            storage.get_stats()
            reindex(storage, Silent(), workers=1)
        assert files_of(adopted) == before


def test_new_saves_append(adopted: Path) -> None:
    before = files_of(adopted)
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        storage.save("s-3", "u-2", "- 배송이 시작되었습니다.", "llm", 6, {"model": "m"})
        storage.save("s-new", "u-9", "- 새 세션", "rule_based")
    after = files_of(adopted)
    assert {name: after[name] for name in before} == before
    (name,) = after.keys() - before.keys()
    assert after[name].count(b"\n") == 2
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        assert storage.load("s-3").summary == "- 배송이 시작되었습니다."  # type: ignore[union-attr]
        assert storage.get_stats()["total_sessions"] == 5


def test_saves_append_to_a_partition_of_the_original_system(store: Path) -> None:
    today = datetime.now(UTC)
    path = store / f"{today:%Y-%m}" / f"session_summaries_{today:%Y%m%d}.jsonl"
    path.parent.mkdir(parents=True)
    line = json.dumps(record("old", "u", "- 옛 요약", today.replace(tzinfo=None).isoformat()))
    path.write_text(line)  # and a kill took the newline
    with SessionSummaryStorage(store, tz=UTC) as storage:
        storage.save("new", "u", "- 새 요약")
        assert {one.session_id for one in storage.list_recent()} == {"old", "new"}
    if datetime.now(UTC).date() == today.date():
        assert path.read_text().startswith(line + "\n{")


def test_deleting_an_adopted_session_takes_all_its_lines(adopted: Path) -> None:
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        assert storage.delete("s-2")
        assert not storage.delete("s-2")
        assert storage.load("s-2") is None
        assert storage.get_stats()["total_sessions"] == 3
    assert "Refund" not in "".join(path.read_text() for path in adopted.rglob("*.jsonl"))


@pytest.mark.parametrize(
    "wrong", [None, [], "text", 3, {"tags": "no list", "title": 5, "participants": [1, None], "source": []}]
)
def test_strange_metadata_is_no_damage(store: Path, wrong: Any) -> None:
    path = store / "2025-10" / "session_summaries_20251026.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record("s", "u", "- 환불", "2025-10-26T08:00:00", metadata=wrong)) + "\n")
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert [one.session_id for one in storage.search(query_text="환불")] == ["s"]
        assert storage.load("s").user_id == "u"  # type: ignore[union-attr]
        assert storage.damage == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("message_count", None),
        ("message_count", "4"),
        ("message_count", -1),
        ("message_count", 2**70),
        ("message_count", 1.5),
        ("summary_type", None),
        ("summary_type", "other"),
        ("summary_length", None),
    ],
)
def test_strange_counts_are_no_damage(store: Path, name: str, value: Any) -> None:
    path = store / "2025-10" / "session_summaries_20251026.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record("s", "u", "- 환불", "2025-10-26T08:00:00") | {name: value}) + "\n")
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert storage.load("s") is not None
        assert storage.get_stats()["total_sessions"] == 1


def test_it_is_backed_up_restored_and_merged_as_it_is(adopted: Path, tmp_path: Path) -> None:
    before = files_of(adopted)
    with SessionSummaryStorage(adopted, tz=UTC) as storage:
        report = backup(storage, BackupRequest(tmp_path / "out"), Silent())
    assert (report.sessions, report.strange) == (4, [])
    assert report.archive is not None
    for mode in ("new", "merge", "replace"):
        with SessionSummaryStorage(tmp_path / "again", tz=UTC) as storage:
            done = restore(storage, RestoreRequest(report.archive, mode, workers=1), Silent())  # type: ignore[arg-type]
            assert files_of(storage.path) == before
            assert {one.session_id for one in storage.list_recent(100)} == {"s-1", "s-2", "s-3", "s-4"}
            if done.merged is not None:
                assert (done.merged.new, done.merged.updated, done.merged.unchanged) == (0, 0, 4)
