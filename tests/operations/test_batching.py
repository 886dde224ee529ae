"""Batches against the server, killed in every state: nothing is paid twice, and half the price is noted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ion_summary.config import Settings, resolve
from ion_summary.errors import OverBudgetError
from ion_summary.jobs import counting, ledger
from ion_summary.jobs.job import Filter
from ion_summary.jobs.ledger import Billed, Ledger, Sent
from ion_summary.jobs.queue import Queue
from ion_summary.operations import batching, llm
from ion_summary.operations import worker as worker_module
from ion_summary.operations.asking import questions
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.work_report import WorkReport
from ion_summary.operations.worker import WorkerRequest, worker
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary, batch
from ion_summary.summarizers.llm.batch import GeminiBatch
from ion_summary.summarizers.llm.gemini_response import read
from tests.conftest import lines, session
from tests.fake_gemini import FakeGemini, answers
from tests.waiting import wait_until


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGemini]:
    with FakeGemini(batch_s=0.2) as server:
        # As it is, but for looking more often than every five seconds.
        monkeypatch.setattr(llm, "GeminiBatch", lambda gemini: GeminiBatch(gemini, first_poll_s=0.05))
        yield server


@pytest.fixture
def settings(fake: FakeGemini, tmp_path: Path) -> Callable[..., Settings]:
    environment = {"HOME": str(tmp_path), "GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": fake.url}
    return lambda **options: resolve({"mode": "batch", **options}, environment)


def put_in(storage: SessionSummaryStorage, *sessions: dict[str, Any]) -> None:
    source = storage.path.parent / "in.jsonl"
    source.write_bytes(lines(*sessions))
    ingest(storage, IngestRequest([source], workers=1, llm=True), Silent())


def run(storage: SessionSummaryStorage, settings: Settings, **more: Any) -> WorkReport:
    return worker(storage, settings, WorkerRequest(**more), Silent())


def test_all_that_is_queued_at_half_the_price(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    put_in(storage, *[session(n) for n in range(6)], session(0, session_id="equal"))
    report = run(storage, settings())
    assert (report.done, report.failed, report.stopped) == (7, 0, None)
    assert sum(fake.state.paid.values()) == 6, "equal sessions are sent once"
    assert fake.state.batches_created == 1
    stats = storage.get_stats()
    assert (stats["llm_summaries"], stats["rule_based_summaries"]) == (7, 0)
    with Queue(storage.path) as queue:
        calls = list(Ledger(queue).calls())
    assert {(call.mode, call.outcome) for call in calls} == {("batch", "answered")}
    batch_usd = report.cost_usd
    online = llm.load_prices(settings()).cost(report.usage, "gemini-2.5-flash-lite")
    assert batch_usd == pytest.approx(online / 2)
    assert counting.counts(storage.path).pending == 0
    raw = b"".join(path.read_bytes() for path in storage.path.glob("jobs.sqlite"))
    assert "번호 3번을 요청합니다. \\n".encode() not in raw
    assert run(storage, settings()).done == 0


def test_some_fail_and_the_others_count(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    fake.when("번호 2번", "safety")
    put_in(storage, *[session(n) for n in range(4)])
    report = run(storage, settings())
    assert (report.done, report.failed, report.fallback) == (3, 1, 1)
    failed = storage.load("s-2")
    assert failed is not None
    assert failed.summary_type == "rule_based"
    assert "SAFETY" in failed.metadata["llm_error"]["reason"]


def dearest(storage: SessionSummaryStorage, settings: Settings) -> float:
    """The most that one of the queued sessions can cost, in US dollars."""
    with Queue(storage.path) as queue:
        asked = llm.make_batch(settings, queue)
        jobs = queue.claim(100, Filter())
        found = questions(storage, jobs, redact=False)
        return max(asked.cost(asked.summarizer.ceiling(each.request)) for each in found if each.request is not None)


def test_the_budget_cuts_the_batch(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    put_in(storage, *[session(n) for n in range(6)])
    most = 1.04 * dearest(storage, settings())
    report = run(storage, settings(max_cost=most))
    assert report.stopped is not None
    assert report.stopped.exit_code == 21
    assert 0 < report.done < 6
    assert report.cost_usd <= most
    assert run(storage, settings()).done == 6 - report.done


def test_what_a_batch_has_not_cost_is_for_the_next(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    put_in(storage, *[session(n) for n in range(8)])
    most = 2.5 * dearest(storage, settings())
    report = run(storage, settings(max_cost=most), limit=6)
    assert (report.done, report.stopped) == (6, None)
    assert report.cost_usd <= most / 2
    assert fake.state.batches_created >= 3, "two fit, should they cost the most they can"
    assert sum(fake.state.paid.values()) == 6
    assert run(storage, settings()).done == 2


@pytest.mark.parametrize("cap", ["max_cost", "budget_day", "budget_month"])
def test_no_budget_is_overspent_by_what_costs_the_most_it_can(
    cap: str,
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_in(storage, *[session(n) for n in range(8)])
    most = 3.3 * dearest(storage, settings())

    def dear(fields: Any, request: LlmRequest, *of: Any, **more: Any) -> LlmSummary:
        return replace(read(fields, request, *of, **more), cost_usd=most / 3.3)

    monkeypatch.setattr("ion_summary.summarizers.llm.batch.read", dear)
    report = run(storage, settings(**{cap: most}))
    assert report.stopped is not None
    assert report.stopped.exit_code == 21
    assert report.done == 3
    assert report.cost_usd <= most
    if cap != "max_cost":
        assert run(storage, settings(**{cap: most})).done == 0


def test_a_new_day_has_its_own_budget(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(storage, session(0))
    most = 1.04 * dearest(storage, settings())
    assert run(storage, settings()).done == 1
    put_in(storage, session(1))
    asked = settings(budget_day=most)
    with Queue(storage.path) as queue:
        waiting = llm.make_batch(asked, queue)
        request = next(each.request for each in questions(storage, queue.claim(9, Filter()), redact=False))
        assert request is not None
        waiting.renew([])
        assert "for today are spent or planned" in waiting.plan(request)
        monkeypatch.setattr(ledger, "day_ms", lambda: 1000 * round(time.time()) + 86_400_000)
        assert waiting.plan(request), "nobody has looked again"
        waiting.renew([])
        assert waiting.plan(request) == ""


def test_sessions_too_long_for_a_batch_have_what_it_has_left(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    put_in(storage, session(0))
    with Queue(storage.path) as queue:
        jobs = queue.claim(1, Filter())
        sent = Sent(jobs[0].session, jobs[0].user, "k", "m", 0.0, "batch")
        book = ledger.Ledger(queue)
        number = book.enter(sent)
        assert number is not None
        book.failed(number, Billed("m", 1, 1, 0, 0.5), "dear")
        online = llm.make_llm(settings(max_cost=0.5001), queue)
        request = questions(storage, jobs, redact=False)[0].request
        assert request is not None
        with pytest.raises(OverBudgetError, match=r"\$0.5000 of \$0.5001 for this run"):
            asyncio.run(online.summarizer.summarize(request))


class Killed(BaseException):
    """The process is gone."""


def die(*_: Any) -> None:
    raise Killed


def dear(body: dict[str, Any], _: str, **__: Any) -> dict[str, int]:
    """The bill of an answer that is as long as it may be."""
    most = body["generationConfig"]["maxOutputTokens"]
    return {"promptTokenCount": 0, "candidatesTokenCount": most, "totalTokenCount": most}


DEAREST_USD = (1024 + 2 * 800 + 32 * 8) * 0.20e-6  # of its output; the fake bills no input
#: What is set aside for a call: nobody knows before what the input will be billed as.
PLANNED_USD = 1.2 * DEAREST_USD


def test_a_worker_that_watches_has_the_budget_of_each_day(
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today, days = ledger.day_ms(), [0]
    monkeypatch.setattr(answers, "usage", dear)
    monkeypatch.setattr(ledger, "day_ms", lambda: today + 86_400_000 * days[0])
    monkeypatch.setattr(worker_module, "_LOOK_AGAIN_S", 0.01)
    calls = WorkReport()

    async def watch() -> None:
        with Queue(storage.path) as queue:
            request = WorkerRequest(watch=True)
            given = settings(budget_day=2.5 * DEAREST_USD)
            working = asyncio.ensure_future(worker_module._in_batches(storage, queue, given, request, Silent(), calls))
            for day in range(2):
                put_in(storage, session(2 * day), session(2 * day + 1))
                async with asyncio.timeout(60):
                    while calls.done < 2 * (day + 1) and not working.done():
                        await asyncio.sleep(0.02)
                days[0] += 1
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    asyncio.run(watch())
    assert (calls.done, calls.stopped) == (4, None)


def test_what_is_asked_online_shares_the_budget_of_the_run(
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "usage", dear)
    monkeypatch.setattr(llm.Condensing, "fits", lambda _, request: "번호 0" in str(request.messages))
    put_in(storage, session(0), session(1))
    report = run(storage, settings(max_cost=2.9 * DEAREST_USD))  # online it is twice the price
    assert report.done == 1
    assert report.stopped is not None
    assert report.cost_usd <= 2.9 * DEAREST_USD


def test_equal_sessions_in_different_batches_are_paid_once(
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "_MOST_LINES", 1)
    put_in(storage, session(0), session(1), session(0, session_id="equal"))
    report = run(storage, settings())
    assert (report.done, report.failed, report.stopped) == (3, 0, None)
    assert sorted(fake.state.paid.values()) == [1, 1]
    assert fake.state.batches_created == 2


def test_what_another_process_has_sent_is_planned_by_the_most_it_can_cost(
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "usage", dear)
    put_in(storage, *[session(n) for n in range(2)])
    with monkeypatch.context() as patched:
        patched.setattr(batching._Run, "collect", die)
        with pytest.raises(Killed):
            run(storage, settings())
    put_in(storage, *[session(n) for n in range(2, 6)])
    for cap in ("budget_day", "max_cost"):
        most = {"budget_day": 3.3, "max_cost": 1.3}[cap] * DEAREST_USD
        report = run(storage, settings(**{cap: most}))
        assert report.stopped is not None
        assert report.cost_usd <= most
    assert sorted(fake.state.paid.values()) == [1] * 4


def test_answers_that_help_nobody_stop_nothing(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    fake.when("번호 0번", "safety")
    fake.when("번호 1번", "safety")
    put_in(storage, *[session(n) for n in range(5)])
    report = run(storage, settings(max_cost=2.5 * dearest(storage, settings())))
    assert (report.done, report.failed, report.stopped) == (3, 2, None)


@pytest.mark.parametrize("moment", ["enter", "submit", "named", "collect", "end"])
def test_whenever_it_is_killed_nothing_is_paid_twice(
    moment: str,
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_in(storage, *[session(n) for n in range(5)])

    with monkeypatch.context() as patched:
        if moment == "submit":
            submit = GeminiBatch.submit_or_attach

            async def submit_and_die(self: GeminiBatch, requests: Any) -> str:
                await submit(self, requests)
                raise Killed

            patched.setattr(GeminiBatch, "submit_or_attach", submit_and_die)
        elif moment == "enter":
            patched.setattr(batching._Run, "collect", die)
        elif moment == "collect":
            patched.setattr(batching._Run, "_take_in", die)
        else:
            patched.setattr(batching.Batches, moment, die)
        # What a process does as it ends in good order a killed one does not do.
        patched.setattr(Queue, "release", lambda *_, **__: None)
        patched.setattr(batching, "store_answers", lambda *_: 0)
        with pytest.raises(Killed):
            run(storage, settings())
    report = run(storage, settings())
    assert report.failed == 0
    assert storage.get_stats()["llm_summaries"] == 5
    assert sorted(fake.state.paid.values()) == [1] * 5
    assert counting.counts(storage.path).pending == 0


def test_a_killed_process_waits_no_more_and_the_next_one_does(storage: SessionSummaryStorage) -> None:
    with FakeGemini(batch_s=2) as fake:  # done when the third one comes: another look would be five seconds later
        put_in(storage, *[session(n) for n in range(5)])
        environment = os.environ | {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": fake.url}
        command = [sys.executable, "-m", "ion_summary", "worker", "--mode", "batch", "--store", str(storage.path)]
        for _ in range(2):
            child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: fake.state.batches_created)
            time.sleep(1)
            child.send_signal(signal.SIGKILL)
            child.wait()
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert fake.state.batches_created == 1
        assert sorted(fake.state.paid.values()) == [1] * 5
    assert storage.get_stats()["llm_summaries"] == 5
