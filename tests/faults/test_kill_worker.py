"""Workers are killed while calls are under way: what is committed is never paid again, what is in flight at most once.

The server counts what it has billed. A call is in flight from when the worker sends it until the answer is committed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ion_summary.jobs import counting
from ion_summary.jobs.ledger import Ledger
from ion_summary.jobs.queue import Queue
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.fake_gemini import FakeGemini
from tests.waiting import wait_until

CONCURRENCY = 8


def filled(place: Path, sessions: int) -> Path:
    """A store with so many sessions, all queued."""
    source = place / "in.jsonl"
    said = ((number, f"환불 번호 {number}번을 요청합니다.", f"Refund {number} was paid.") for number in range(sessions))
    source.write_bytes(lines(*[session(n % 20, *texts, session_id=f"s-{n}") for n, *texts in said]))
    with SessionSummaryStorage(place / "store") as storage:
        ingest(storage, IngestRequest([source], workers=1, llm=True), Silent())
    return place / "store"


def worker(store: Path, fake: FakeGemini, *words: str) -> subprocess.Popen[bytes]:
    """A worker process on the store, asking the server."""
    command = [sys.executable, "-m", "ion_summary", "worker", "--store", str(store), *words]
    command += ["--concurrency", str(CONCURRENCY), "--rpm", "6000", "-q"]
    environment = os.environ | {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": fake.url, "HOME": str(store.parent)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for_calls(fake: FakeGemini, count: int, child: subprocess.Popen[bytes]) -> None:
    """Waits until there have been so many, or the worker has nothing left to ask."""
    wait_until(lambda: fake.state.calls >= count or child.poll() is not None)


def kill_and_count(store: Path, fake: FakeGemini, kills: int, chance: random.Random) -> tuple[int, int]:
    """Kills so many workers, each at another moment after its first call; how many calls were in flight then, and how
    many of them had been billed without being committed.
    """
    in_flight = lost = 0
    for _ in range(kills):
        before = fake.state.calls
        child = worker(store, fake)
        wait_for_calls(fake, before + 1, child)
        time.sleep(chance.uniform(0, 0.6))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        with Queue(store) as queue:
            queue.take_over()
            calls = list(Ledger(queue).calls())
        now_lost = sum(call.outcome == "lost" for call in calls)
        assert now_lost - lost <= CONCURRENCY, "more in flight than there may be"
        in_flight += now_lost - lost
        lost = now_lost
    return in_flight, lost


def check(store: Path, fake: FakeGemini, sessions: int) -> int:
    """Everything is done, and nothing that was committed was paid again; how many were paid twice."""
    with SessionSummaryStorage(store) as storage:
        assert storage.get_stats()["llm_summaries"] == sessions
        assert verify(storage, Silent()).findings == []
    counts = counting.counts(store)
    assert (counts.pending, counts.failed) == (0, 0)
    with Queue(store) as queue:
        calls = list(Ledger(queue).calls())
    answered = [call.session for call in calls if call.outcome == "answered"]
    assert len(answered) == len(set(answered)) == sessions, "committed, and paid again"
    lost = [call.session for call in calls if call.outcome == "lost"]
    twice = sum(count - 1 for count in fake.state.paid.values())
    assert twice <= len(lost), "paid again, and the ledger does not say so"
    assert sum(fake.state.paid.values()) <= len(answered) + len(lost)
    return twice


def run_to_the_end(store: Path, fake: FakeGemini) -> None:
    child = worker(store, fake)
    _, errors = child.communicate(timeout=900)
    assert child.returncode == 0, errors.decode()


def _kill(place: Path, kills: int, sessions: int) -> tuple[int, int]:
    with FakeGemini(latency_s=0.1) as fake:
        store = filled(place, sessions)
        in_flight, _ = kill_and_count(store, fake, kills, random.Random(kills))
        run_to_the_end(store, fake)
        return in_flight, check(store, fake, sessions)


def test_kill_costs_at_most_what_is_in_flight(in_memory: Path, figure: Callable[[str], None]) -> None:
    in_flight, twice = _kill(in_memory, kills=3, sessions=120)
    figure(f"3 workers killed: {in_flight} calls in flight, {twice} paid twice, 0 of them committed before")


@pytest.mark.sweep
def test_fifty_kills_cost_at_most_what_is_in_flight(in_memory: Path, figure: Callable[[str], None]) -> None:
    in_flight, twice = _kill(in_memory, kills=50, sessions=1_000)
    figure(f"50 workers killed: {in_flight} calls in flight, {twice} paid twice, 0 of them committed before")


@pytest.mark.parametrize("workers", [3])
def test_workers_that_are_killed_are_relieved_by_those_that_live(in_memory: Path, workers: int) -> None:
    sessions = 90
    with FakeGemini(latency_s=0.1) as fake:
        store = filled(in_memory, sessions)
        children = [worker(store, fake) for _ in range(workers)]
        wait_for_calls(fake, 20, children[0])
        children[0].send_signal(signal.SIGKILL)
        for child in children:
            child.communicate(timeout=120)
        run_to_the_end(store, fake)
        check(store, fake, sessions)


def test_interrupted_in_good_order_nothing_is_paid_twice(in_memory: Path) -> None:
    sessions = 80
    with FakeGemini(latency_s=0.2) as fake:
        store = filled(in_memory, sessions)
        for _ in range(2):
            before = fake.state.calls
            child = worker(store, fake)
            wait_for_calls(fake, before + 10, child)
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=60)
            assert child.returncode == 130
        run_to_the_end(store, fake)
        assert check(store, fake, sessions) == 0
        assert counting.counts(store).lost == 0
