"""A live application: queued in no time, summarized at once by the rule and later by the model, and nothing lost."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary import HybridSummarizer, Message, SessionSummaryStorage, get_hybrid_summarizer
from ion_summary.errors import StoreNotWritableError, UsageError
from ion_summary.jobs import counting
from ion_summary.jobs.erasing import forget
from ion_summary.jobs.ledger import Ledger
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.spool import Spool
from ion_summary.operations.background import Storing
from ion_summary.operations.hybrid import HybridSummarizer as Hybrid
from ion_summary.operations.llm import Llm
from ion_summary.operations.recording import Recorded
from ion_summary.operations.show import messages as messages_of
from ion_summary.store.quarantine import entries
from ion_summary.store.tombstones import append, forget_fields, mark_of
from ion_summary.summarizers.llm.prices import load
from tests.fake_gemini import FakeGemini
from tests.operations.model import CountingModel, cost, payments
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def talk(number: int = 1, turns: int = 2) -> list[dict[str, Any]]:
    said = [f"환불 번호 {number}번을 요청합니다.", f"Refund number {number} has been requested for Monday."]
    return [{"role": ("user", "assistant")[turn % 2], "content": said[turn % 2]} for turn in range(turns)]


@pytest.fixture
def paid(tmp_path: Path) -> Path:
    return tmp_path / "payments"


@pytest.fixture
def hybrid(storage: SessionSummaryStorage, paid: Path) -> Iterator[Hybrid]:
    made = hybrid_over(storage, CountingModel(paid))
    yield made
    made.close()


def hybrid_over(storage: SessionSummaryStorage, model: CountingModel, **more: Any) -> Hybrid:
    def make(queue: Queue) -> Llm:
        return Llm(Recorded(model, "model-1", queue, cost), "model-1", load(), 8, False, lambda: None)

    return HybridSummarizer(storage, make, **more)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("get_realtime_summary", "messages running_summary=None max_bullets=6 max_chars=600 per_line_max=120"),
        (
            "queue_session_summary",
            "session_id user_id messages max_bullets=8 max_chars=800 temperature=0.3 priority=0",
        ),
        ("get_session_summary", "session_id"),
        ("get_stats", ""),
        ("shutdown", ""),
    ],
)
def test_signatures_that_applications_call(name: str, signature: str) -> None:
    parameters = list(inspect.signature(getattr(HybridSummarizer, name)).parameters.values())[1:]
    shown = [each.name if each.default is each.empty else f"{each.name}={each.default!r}" for each in parameters]
    assert " ".join(shown) == signature


def test_the_rule_summary_is_there_at_once_and_the_models_later(hybrid: Hybrid, paid: Path) -> None:
    assert hybrid.queue_session_summary("s-1", "u-1", talk()) is True
    first = hybrid.get_session_summary("s-1")
    assert first is not None
    assert "환불" in first
    assert asyncio.run(hybrid.wait("s-1", timeout=20))
    assert hybrid.get_session_summary("s-1") == "- 환불 번호 1번을 요청합니다."
    assert hybrid.get_session_summary("nobody") is None
    stats = hybrid.get_stats()
    assert stats["storage"]["llm_summaries"] == 1
    del stats["storage"]
    assert stats == {
        "initialized": True,
        "realtime_summaries": 0,
        "session_summaries_queued": 1,
        "session_summaries_completed": 1,
        "session_summaries_failed": 0,
        "queue_size": 0,
        "success_rate": 1.0,
    }


def test_the_session_itself_is_kept_and_made_inert(hybrid: Hybrid, storage: SessionSummaryStorage) -> None:
    said = [
        Message("user", "환불 \x1b[31m요청"),
        {"speaker": "상담원", "content": "네"},
        {"role": "tool", "content": None},
    ]
    assert hybrid.queue_session_summary("s-\x1b1", "u", said)
    asyncio.run(hybrid.wait("s-1", timeout=20))
    (record,) = storage.list_recent()
    assert record.session_id == "s-1"
    assert [message.content for message in messages_of(storage, "s-1")] == ["환불 요청", "네"]
    assert record.metadata["source"]["name"] == "application"


def test_within_a_running_event_loop(hybrid: Hybrid) -> None:
    async def application() -> bool:
        hybrid.queue_session_summary("s-1", "u-1", talk())
        return await hybrid.wait("s-1", timeout=20)

    assert asyncio.run(application())


def test_growth_is_paid_once_however_many_messages(storage: SessionSummaryStorage, paid: Path) -> None:
    hybrid = hybrid_over(storage, CountingModel(paid), settle_s=1.0)
    for turns in range(2, 22, 2):
        assert hybrid.queue_session_summary("s-1", "u-1", talk(turns=turns))
        time.sleep(0.05)

    def is_up_to_date() -> bool:
        record = storage.load("s-1")
        return record is not None and record.summary_type == "llm" and record.message_count == 20

    wait_until(is_up_to_date)
    hybrid.close()
    assert sum(payments(paid).values()) <= 2, "once when it was new, once when it had grown"


def test_fewer_messages_than_before_count_too(storage: SessionSummaryStorage, paid: Path) -> None:
    hybrid = hybrid_over(storage, CountingModel(paid), settle_s=0)
    hybrid.queue_session_summary("s-1", "u-1", talk(turns=6))
    asyncio.run(hybrid.wait("s-1", timeout=20))
    hybrid.queue_session_summary("s-1", "u-1", talk(number=2, turns=2))
    assert asyncio.run(hybrid.wait("s-1", timeout=20))
    hybrid.close()
    assert hybrid.get_session_summary("s-1") == "- 환불 번호 2번을 요청합니다."


def test_shutdown_keeps_what_is_not_done_and_the_next_one_does_it(storage: SessionSummaryStorage, paid: Path) -> None:
    slow = hybrid_over(storage, CountingModel(paid, latency_s=0.3))
    for number in range(40):
        slow.queue_session_summary(f"s-{number}", "u", talk(number))
    time.sleep(0.6)
    asyncio.run(slow.shutdown())
    done = storage.get_stats()["llm_summaries"]
    assert done == sum(payments(paid).values())
    with pytest.raises(UsageError, match="shut down"):
        slow.queue_session_summary("s", "u", talk())
    other = hybrid_over(storage, CountingModel(paid))
    other.start()
    wait_until(lambda: storage.get_stats()["llm_summaries"] >= 40)
    other.close()
    assert set(payments(paid).values()) == {1}


def test_without_a_key_the_rule_half_works_and_says_once_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in list(os.environ):
        if name.startswith(("ION_SUMMARY_", "XDG_", "GOOGLE_", "GEMINI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING, "ion_summary"):
        storage = SessionSummaryStorage(tmp_path / "store")
        hybrid = get_hybrid_summarizer(storage)
        for number in range(3):
            assert hybrid.queue_session_summary(f"s-{number}", "u", talk(number))
        assert asyncio.run(hybrid.wait("s-2", timeout=10)) is False
        assert "환불" in (hybrid.get_session_summary("s-2") or "")
        hybrid.close()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "GOOGLE_API_KEY" in said[0]
    assert hybrid.get_stats()["storage"]["total_sessions"] == 3
    assert hybrid.get_stats()["queue_size"] == 3
    storage.close()


def test_realtime_summaries_are_the_rules(hybrid: Hybrid) -> None:
    summary = hybrid.get_realtime_summary(talk())
    assert "환불" in summary
    assert hybrid.get_stats()["realtime_summaries"] == 1


def test_what_is_no_session_is_refused(hybrid: Hybrid) -> None:
    assert hybrid.queue_session_summary("s", "u", []) is False
    with pytest.raises(UsageError):
        hybrid.queue_session_summary(5, "u", talk())  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        hybrid.queue_session_summary("s", "u", ["text"])  # type: ignore[list-item]
    with pytest.raises(UsageError):
        hybrid.queue_session_summary("s", "u", [{"role": "user", "content": "\ud800"}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bullets": 0},
        {"max_bullets": 2**63},
        {"max_chars": -5},
        {"max_chars": None},
        {"temperature": float("nan")},
        {"temperature": "hot"},
        {"temperature": 2.1},
        {"priority": None},
        {"priority": 2**63},
        {"session_id": "x" * 2_000},
        {"user_id": "x" * 2_000},
        {"messages": [{"content": "환불"}]},
        {"messages": [{"role": 3, "content": "환불"}]},
    ],
)
def test_what_could_never_be_stored_is_refused(hybrid: Hybrid, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        hybrid.queue_session_summary(**{"session_id": "s", "user_id": "u", "messages": talk(), **wrong})
    assert hybrid.queue_session_summary("s", "u", talk())


def test_where_nothing_was_said_nothing_is_queued(hybrid: Hybrid) -> None:
    for nothing in ({"content": ""}, {"content": " \n"}, {"content": None}, {}):
        assert hybrid.queue_session_summary("s", "u", [{"role": "user", **nothing}]) is False
    assert hybrid.queue_session_summary("s", "u", [{"role": "assistant", "content": None}, *talk()])


@pytest.mark.parametrize("wrong", [{"max_bullets": 0}, {"max_chars": None}, {"messages": [{"content": {"a": 1}}]}])
def test_a_session_that_cannot_be_stored_is_in_nobodys_way(
    storage: SessionSummaryStorage, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any]
) -> None:
    """As another version may have left it in the spool."""
    good = {"user_id": "u", "messages": talk(), "queued_ms": 1, "max_bullets": 8, "max_chars": 800}
    good |= {"temperature": 0.3, "priority": 0}
    spool = Spool(storage.path)
    for number, more in enumerate(({}, wrong, {})):
        spool.put(orjson.dumps({**good, "session_id": f"s-{number}", **more}))
    spool.close()
    hybrid = HybridSummarizer(storage)
    hybrid.start()
    hybrid.close()
    assert sorted(one.session_id for one in storage.list_recent(10)) == ["s-0", "s-2"]
    assert "session s-1 goes to quarantine" in caplog.text
    assert "환불" not in caplog.text
    (kept,) = entries(storage.path)
    assert orjson.loads(kept.data)["session_id"] == "s-1"
    assert not list((storage.path / "spool").iterdir())


def test_it_ends_though_somebody_else_is_writing(tmp_path: Path, paid: Path) -> None:
    with SessionSummaryStorage(tmp_path / "store", lock_timeout=0.2) as storage:
        hybrid = hybrid_over(storage, CountingModel(paid, latency_s=1.0))
        hybrid.queue_session_summary("s-1", "u", talk())
        wait_until(lambda: payments(paid))
        with SessionSummaryStorage(storage.path) as other, other.writing():
            ending = threading.Thread(target=hybrid.close)
            ending.start()
            ending.join(30)
            assert not ending.is_alive(), "it waits for ever"
        another = hybrid_over(storage, CountingModel(paid))
        another.start()
        assert asyncio.run(another.wait("s-1", timeout=30))
        another.close()
    assert len(payments(paid)) == 1


def test_an_answer_that_a_full_disk_does_not_take_is_asked_for_again(
    storage: SessionSummaryStorage, paid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, full = Ledger.answered, [True]

    def keep(*given: Any) -> None:
        if full:
            full.clear()
            raise StoreNotWritableError(path="jobs.sqlite", reason="database or disk is full")
        answered(*given)

    monkeypatch.setattr(Ledger, "answered", keep)
    hybrid = hybrid_over(storage, CountingModel(paid))
    hybrid.queue_session_summary("s-1", "u", talk())
    assert asyncio.run(hybrid.wait("s-1", timeout=30))
    hybrid.close()
    assert counting.counts(storage.path).lost == 1


def test_threads_share_it(hybrid: Hybrid, storage: SessionSummaryStorage, paid: Path) -> None:
    def application(name: str) -> None:
        for number in range(50):
            assert hybrid.queue_session_summary(f"{name}-{number}", name, talk(number))

    threads = [threading.Thread(target=application, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: storage.get_stats()["llm_summaries"] >= 200)
    assert len(payments(paid)) == 50
    assert set(payments(paid).values()) == {1}


def test_whoever_is_about_to_queue_while_it_shuts_down_is_refused(
    storage: SessionSummaryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hybrid, shut, put = HybridSummarizer(storage), threading.Event(), Storing.put
    hybrid.queue_session_summary("s-0", "u", talk())
    outcomes = list[object]()

    def put_late(self: Storing, session: str, item: bytes) -> None:
        shut.wait()
        put(self, session, item)

    def application() -> None:
        try:
            outcomes.append(hybrid.queue_session_summary("s-1", "u", talk()))
        except UsageError as error:
            outcomes.append(error.message)

    monkeypatch.setattr(Storing, "put", put_late)
    thread = threading.Thread(target=application)
    thread.start()
    time.sleep(0.1)
    hybrid.close()
    shut.set()
    thread.join()
    assert outcomes == ["it has been shut down"]
    assert not any(Path(storage.path, "spool").glob("*"))
    assert storage.load("s-0") is not None


APPLICATION = """
import sys, time
from ion_summary import HybridSummarizer, SessionSummaryStorage
hybrid = HybridSummarizer(SessionSummaryStorage(sys.argv[1]))
number = 0
while True:
    hybrid.queue_session_summary(f"s-{number}", "u", [{"role": "user", "content": f"환불 {number} Refund"}] * 3)
    sys.stdout.write(f"s-{number}\\n")
    sys.stdout.flush()
    number += 1
    if number % 20 == 0:  # bursts: what is queued must be stored afterwards, by a test that waits for it
        time.sleep(0.02)
