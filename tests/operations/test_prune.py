"""Exactly what has expired goes, whatever the store looks like, and no later ingest brings it back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.errors import RefusedError, StoreNotFoundError
from ion_summary.model import SessionSummary, SummaryType
from ion_summary.operations.ingest import IngestReport, IngestRequest, ingest
from ion_summary.operations.prune import PrunePlan, plan, prune
from ion_summary.operations.stats import stats, stats_by
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store import layout
from ion_summary.store.hashing import hash64
from ion_summary.store.pruning import Expiry
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones
from ion_summary.store.transcripts import encode_transcript
from ion_summary.store.writing import Entry
from tests.conftest import START, files_of, lines, session
from tests.store import oracle

START_MS = int(START.timestamp() * 1000)
FIRST_DAY = layout.day_of(START_MS)


def before_day(number: int, **more: Any) -> Expiry:
    """What goes is what ended before the midnight at which day ``number`` began."""
    return Expiry.of_instant(START_MS + number * layout.DAY_MS, **more)


def run(storage: SessionSummaryStorage, *paths: Path, **more: Any) -> IngestReport:
    return ingest(storage, IngestRequest(list(paths), workers=1, **more), Silent())


def ids(storage: SessionSummaryStorage) -> set[str]:
    return {one.session_id for one in storage.list_recent(1_000)}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Ten sessions, one a day."""
    path = tmp_path / "inbox"
    path.mkdir()
    (path / "a.jsonl").write_bytes(lines(*map(session, range(10))))
    return path


