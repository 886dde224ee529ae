"""Batches against the server, killed in every state: nothing is paid twice, and half the price is noted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ion_summary.config import Settings, resolve
from ion_summary.jobs import counting
from ion_summary.jobs.ledger import Ledger
from ion_summary.jobs.queue import Queue
from ion_summary.operations import batching, llm
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.work_report import WorkReport
from ion_summary.operations.worker import WorkerRequest, worker
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.llm.batch import GeminiBatch
from tests.conftest import lines, session
from tests.fake_gemini import FakeGemini


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


def test_the_budget_cuts_the_batch(
    storage: SessionSummaryStorage, fake: FakeGemini, settings: Callable[..., Settings]
) -> None:
    put_in(storage, *[session(n) for n in range(6)])
    report = run(storage, settings(max_cost=0.002))
    assert report.stopped is not None
    assert report.stopped.exit_code == 21
    assert 0 < report.done < 6
    assert report.cost_usd <= 0.002
    assert run(storage, settings()).done == 6 - report.done


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("moment", ["enter", "submit", "named", "collect", "end"])
def test_whenever_it_is_killed_nothing_is_paid_twice(
    moment: str,
    storage: SessionSummaryStorage,
    fake: FakeGemini,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_in(storage, *[session(n) for n in range(5)])

    def die(*_: Any) -> None:
        raise Killed

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
            deadline = time.monotonic() + 60
            while not fake.state.batches_created:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(1)
            child.send_signal(signal.SIGKILL)
            child.wait()
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert fake.state.batches_created == 1
        assert sorted(fake.state.paid.values()) == [1] * 5
    assert storage.get_stats()["llm_summaries"] == 5
