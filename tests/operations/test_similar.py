from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import orjson
import pytest

from ion_summary.errors import SessionNotFoundError
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.similar import similar
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage

SAID = {
    "ko-1": ("에어컨 환불을 요청합니다. 결제한 카드로 환불해 주세요.", "에어컨 환불은 카드사 확인 뒤 처리됩니다."),
    "ko-2": ("에어컨이 고장 나서 환불받고 싶어요.", "네, 에어컨 환불을 도와드리겠습니다."),
    "ko-3": ("회의실 예약을 내일로 옮겨 주세요.", "회의실 예약을 변경했습니다."),
    "en-1": ("My parcel to Busan was damaged in delivery.", "Sorry, we will replace the damaged parcel."),
    "en-2": ("Two damaged parcels arrived yesterday.", "Please send photos of the damaged parcels."),
    "en-3": ("How do I change the password of my account?", "Use the reset link on the sign-in page."),
}


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SessionSummaryStorage]:
    path = tmp_path / "all.jsonl"
    sessions = [
        {
            "session_id": name,
            "user_id": "u-1",
            "messages": [
                {"role": "user", "content": normalize("NFD", asked)},
                {"role": "assistant", "content": answered},
            ],
        }
        for name, (asked, answered) in SAID.items()
    ]
    path.write_bytes(b"".join(orjson.dumps(session) + b"\n" for session in sessions))
    storage = SessionSummaryStorage(tmp_path / "store")
    ingest(storage, IngestRequest([path], workers=1), Silent())
    yield storage
    storage.close()


@pytest.mark.parametrize(
    ("asked", "nearest", "word"), [("ko-1", "ko-2", "에어컨"), ("en-1", "en-2", "damaged"), ("en-2", "en-1", "parcel")]
)
def test_forms_of_a_word_are_one_word(storage: SessionSummaryStorage, asked: str, nearest: str, word: str) -> None:
    found = similar(storage, asked, 10)
    assert found[0].record.session_id == nearest
    assert any(shared.startswith(word) for shared in found[0].shared)
    assert asked not in {each.record.session_id for each in found}
    assert all(0 < each.score <= 1 for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_what_shares_nothing_is_not_alike(storage: SessionSummaryStorage) -> None:
    assert {each.record.session_id for each in similar(storage, "ko-3", 10)}.isdisjoint({"en-1", "en-2", "en-3"})


def test_the_same_session_twice_is_alike_in_all(storage: SessionSummaryStorage) -> None:
    own = storage.load("en-1")
    assert own is not None
    storage.save("copy", "u-2", own.summary, "rule_based", own.message_count, own.metadata)
    best = similar(storage, "en-1", 1)[0]
    assert (best.record.session_id, best.score) == ("copy", 1.0)


def test_an_empty_summary_is_like_nothing(storage: SessionSummaryStorage) -> None:
    storage.save("empty", "u-2", "")
    assert similar(storage, "empty", 10) == []
    with pytest.raises(SessionNotFoundError):
        similar(storage, "nobody", 10)
