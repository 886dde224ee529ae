from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.errors import UsageError
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.reindex import compact
from ion_summary.operations.search_messages import search_messages
from ion_summary.progress import Silent
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.text.terms import parse_terms
from ion_summary.text.tokens import fold
from tests.conftest import examples

WORDS = ["환불", "전액환불요청", "배송이", "늦어요", "Refund", "error 504", "café", 'say "no"', "a\nb", "\\n", "😀"]
ASKED = ["환불", "refund", "배송 늦어요", '"error 504"', "CAFÉ", "no", "b"]


def take_in(storage: SessionSummaryStorage, work: Path, *sessions: tuple[str, str, list[str]]) -> None:
    source = work / f"{len(list(work.iterdir()))}.jsonl"
    rows = [
        {
            "session_id": name,
            "user_id": "u-1",
            "messages": [{"role": "user", "content": text, "timestamp": f"{day}T09:00:00Z"} for text in texts],
        }
        for name, day, texts in sessions
    ]
    source.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    ingest(storage, IngestRequest([source], workers=1), Silent())


def found(storage: SessionSummaryStorage, text: str, **more: object) -> list[tuple[str, int | None]]:
    result = search_messages(storage, Query(text=text, **more), Silent(), 1)  # type: ignore[arg-type]
    assert result.total >= len(result.hits)
    return [(hit.record.session_id, hit.message) for hit in result.hits]


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SessionSummaryStorage]:
    storage = SessionSummaryStorage(tmp_path / "store")
    filler = ["안녕하세요"] * 30
    take_in(
        storage,
        tmp_path,
        ("ko", "2026-01-04", [*filler, "아까 말한 전액환불요청 건", "The code was E-504, said twice"]),
        ("en", "2026-02-05", ["Hello there", "My REFUND is late", 'He said "no" to it']),
        ("both", "2026-02-06", [normalize("NFD", "환불"), "refund"]),
    )
    yield storage
    storage.close()


def test_what_no_summary_says_is_found_with_its_message(storage: SessionSummaryStorage) -> None:
    assert found(storage, "E-504") == [("ko", 32)]
    assert found(storage, "환불") == [("both", 1), ("ko", 31)]
    assert found(storage, "환불 refund") == [("both", 1)]
    assert found(storage, "환불", sort="oldest") == [("ko", 31), ("both", 1)]
    assert found(storage, '"said twice"') == [("ko", 32)]
    assert found(storage, "nowhere") == []


def test_all_else_that_is_asked_holds_too(storage: SessionSummaryStorage) -> None:
    assert found(storage, "환불", user="u-1", since_ms=1_770_000_000_000) == [("both", 1)]
    assert found(storage, "환불", user="u-2") == []
    assert found(storage, "환불", session="ko") == [("ko", 31)]
    result = search_messages(storage, Query(text="환불", limit=1, offset=1), Silent(), 1)
    assert (result.total, [hit.record.session_id for hit in result.hits]) == (2, ["ko"])
    with pytest.raises(UsageError):
        search_messages(storage, Query(user="u-1"), Silent(), 1)


def test_only_what_a_session_says_now_counts(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    take_in(storage, tmp_path, ("en", "2026-02-05", ["Hello there", "My parcel is late", "He said yes", "and more"]))
    assert found(storage, "refund") == [("both", 2)]
    take_in(storage, tmp_path, ("both", "2026-03-01", ["교환", "exchange", "완료"]))
    assert found(storage, "환불") == [("ko", 31)]
    storage.delete("ko")
    assert found(storage, "환불") == []


def test_transcripts_that_are_compressed_are_read(storage: SessionSummaryStorage) -> None:
    before = found(storage, "환불")
    compact(storage)
    assert list(storage.path.glob("transcripts/*/*.zst"))
    assert found(storage, "환불") == before


def test_a_damaged_line_hides_nothing_else(storage: SessionSummaryStorage) -> None:
    path = next(storage.path.glob("transcripts/2026-02/*05.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"REFUND", b"REFUND,"))
    assert found(storage, "refund") == [("both", 2)]
    assert [each.file for each in storage.damage] == [path.relative_to(storage.path).as_posix()]


def test_a_compressed_day_that_is_damaged_is_named(storage: SessionSummaryStorage) -> None:
    compact(storage)
    path = next(storage.path.glob("transcripts/2026-02/*05.jsonl.zst"))
    path.write_bytes(path.read_bytes()[:-1])
    assert found(storage, "refund") == [("both", 2), ("en", 2)]
    assert [each.file for each in storage.damage] == [path.relative_to(storage.path).as_posix()]


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=5),
    st.lists(st.sampled_from(ASKED), min_size=1, max_size=2),
)
def test_it_finds_what_a_look_at_every_message_finds(
    tmp_path_factory: pytest.TempPathFactory, sessions: list[str], words: list[str]
) -> None:
    work = tmp_path_factory.mktemp("work")
    terms = parse_terms(" ".join(words))
    expected = {
        f"s-{place}"
        for place, text in enumerate(sessions)
        if all(term.occurs_in("\n".join(map(fold, (text, "끝")))) for term in terms)
    }
    with SessionSummaryStorage(work / "store") as storage:
        take_in(storage, work, *((f"s-{place}", "2026-01-04", [text, "끝"]) for place, text in enumerate(sessions)))
        assert {name for name, _ in found(storage, " ".join(words))} == expected
