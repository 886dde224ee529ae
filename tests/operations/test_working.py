"""The queue is worked off, everything is paid once, and what fails keeps its name and its reason."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ion_summary.errors import (
    OverBudgetError,
    ProviderRefusedError,
    ProviderUnavailableError,
    StoreLockedError,
    UnusableAnswerError,
)
from ion_summary.jobs import counting
from ion_summary.jobs.job import Filter
from ion_summary.jobs.ledger import Ledger
from ion_summary.jobs.queue import Queue
from ion_summary.operations.asking import NO_TRANSCRIPT
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.pending import PendingReport, PendingRequest, pending
from ion_summary.operations.recording import Recorded
from ion_summary.operations.work_report import WorkReport, WorkRequest, as_document
from ion_summary.operations.working import work
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.llm import LlmRequest
from tests.conftest import lines, session
from tests.operations.model import PRICE, CountingModel, cost, payments


@pytest.fixture
def paid(tmp_path: Path) -> Path:
    return tmp_path / "payments"


@pytest.fixture
def queue(storage: SessionSummaryStorage) -> Iterator[Queue]:
    with Queue(storage.path) as opened:
        yield opened


def put_in(storage: SessionSummaryStorage, *sessions: dict[str, Any], **more: Any) -> None:
    source = storage.path.parent / "in.jsonl"
    source.write_bytes(lines(*sessions))
    ingest(storage, IngestRequest([source], workers=1, **more), Silent())


def queue_all(storage: SessionSummaryStorage, queue: Queue, model: CountingModel, **more: Any) -> PendingReport:
    return pending(storage, queue, PendingRequest(**more), model.fingerprint, Silent())


def run(storage: SessionSummaryStorage, queue: Queue, model: CountingModel, **more: Any) -> WorkReport:
    recorded = Recorded(model, "model-1", queue, cost)
    return asyncio.run(work(storage, queue, recorded, WorkRequest(**more), Silent()))


def of(record: Any) -> Any:
    return record.metadata


def test_every_stored_session_gets_its_summary_and_keeps_what_is_known_of_it(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    model = CountingModel(paid)
    put_in(storage, *[session(n) for n in range(5)])
    before = {record.session_id: record for record in storage.list_recent(9)}
    assert queue_all(storage, queue, model).queued == 5
    report = run(storage, queue, model)
    document = as_document(report)
    assert document | {"elapsed_s": 0} == {
        "done": 5,
        "failed": 0,
        "skipped": 0,
        "fallback": 0,
        "tokens": {"input": 500, "output": 250, "cached": 50},
        "cost_usd": 5 * PRICE,
        "elapsed_s": 0,
        "waiting": 0,
        "left": 0,
        "failures": [],
    }
    for record in storage.list_recent(9):
        old = before[record.session_id]
        number = record.session_id.removeprefix("s-")
        assert (record.summary, record.summary_type) == (f"- 환불 번호 {number}번을 요청합니다.", "llm")
        assert (record.created_at, record.user_id, record.message_count) == (old.created_at, old.user_id, 2)
        assert record.metadata["tags"][0] == "주제"
        assert record.metadata["tags"][1:] == old.metadata["tags"]
        assert record.metadata["source"] == old.metadata["source"]
        assert record.metadata["evidence"] == [[1]]
        assert record.metadata["usage"] == {"input": 100, "output": 50, "cached": 10}
        assert record.metadata["cost_usd"] == PRICE
        assert record.metadata["summarizer"]["fingerprint"] == model.fingerprint
    assert storage.get_stats()["llm_summaries"] == 5
    assert queue_all(storage, queue, model).queued == 0
    assert run(storage, queue, model).done == 0
    assert set(payments(paid).values()) == {1}


def test_equal_sessions_are_paid_once_and_each_gets_its_record(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    model = CountingModel(paid, latency_s=0.02)
    put_in(storage, *[session(n % 2, "같은 말", "Same", session_id=f"s-{n}") for n in range(6)])
    queue_all(storage, queue, model)
    assert run(storage, queue, model, window=4).done == 6
    assert payments(paid) == {"같은 말|2": 1}
    made = [record.metadata["summarizer"]["reused"] for record in storage.list_recent(9)]
    assert sorted(made) == [False] + [True] * 5
    assert sum(record.metadata["cost_usd"] for record in storage.list_recent(9)) == PRICE


def test_two_workers_share_the_work_without_paying_twice(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    model = CountingModel(paid, latency_s=0.01)
    put_in(storage, *[session(n, f"환불 {n // 2}", "Same") for n in range(60)])
    queue_all(storage, queue, model)
    reports: list[WorkReport] = []

    def another() -> None:
        with SessionSummaryStorage(storage.path) as mine, Queue(storage.path) as my_queue:
            reports.append(run(mine, my_queue, CountingModel(paid, latency_s=0.01), window=4))

    threads = [threading.Thread(target=another) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.done for report in reports) == 60
    assert all(report.done for report in reports)
    assert len(payments(paid)) == 30
    assert set(payments(paid).values()) == {1}
    assert storage.get_stats()["llm_summaries"] == 60
    partitions = b"".join(path.read_bytes() for path in storage.path.glob("????-??/*.jsonl"))
    assert partitions.count(b"\n") == 120, "each record is written once more, not twice"


def test_no_more_than_the_window_is_under_way(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    model = CountingModel(paid, latency_s=0.005)
    put_in(storage, *[session(n) for n in range(40)])
    queue_all(storage, queue, model)
    assert run(storage, queue, model, window=7).done == 40
    assert 4 <= model.most_at_once <= 7


def test_a_session_that_has_grown_is_paid_once_more(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    model = CountingModel(paid)
    put_in(storage, session(1, "하나", "둘"))
    queue_all(storage, queue, model)
    run(storage, queue, model)
    put_in(storage, session(1, "하나", "둘", "셋"))
    put_in(storage, session(1, "하나", "둘", "셋", "넷"))
    assert storage.get_stats()["llm_summaries"] == 0
    assert queue_all(storage, queue, model).queued == 1
    run(storage, queue, model)
    assert payments(paid) == {"하나|2": 1, "하나|4": 1}
    assert storage.get_stats()["llm_summaries"] == 1


def test_a_failure_keeps_the_rule_based_summary_with_the_reason_and_is_tried_again(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    def trouble(request: LlmRequest) -> ProviderRefusedError | ProviderUnavailableError | None:
        if "번호 1번" in request.messages[0].content:
            return ProviderRefusedError(reason="blocked: SAFETY", terminal=True)
        if "번호 2번" in request.messages[0].content:
            return ProviderUnavailableError(reason="503")
        return None

    put_in(storage, *[session(n) for n in range(4)])
    before = storage.load("s-1")
    assert before is not None
    broken = CountingModel(paid, trouble=trouble)
    queue_all(storage, queue, broken)
    report = run(storage, queue, broken)
    assert (report.done, report.failed, report.fallback) == (2, 2, 1)
    assert sorted(report.failures) == [("s-1", "blocked: SAFETY"), ("s-2", "503")]
    for name, reason, retried in (("s-1", "blocked: SAFETY", False), ("s-2", "503", True)):
        record = storage.load(name)
        assert record is not None
        assert record.summary_type == "rule_based"
        assert record.metadata["llm_error"]["reason"] == reason
        assert record.metadata["llm_error"]["retried"] is retried
    blocked = storage.load("s-1")
    assert blocked is not None
    assert blocked.summary == before.summary
    counts = counting.counts(storage.path)
    assert (counts.failed, counts.given_up, counts.pending) == (2, 1, 0)

    well = CountingModel(paid)
    assert run(storage, queue, well).done == 0, "too early"
    queue_all(storage, queue, well)
    assert run(storage, queue, well).done == 1, "and what was refused would be refused again"
    healed = storage.load("s-2")
    assert healed is not None
    assert (healed.summary_type, "llm_error" in healed.metadata) == ("llm", False)

    other = CountingModel(paid, version="2")
    queue_all(storage, queue, other)
    assert run(storage, queue, other).done == 1, "another model may manage"
    assert counting.counts(storage.path).failed == 0


def test_a_session_that_only_gets_answers_of_no_use_is_not_paid_for_for_ever(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    put_in(storage, session(1))
    hopeless = CountingModel(paid, trouble=lambda _: UnusableAnswerError(reason="it has no bullets"))
    failed, given_up = [], []
    for _ in range(5):
        queue_all(storage, queue, hopeless)
        report = run(storage, queue, hopeless)
        failed.append(report.failed)
        given_up.append(report.fallback)
    assert (failed, given_up) == ([1, 1, 1, 0, 0], [0, 0, 1, 0, 0])
    record = storage.load("s-1")
    assert record is not None
    assert (record.summary_type, record.metadata["llm_error"]["retried"]) == ("rule_based", False)
    assert counting.counts(storage.path).given_up == 1


def unavailable(_: LlmRequest) -> ProviderUnavailableError:
    return ProviderUnavailableError(reason="the connection failed (ConnectError)")


@pytest.mark.parametrize("sessions", [1, 12])
def test_a_provider_that_answers_nobody_stops_the_run_and_fails_no_session(
    storage: SessionSummaryStorage, queue: Queue, paid: Path, sessions: int
) -> None:
    put_in(storage, *[session(n) for n in range(sessions)])
    down = CountingModel(paid, trouble=unavailable)
    queue_all(storage, queue, down)
    report = run(storage, queue, down, window=4)
    assert isinstance(report.stopped, ProviderUnavailableError)
    assert (report.done, report.failed, report.failures) == (0, 0, [])
    counts = counting.counts(storage.path)
    assert (counts.pending, counts.failed) == (sessions, 0)
    assert all("llm_error" not in record.metadata for record in storage.list_recent(99))
    assert run(storage, queue, CountingModel(paid)).done == sessions, "at once"


@pytest.mark.parametrize("well", [0, 5])
def test_who_is_the_only_one_without_an_answer_has_failed(
    storage: SessionSummaryStorage, queue: Queue, paid: Path, well: int
) -> None:
    def trouble(request: LlmRequest) -> ProviderUnavailableError | None:
        return None if f"번호 {well}번" in request.messages[0].content else unavailable(request)

    put_in(storage, *[session(n) for n in range(6)])
    some = CountingModel(paid, trouble=trouble)
    queue_all(storage, queue, some)
    report = run(storage, queue, some, window=1)
    assert (report.done, report.failed, report.stopped) == (1, 5, None)
    counts = counting.counts(storage.path)
    assert (counts.pending, counts.retried, counts.failed) == (0, 5, 5)


def test_what_stops_the_whole_run_fails_no_session(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    left = 3

    def trouble(request: LlmRequest) -> OverBudgetError | None:
        nonlocal left
        left -= 1
        return OverBudgetError(reason="$0.003 of $0.003", whole_run=True) if left < 0 else None

    put_in(storage, *[session(n) for n in range(9)])
    model = CountingModel(paid, trouble=trouble)
    queue_all(storage, queue, model)
    report = run(storage, queue, model, window=2)
    assert (report.done, report.failed) == (3, 0)
    assert isinstance(report.stopped, OverBudgetError)
    assert counting.counts(storage.path).pending == 6
    assert storage.get_stats()["llm_summaries"] == 3
    assert run(storage, queue, CountingModel(paid)).done == 6


def test_what_is_too_dear_is_named_and_stays_queued(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    def trouble(request: LlmRequest) -> OverBudgetError | None:
        dear = "1번" in request.messages[0].content
        return OverBudgetError(reason="$0.00 of $0.01", terminal=True) if dear else None

    put_in(storage, *[session(n) for n in range(3)])
    queue_all(storage, queue, CountingModel(paid))
    report = run(storage, queue, CountingModel(paid, trouble=trouble), window=2)
    assert (report.done, report.failed, report.fallback) == (2, 1, 0)
    assert report.failures == [("s-1", "$0.00 of $0.01")]
    record = storage.load("s-1")
    assert record is not None and "llm_error" not in record.metadata
    counts = counting.counts(storage.path)
    assert (counts.pending, counts.failed) == (1, 0)
    assert run(storage, queue, CountingModel(paid)).done == 1, "with more money, at once"


def test_a_limit_counts_what_can_be_summarized(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    def trouble(request: LlmRequest) -> ProviderRefusedError | None:
        refused = request.messages[0].content in ("환불 4번", "환불 3번")
        return ProviderRefusedError(reason="SAFETY", terminal=True) if refused else None

    put_in(storage, *[session(n, f"환불 {n}번") for n in range(5)])
    model = CountingModel(paid, trouble=trouble)
    done = []
    for _ in range(3):
        chosen = queue_all(storage, queue, model, limit=2).chosen
        report = run(storage, queue, model, wanted=chosen, limit=2)
        done.append((report.done, report.failed))
    assert done == [(0, 2), (2, 0), (1, 0)], "the newest two are refused, and would be again"
    other = CountingModel(paid, version="2")
    assert queue_all(storage, queue, other, limit=2).queued == 2, "another model may manage"


def test_a_limit_does_not_stop_at_what_has_no_transcript(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    model = CountingModel(paid)
    put_in(storage, session(0))
    put_in(storage, session(1), session(2), keep_transcripts=False)
    for _ in range(3):
        run(storage, queue, model, wanted=queue_all(storage, queue, model, limit=1).chosen, limit=1)
    record = storage.load("s-0")
    assert record is not None and record.summary_type == "llm"


def test_without_a_transcript_it_is_skipped_with_the_reason(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    model = CountingModel(paid)
    put_in(storage, session(1), keep_transcripts=False)
    storage.save("app", "u", "- saved", "rule_based")
    report = queue_all(storage, queue, model)
    assert report.skipped == [("app", NO_TRANSCRIPT)]
    worked = run(storage, queue, model)
    assert (worked.skipped, worked.failures) == (1, [("s-1", NO_TRANSCRIPT)])
    assert not paid.exists()
    assert counting.counts(storage.path).pending == 0


def test_filters_and_limits_choose_the_newest(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    model = CountingModel(paid)
    put_in(storage, *[session(n, user_id=f"u-{n % 2}") for n in range(8)])
    report = queue_all(storage, queue, model, wanted=Filter(user="u-1"), limit=2)
    assert report.queued == 2
    assert run(storage, queue, model, wanted=report.chosen).done == 2
    done = {record.session_id for record in storage.search(summary_type="llm")}
    assert done == {"s-7", "s-5"}
    assert queue_all(storage, queue, model).queued == 6
    assert run(storage, queue, model, limit=4).done == 4


def test_a_session_that_is_gone_is_not_brought_back(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    put_in(storage, session(1), session(2))

    def trouble(request: LlmRequest) -> None:
        storage.delete("s-1")

    model = CountingModel(paid, trouble=trouble)
    queue_all(storage, queue, model)
    run(storage, queue, model)
    assert storage.load("s-1") is None
    assert queue.job("s-1") is None
    assert storage.get_stats()["total_sessions"] == 1


def test_the_ledger_knows_every_call(storage: SessionSummaryStorage, queue: Queue, paid: Path) -> None:
    def trouble(request: LlmRequest) -> ProviderRefusedError | None:
        return ProviderRefusedError(reason="blocked", terminal=True) if "1번" in request.messages[0].content else None

    put_in(storage, *[session(n, user_id=f"u-{n}") for n in range(3)])
    model = CountingModel(paid, trouble=trouble)
    queue_all(storage, queue, model)
    run(storage, queue, model)
    calls = {call.session: (call.outcome, call.user, call.cost_usd, call.reason) for call in Ledger(queue).calls()}
    assert calls == {
        "s-0": ("answered", "u-0", PRICE, None),
        "s-1": ("failed", "u-1", 0.0, "blocked"),
        "s-2": ("answered", "u-2", PRICE, None),
    }
    assert counting.spending(storage.path, "user") == {"u-0": PRICE, "u-1": 0.0, "u-2": PRICE}
    assert Ledger(queue).spent_today() == pytest.approx(2 * PRICE)
    assert Ledger(queue).spent_this_month() == pytest.approx(2 * PRICE)


def test_an_interruption_waits_for_what_is_paid_and_begins_nothing(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    put_in(storage, *[session(n) for n in range(30)])
    model = CountingModel(paid, latency_s=0.2)
    queue_all(storage, queue, model)
    recorded = Recorded(model, "model-1", queue, cost)

    async def interrupted() -> None:
        task = asyncio.create_task(work(storage, queue, recorded, WorkRequest(window=4), Silent()))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    done = storage.get_stats()["llm_summaries"]
    assert done == len(payments(paid)) > 0
    assert counting.counts(storage.path).pending == 30 - done
    assert counting.counts(storage.path).lost == 0
    assert run(storage, queue, CountingModel(paid)).done == 30 - done
    assert set(payments(paid).values()) == {1}


@pytest.fixture
def no_store_answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """As if the process was killed each time between an answer and its record."""
    from ion_summary.operations import working

    monkeypatch.setattr(working, "store_answers", lambda *_: 0)
    return monkeypatch.undo


def test_an_answer_without_its_record_is_written_by_the_next_process(
    storage: SessionSummaryStorage, queue: Queue, paid: Path, no_store_answers: Callable[[], None]
) -> None:
    model = CountingModel(paid)
    put_in(storage, session(1), session(2))
    queue_all(storage, queue, model)
    run(storage, queue, model)
    assert storage.get_stats()["llm_summaries"] == 0
    assert counting.counts(storage.path).pending == 2
    no_store_answers()
    run(storage, queue, model)
    assert storage.get_stats()["llm_summaries"] == 2
    assert sum(payments(paid).values()) == 2


def test_a_store_that_is_locked_delays_records_and_loses_no_answer(
    storage: SessionSummaryStorage, queue: Queue, paid: Path
) -> None:
    put_in(storage, *[session(n) for n in range(30)])
    model = CountingModel(paid, latency_s=0.3)
    queue_all(storage, queue, model)
    impatient = SessionSummaryStorage(storage.path, lock_timeout=0.1)
    with impatient, storage.writing(), pytest.raises(StoreLockedError):
        run(impatient, queue, model, window=4)
    assert len(payments(paid)) == 30, "it went on asking"
    assert run(storage, queue, model).done == 0
    assert storage.get_stats()["llm_summaries"] == 30
    assert set(payments(paid).values()) == {1}
