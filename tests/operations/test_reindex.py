"""Compacting makes a store smaller and changes no answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ion_summary.operations.forget import Forgotten, forget
from ion_summary.operations.ingest import IngestReport, IngestRequest, ingest
from ion_summary.operations.prune import prune
from ion_summary.operations.reindex import compact, reindex
from ion_summary.operations.show import messages
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import files_of, lines, session
from tests.operations.test_prune import before_day


def run(storage: SessionSummaryStorage, path: Path, *sessions: dict[str, Any]) -> IngestReport:
    path.write_bytes(lines(*sessions))
    return ingest(storage, IngestRequest([path], workers=1), Silent())


def grown(number: int, turns: int) -> dict[str, Any]:
    return session(0, *[f"환불 {number} {turn}" for turn in range(turns)], session_id=f"s-{number}")


def answers(storage: SessionSummaryStorage) -> list[object]:
    everything = storage.list_recent(1_000)
    return [
        everything,
        storage.search(query_text="환불", limit=1_000),
        [messages(storage, one.session_id) for one in everything if one.session_id.startswith("s-")],
    ]


@pytest.fixture
def filled(storage: SessionSummaryStorage, tmp_path: Path) -> SessionSummaryStorage:
    """Twenty sessions of January that have grown twice, some of them since saved anew, and one of this month."""
    for turns in (1, 2, 3):
        run(
            storage,
            tmp_path / f"{turns}.jsonl",
            *[grown(number, turns) for number in range(20)],
            session(3, session_id="s-x"),
        )
    now = datetime.now(UTC)
    run(storage, tmp_path / "now.jsonl", session(0, session_id="s-now", start=now - timedelta(minutes=5)))
    for _ in range(3):
        storage.save("saved", "u", "- 환불")
    return storage


def test_answers_stay_and_the_store_is_smaller(filled: SessionSummaryStorage) -> None:
    before = answers(filled)
    done = compact(filled)
    assert done.lines == 40 + 40 + 2
    assert done.sealed == 2
    assert done.bytes_after < done.bytes_before / 2
    assert answers(filled) == before
    assert reindex(filled, Silent(), workers=1).records == 23
    assert answers(filled) == before
    assert verify(filled, Silent()).findings == []
    names = [name for name in files_of(filled.path) if name.startswith("transcripts")]
    assert sum(name.endswith(".zst") for name in names) == 2
    assert len(names) == 3
    files = files_of(filled.path)
    again = compact(filled)
    assert (again.lines, again.sealed, again.bytes_after) == (0, 0, done.bytes_after)
    assert files_of(filled.path) == files


def test_sealed_days_take_more(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    compact(filled)
    report = run(filled, tmp_path / "more.jsonl", grown(3, 5), session(0, session_id="s-late"))
    assert (report.new, report.updated) == (1, 1)
    assert [len(messages(filled, name)) for name in ("s-3", "s-4", "s-late")] == [5, 3, 2]
    assert run(filled, tmp_path / "again.jsonl", grown(4, 3)).unchanged == 1
    before = answers(filled)
    assert compact(filled).sealed == 1
    assert answers(filled) == before
    assert verify(filled, Silent()).findings == []


def test_sealed_sessions_are_deleted_forgotten_and_pruned(filled: SessionSummaryStorage) -> None:
    compact(filled)
    assert filled.delete("s-5")
    assert filled.messages("s-5") is None
    forget(filled, Forgotten(session="s-6"))
    assert filled.messages("s-6") is None
    assert len(messages(filled, "s-7")) == 3
    assert verify(filled, Silent()).findings == []
    assert prune(filled, before_day(2), force=True).sessions == 18
    assert sum(name.endswith(".zst") for name in files_of(filled.path)) == 1


def test_a_damaged_line_keeps_what_is_in_it(storage: SessionSummaryStorage) -> None:
    for number in range(3):
        storage.save("s", "u", f"- 환불 {number}")
        storage.save(f"other-{number}", "u", "- 환불")
    (path,) = storage.path.glob("????-??/*.jsonl")
    data = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([data[0] + data[1], *data[2:]]))  # a newline has rotten: an old line and another's
    assert compact(storage).lines == 1
    assert {one.session_id for one in storage.list_recent()} == {"s", "other-0", "other-1", "other-2"}


def test_transcripts_that_nobody_stored_go(filled: SessionSummaryStorage) -> None:
    path = filled.path / "transcripts/2026-01/transcripts_20260104.jsonl"
    from ion_summary.store.transcripts import encode_transcript

    with path.open("ab") as file:
        file.write(encode_transcript("nobody", "u", b"[]", {}))
    compact(filled)
    assert filled.messages("nobody") is None