def test_whole_days_go_with_all_that_hangs_on_them(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    kept = {name: data for name, data in files_of(storage.path).items() if name[-8:-6] not in ("04", "05", "06")}
    expiry = before_day(3)
    planned = plan(storage, expiry)
    gone = [data for name, data in files_of(storage.path).items() if name not in kept]
    assert planned == PrunePlan(expiry.cutoff_ms, 3, 3, 0, sum(map(len, gone)), None)
    assert prune(storage, expiry) == planned
    assert {name: data for name, data in files_of(storage.path).items() if name != "tombstones.jsonl"} == kept
    assert ids(storage) == {f"s-{number}" for number in range(3, 10)}
    assert storage.messages("s-1") is None
    assert storage.search(query_text="환불", limit=100) == storage.list_recent(100)
    assert verify(storage, Silent()).findings == []
    assert plan(storage, expiry) == prune(storage, expiry) == PrunePlan(expiry.cutoff_ms, 0, 0, 0, 0, None)


def test_the_cutoff_is_a_midnight(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    instant = START_MS + 3 * layout.DAY_MS + 60_000  # within the fourth day, after its session has ended
    assert plan(storage, Expiry.of_instant(instant)).sessions == 3


def test_what_was_pruned_is_not_brought_back(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    prune(storage, before_day(3))
    assert run(storage, inbox).forgotten == 0  # not even read
    for path in (storage.path / "index").iterdir():
        path.unlink()
    storage.close()
    report = run(storage, inbox)
    assert (report.new, report.unchanged, report.forgotten) == (0, 7, 3)
    # What has grown is newer, and what never was there is new, however old.
    (inbox / "b.jsonl").write_bytes(
        lines(session(1, "환불", "네", "더", start=START + timedelta(days=7), session_id="s-1"))
        + lines(session(0, session_id="late"), session(2))
    )
    report = run(storage, inbox)
    assert (report.new, report.forgotten) == (2, 1)
    assert ids(storage) == {"s-1", "late", *(f"s-{number}" for number in range(3, 10))}
    assert verify(storage, Silent()).findings == []


def test_sessions_without_an_id_are_known_by_their_content(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_bytes(lines(session(0, "안녕", "네", session_id=None)))
    (tmp_path / "kept.jsonl").write_bytes(lines(*map(session, range(5, 9))))
    run(storage, tmp_path / "chat.jsonl", tmp_path / "kept.jsonl")
    assert prune(storage, before_day(3)).sessions == 1
    (tmp_path / "renamed.jsonl").write_bytes((tmp_path / "chat.jsonl").read_bytes())
    assert run(storage, tmp_path / "renamed.jsonl").forgotten == 1


def test_only_a_user_or_a_type(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        lines(
            *[session(day, session_id=f"{user}-{day}", user_id=user) for day in range(4) for user in "abc"],
            session(0, session_id="a-alone", user_id="a", start=START - timedelta(days=1)),
        )
    )
    run(storage, path)
    planned = prune(storage, before_day(3, user="a"))
    assert (planned.sessions, planned.partitions, planned.rewritten) == (4, 1, 3)
    assert not any(b'"a-' in data for name, data in files_of(storage.path).items() if "20260107" not in name)
    assert ids(storage) == {"a-3", *(f"{user}-{day}" for day in range(4) for user in "bc")}
    assert storage.messages("b-0")
    assert verify(storage, Silent()).findings == []
    assert prune(storage, before_day(3, summary_type="llm")).sessions == 0
    assert prune(storage, before_day(1, summary_type="rule_based")).sessions == 2


def test_more_than_half_is_refused_unless_forced(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    before = files_of(storage.path)
    assert plan(storage, before_day(5)).objection is None
    with pytest.raises(RefusedError, match="more than half"):
        prune(storage, before_day(6))
    assert files_of(storage.path) == before
    assert prune(storage, before_day(6), force=True).sessions == 6
    assert len(ids(storage)) == 4


def test_a_clock_behind_the_newest_record_is_refused(
    storage: SessionSummaryStorage, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(storage, inbox)
    monkeypatch.setattr("time.time_ns", lambda: (START_MS + 8 * layout.DAY_MS) * 1_000_000)
    with pytest.raises(RefusedError, match="clock is behind"):
        prune(storage, before_day(1))


def test_counts_survive_and_nothing_is_counted_twice(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    before = {group.key: group.sessions for group in stats_by(storage, "day", UTC)}
    prune(storage, before_day(2))
    prune(storage, before_day(4), keep_counts=False)
    after = stats_by(storage, "day", UTC)
    assert {group.key: group.sessions + group.pruned for group in after} == {
        key: count for key, count in before.items() if key not in ("2026-01-06", "2026-01-07")
    }
    counted = stats(storage)
    assert (counted.total_sessions, counted.pruned_sessions, counted.pruned_messages) == (6, 2, 4)


def test_there_must_be_a_store(storage: SessionSummaryStorage) -> None:
    with pytest.raises(StoreNotFoundError):
        prune(storage, before_day(1))


@pytest.mark.parametrize(
    ("keep", "still_there"), [(True, "transcripts/2026-01/*04.jsonl"), (False, "index/text.sqlite")]
)
def test_a_full_disk_has_room_afterwards(
    storage: SessionSummaryStorage, inbox: Path, keep: bool, still_there: str
) -> None:
    """Nothing can be written before something is gone: tests/faults has a disk that is really full."""
    run(storage, inbox, keep_transcripts=keep)
    import errno
    import os

    real, full = os.write, True
    assert any(storage.path.glob(still_there))

    def write(descriptor: int, data: bytes) -> int:
        if full and any(storage.path.glob(still_there)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        prune(storage, before_day(3))
    assert len(ids(storage)) == 7
    assert Tombstones.read(storage.path).is_pruned([hash64("s-1")], FIRST_DAY + 1)


# -- against a model --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line that is stored: of a session of a user, at a minute of a day."""

    session: int
    user: str
    type: SummaryType
    day: int
    minute: int

    @property
    def created_ms(self) -> int:
        return (FIRST_DAY - layout.EPOCH_DAY + self.day) * layout.DAY_MS + self.minute * 60_000

    def entry(self) -> Entry:
        name = f"s-{self.session}"
        record = SessionSummary(name, self.user, "- 환불", self.type, layout.from_ms(self.created_ms), 1, 4, {})
        return Entry(record, hash64(name), self.created_ms, encode_transcript(name, self.user, b"[]", {}))


LINES = st.builds(
    Line,
    session=st.integers(0, 7),
    user=st.sampled_from("ab"),
    type=st.sampled_from(["llm", "rule_based"]),
    day=st.integers(0, 40),
    minute=st.sampled_from([0, 719, 1439]),
)


def check_against_model(
    written: Sequence[Line], cutoff: int, user: str | None, summary_type: SummaryType | None
) -> None:
    live = {line.session: line for line in written}
    expiry = Expiry.of_instant((FIRST_DAY - layout.EPOCH_DAY) * layout.DAY_MS + cutoff * 60_000, user, summary_type)
    gone = {
        number
        for number, line in live.items()
        if line.created_ms < expiry.cutoff_ms and user in (None, line.user) and summary_type in (None, line.type)
    }
    with tempfile.TemporaryDirectory() as place, SessionSummaryStorage(place, tz=UTC) as storage:
        for line in written:
            with storage.writing() as writer:
                one = line.entry()
                writer.append([one], writer.catalog.stored([one.session]))
        planned = plan(storage, expiry)
        assert planned.sessions == len(gone)
        assert (planned.objection is not None) == (2 * len(gone) > len(live))
        if planned.objection:
            with pytest.raises(RefusedError):
                prune(storage, expiry)
            assert len(oracle.scan(storage.path)) == len(live)
        assert prune(storage, expiry, force=True) == planned
        kept = {f"s-{number}" for number in live.keys() - gone}
        assert ids(storage) == set(oracle.scan(storage.path)) == kept
        assert {one.session_id for one in storage.search(query_text="환불", limit=100)} == kept
        assert all(storage.messages(name) == [] for name in kept)
        for number in gone:
            assert not any(f'"s-{number}"'.encode() in data for data in files_of(storage.path).values())
        assert stats(storage).pruned_sessions == len(gone)
        assert verify(storage, Silent()).findings == []


CASE = {
    "written": st.lists(LINES, max_size=12),
    "cutoff": st.integers(0, 41 * 1440),
    "user": st.sampled_from([None, None, "a"]),
    "summary_type": st.sampled_from([None, None, "llm"]),
}


@settings(max_examples=15, deadline=None)
@given(**CASE)
def test_it_is_what_the_model_says(**case: Any) -> None:
    check_against_model(**case)


def test_a_day_of_older_lines_alone_is_pruned_and_not_lost() -> None:
    some = [Line(0, "a", "llm", 0, 0), Line(1, "a", "llm", 1, 0), Line(0, "a", "llm", 1, 0)]
    check_against_model(some, 1440, None, None)


@pytest.mark.sweep
@settings(max_examples=2_000, deadline=None)
@given(**CASE)
def test_it_is_what_the_model_says_in_thousands_of_cases(**case: Any) -> None:
    check_against_model(**case)