"""


@pytest.mark.parametrize("after", [1, 40, 300, pytest.param(4_000, marks=pytest.mark.sweep)])
def test_what_was_queued_survives_kill(storage: SessionSummaryStorage, after: int) -> None:
    command = [sys.executable, "-c", APPLICATION, str(storage.path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert child.stdout is not None
    first = b"".join(child.stdout.readline() for _ in range(after))
    child.send_signal(signal.SIGKILL)
    queued = (first + child.stdout.read()).decode().splitlines()
    child.stdout.close()
    child.wait()
    whole = queued if queued[-1].endswith(queued[-1].split("-")[-1]) else queued[:-1]
    hybrid = HybridSummarizer(storage)
    # Who asks first of all is told, whether the dead process had stored it or not.
    for number in {0, len(whole) // 2, len(whole) - 1}:
        assert f"환불 {number} Refund" in (hybrid.get_session_summary(f"s-{number}") or ""), number
    hybrid.start()
    wait_until(lambda: storage.get_stats()["total_sessions"] >= len(whole))
    hybrid.close()
    assert not list((storage.path / "spool").iterdir())
    assert {f"s-{number}" for number in range(len(whole) - 1)} <= {one.session_id for one in storage.list_recent(10**6)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_has_died(storage: SessionSummaryStorage) -> None:
    def broken(_: Queue) -> Llm:
        raise ModuleNotFoundError("of a half installed package")

    hybrid = HybridSummarizer(storage, broken)
    hybrid.queue_session_summary("s-1", "u", talk())
    begun = time.monotonic()
    assert asyncio.run(hybrid.wait("s-1", timeout=60)) is False
    assert time.monotonic() - begun < 50, "it was told, and did not wait in vain"
    hybrid.close()


def test_a_queue_that_cannot_be_opened_yet_is_opened_later(storage: SessionSummaryStorage, paid: Path) -> None:
    in_the_way = storage.path / "jobs.sqlite"
    in_the_way.mkdir(parents=True)
    hybrid = hybrid_over(storage, CountingModel(paid))
    hybrid.queue_session_summary("s-1", "u", talk())
    time.sleep(0.3)
    in_the_way.rmdir()
    assert asyncio.run(hybrid.wait("s-1", timeout=30))
    hybrid.close()


def test_with_the_real_client_and_the_settings_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("ION_SUMMARY_", "XDG_", "GOOGLE_", "GEMINI_")):
            monkeypatch.delenv(name)
    with FakeGemini() as fake:
        for name, value in (
            ("HOME", str(tmp_path)),
            ("ION_SUMMARY_STORE", str(tmp_path / "store")),
            ("GEMINI_API_KEY", "canary"),
            ("GOOGLE_GEMINI_BASE_URL", fake.url),
        ):
            monkeypatch.setenv(name, value)
        hybrid = get_hybrid_summarizer()
        hybrid.queue_session_summary("s-1", "u-1", talk())
        assert asyncio.run(hybrid.wait("s-1", timeout=30))
        asyncio.run(hybrid.shutdown())
        assert fake.state.keys == {"canary"}
        assert sum(fake.state.paid.values()) == 1
    stats = hybrid.get_stats()
    assert stats["storage"]["storage_path"] == str(tmp_path / "store")
    assert stats["storage"]["llm_summaries"] == 1


def test_what_is_forgotten_while_it_is_queued_stays_out(storage: SessionSummaryStorage) -> None:
    hybrid = HybridSummarizer(storage)
    hybrid.queue_session_summary("s-1", "canary", talk())
    hybrid.queue_session_summary("s-2", "u-2", talk())
    tombstones = [forget_fields(mark_of("user", "canary", b"0" * 16))]
    with storage.writing():
        append(storage.path, tombstones)
    forget(storage.path, [], users=["canary"])
    wait_until(lambda: storage.load("s-2") is not None)
    hybrid.close()
    assert storage.load("s-1") is None
    with Queue(storage.path) as queue:
        assert queue.job("s-1") is None
    assert all(b"canary" not in path.read_bytes() for path in storage.path.rglob("*") if path.is_file())
