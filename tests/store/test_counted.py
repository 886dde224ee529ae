"""Is the number of matches exact where a month's segment holds numbers that stand for nothing any more?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ion_summary.operations.search import search
from ion_summary.store import properties
from ion_summary.store.catalog import Catalog
from ion_summary.store.layout import to_ms
from ion_summary.store.query import Query
from ion_summary.store.segments import Segments
from ion_summary.store.storage import SessionSummaryStorage


def write_day(store: Path, day: int, texts: list[str], month: str = "01") -> Path:
    """A partition of 2026 in the original system's shape, written beside and renamed."""
    path = store / f"2026-{month}" / f"session_summaries_2026{month}{day:02}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {"user_id": "u", "summary_type": "llm", "created_at": f"2026-{month}-{day:02}T12:00:00Z"}
    records = [
        {"session_id": f"s-{month}-{day}-{place}", "summary": text, **fields} for place, text in enumerate(texts)
    ]
    beside = path.with_suffix(".new")
    beside.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return beside.replace(path)


def fill(storage: SessionSummaryStorage) -> None:
    """Has every line that there is in its month's segment."""
    with storage.writing() as writer:
        writer.fill_segments()


# One word that the index answers alone, and a phrase that must be looked at; each in one line of three.
@pytest.mark.parametrize("text", ["환불", "refund", '"환불 refund 문의"'])
@pytest.mark.parametrize("gone", [(1,), (3,), (5,), (1, 2), (2, 4), (1, 5), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("sort", ["newest", "relevance"])
def test_days_that_are_gone_or_written_anew_are_counted_as_they_are(
    store: Path, text: str, gone: tuple[int, ...], sort: str
) -> None:
    for day in range(1, 6):
        write_day(store, day, ["환불 refund 문의", "배송 delivery", "주문 order"] * 10)
    with SessionSummaryStorage(store) as storage:
        fill(storage)
        query = Query(text=text, sort=sort)  # type: ignore[arg-type]
        assert search(storage, query).total == 50
        for day in gone:
            (store / "2026-01" / f"session_summaries_202601{day:02}.jsonl").unlink()
    with SessionSummaryStorage(store) as storage:
        assert search(storage, query).total == 10 * (5 - len(gone))
    write_day(store, gone[0], ["배송 delivery", "환불 refund 문의", "환불 refund 문의"] * 2)
    write_day(store, 9, ["환불 refund 문의"])
    with SessionSummaryStorage(store) as storage:
        found = search(storage, query)
        assert found.total == 10 * (5 - len(gone)) + 5
        assert all("환불" in hit.record.summary for hit in found.hits)


def test_only_months_that_hold_something_else_are_counted_again(store: Path) -> None:
    for month in ("01", "02", "03"):
        for day in (1, 2):
            write_day(store, day, ["환불 refund 문의", "배송 delivery"] * 10, month)
    asked: list[str] = []

    def months_counted(reader: SessionSummaryStorage, total: int) -> set[str]:
        asked.clear()
        assert search(reader, Query(text="환불", sort="newest")).total == total
        return {month for month in ("01", "02", "03") if any(f"segment_2026_{month} WHERE" in one for one in asked)}

    def listen(_: Catalog, segments: Segments) -> None:
        segments.db.set_trace_callback(lambda query: asked.append(query) if "count(*)" in query else None)

    with SessionSummaryStorage(store) as writer, SessionSummaryStorage(store) as reader:
        fill(writer)
        assert search(reader, Query(text="환불", limit=1)).total == 60
        reader.reading(listen)
        writer.save("s-new", "u", "환불", "llm", 1)  # of today: a month of its own
        fill(writer)
        assert months_counted(reader, 61) == set()
        path = store / "2026-02" / "session_summaries_20260201.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(path.read_text("utf-8").splitlines()[0].replace("s-02-1-0", "s-02-1-more") + "\n")
        fill(writer)
        assert months_counted(reader, 62) == {"02"}


@pytest.mark.parametrize(
    ("query", "total"),
    [
        (Query(text="환불", user="u-1"), 100),
        (Query(text='"환불 문의"', user="u-1"), 100),
        (Query(text="환불"), 300),
        (Query(user="u-1"), 300),
        (Query(user="u-1", type="llm"), 300),
        (Query(user="u-1", since_ms=to_ms("2026-01-02T00:00:00Z", None)), 150),
        (Query(text="환불", user="u-1", since_ms=to_ms("2026-01-02T00:00:00Z", None)), 50),
        (Query(session="s-01-1-8", user="u-1"), 0),
        (Query(text="환불", user="nobody"), 0),
        (Query(session="s-01-1-8", user="u-2"), 1),
    ],
)
@pytest.mark.parametrize("few", [200, -1])  # -1: as if every user had many sessions
def test_only_those_of_the_user_are_counted_however_many_they_are(
    store: Path, query: Query, total: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(properties, "_FEW_RECORDS", few)
    for day in (1, 2):
        path = write_day(store, day, ["환불 문의", "배송", "주문"] * 150)
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        named = [line | {"user_id": f"u-{number // 3 % 3}"} for number, line in enumerate(lines)]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in named), "utf-8")
    with SessionSummaryStorage(store) as storage:
        fill(storage)
        found = search(storage, query)
        assert found.total == total
        assert {hit.record.user_id for hit in found.hits} <= ({query.user} if query.user else {"u-0", "u-1", "u-2"})
