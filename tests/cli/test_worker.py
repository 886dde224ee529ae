"""The commands that ask the model, with the real client, against a server that speaks Gemini's protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import on_terminal, process, without_styles
from tests.fake_gemini import FakeGemini
from tests.waiting import wait_until

KEY = "AIza-canary-key"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        yield server


def report(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def test_pending_upgrades_every_session(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    done = run("summarize", "--pending", "--json")
    assert done.exit_code == 0, done.stderr
    found = report(done)
    assert (found["done"], found["failed"], found["skipped"], found["failures"]) == (3, 0, 0, [])
    assert found["tokens"]["input"] > 100
    assert 0 < found["cost_usd"] < 0.01
    assert fake.state.keys == {KEY}
    stats = report(run("stats", "--json"))
    assert (stats["llm_summaries"], stats["rule_based_summaries"], stats["pending_jobs"]) == (3, 0, 0)
    assert stats["cost_usd"] == stats["cost_today_usd"] == found["cost_usd"]
    record = report(run("show", "s-1", "--json"))
    assert record["summary_type"] == "llm"
    assert record["metadata"]["model"] == "gemini-2.5-flash-lite"
    assert record["metadata"]["evidence"][0] == [1]
    by_user = {group["key"]: group["cost_usd"] for group in report(run("stats", "--by", "user", "--json"))}
    assert sum(by_user.values()) == pytest.approx(found["cost_usd"], abs=1e-6)  # each is rounded
    assert report(run("summarize", "--pending", "--json"))["done"] == 0


def test_ingest_queues_and_worker_works_off(
    transcript: Path, tmp_path: Path, fake: FakeGemini, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "queued"))
    done = run("ingest", transcript, "--llm", "--json")
    assert report(done)["queued"] == 3
    assert "ion-summary worker" in done.stderr
    assert fake.state.calls == 0
    assert report(run("stats", "--json"))["pending_jobs"] == 3
    assert report(run("worker", "--limit", "1", "--json"))["done"] == 1
    assert report(run("worker", "--json"))["done"] == 2
    assert sum(fake.state.paid.values()) == 3


def test_ingest_says_what_it_does_not_queue_because_it_was_stored_before(
    transcript: Path, tmp_path: Path, fake: FakeGemini, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "before"))
    assert "pending" not in run("ingest", transcript).stderr
    done = run("ingest", transcript, "--llm", "--json")
    assert (report(done)["queued"], report(done)["unqueued"]) == (0, 3)
    assert "3 sessions stored before have no LLM summary" in done.stderr
    assert "ion-summary summarize --pending" in done.stderr
    # What waits already, or has its summary, is not meant.
    assert report(run("summarize", "--pending", "--limit", "1", "--json"))["done"] == 1
    assert report(run("ingest", transcript, "--llm", "--json"))["unqueued"] == 2
    assert report(run("summarize", "--pending", "--json"))["done"] == 2
    done = run("ingest", transcript, "--llm", "--json")
    assert report(done)["unqueued"] == 0
    assert "pending" not in done.stderr


def test_files_are_summarized_without_being_stored(
    transcript: Path, tmp_path: Path, fake: FakeGemini, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "none"))
    found = report(run("summarize", transcript, "--llm", "--json"))
    assert [record["summary_type"] for record in found] == ["llm"] * 3
    assert [record["session_id"] for record in found] == ["s-1", "s-2", "=1+1"]
    assert not (tmp_path / "none").exists()
    fake.when("parcel", "safety")
    done = run("summarize", transcript, "--llm", "--json")
    assert done.exit_code == 3
    assert [record["summary_type"] for record in report(done)] == ["llm", "rule_based", "llm"]
    assert report(done)[1]["metadata"]["llm_error"]["retried"] is False
    assert "s-2: " in done.stderr and "SAFETY" in done.stderr


def test_what_fails_is_named_and_ends_with_3(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    fake.when("parcel", "safety")
    done = run("summarize", "--pending", "--json")
    assert done.exit_code == 3
    found = report(done)
    assert (found["done"], found["failed"], found["fallback"]) == (2, 1, 1)
    assert found["failures"][0]["session_id"] == "s-2"
    stats = report(run("stats", "--json"))
    assert (stats["failed_summaries"], stats["rule_based_summaries"]) == (1, 1)
    assert stats["failures"] == [{"reason": found["failures"][0]["reason"], "sessions": 1}]
    assert f"failed: {found['failures'][0]['reason']}\t1" in run("stats").stdout
    assert "SAFETY" in without_styles(on_terminal("stats")[1])
    assert "SAFETY" in without_styles(on_terminal("show", "s-2")[1])
    assert report(run("summarize", "--pending", "--json"))["failed"] == 0, "it would be refused again"


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [("bad_key", 23, "provider_refused"), ("no_model", 23, "unknown_model"), ("rate_day", 21, "rate_limited")],
)
def test_what_ends_the_run_has_its_own_status(
    script: str, status: int, code: str, store: Path, fake: FakeGemini, run: Callable[..., Any]
) -> None:
    fake.when("", script)
    done = run("summarize", "--pending", "--json")
    assert done.exit_code == status
    assert orjson.loads(done.stderr.splitlines()[-1])["error"]["code"] == code
    assert report(done)["done"] == 0
    assert report(run("stats", "--json"))["pending_jobs"] == 3, "nothing is lost"


def test_a_budget_is_not_exceeded(store: Path, fake: FakeGemini, run: Callable[..., Any], tmp_path: Path) -> None:
    done = run("summarize", "--pending", "--max-cost", "0.000001", "--json")
    assert fake.state.calls == 0
    assert done.exit_code == 21
    assert orjson.loads(done.stderr.splitlines()[-1])["error"]["code"] == "over_budget"
    settings = tmp_path / "budget.toml"
    settings.write_text("budget_day = 0.0005\n")
    assert run("summarize", "--pending", "--config", settings).exit_code in (0, 3, 21)
    assert report(run("stats", "--json"))["cost_today_usd"] <= 0.0005


def test_what_waits_to_be_tried_again_is_told(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    fake.when("parcel", "malformed")
    done = run("summarize", "--pending")
    assert done.exit_code == 3
    assert "waiting\t1\n" in done.stdout and "1 to be tried again, the first in 30 s" in done.stderr
    again = run("worker", "--json")
    assert (again.exit_code, report(again)["done"], report(again)["waiting"]) == (0, 0, 1)
    assert "summarize --pending" in again.stderr


def test_what_was_too_dear_goes_on_with_more_money(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    done = run("summarize", "--pending", "--max-cost", "0.0003")
    assert done.exit_code == 21 and "of $0.0003 for this run" in done.stderr
    assert "3 left in the queue" in done.stderr
    assert report(run("stats", "--json"))["failed_summaries"] == 0
    assert report(run("worker", "--json"))["done"] == 3


@pytest.mark.parametrize("words", [["summarize", "--pending"], ["worker"], ["summarize", "FILE", "--llm"]])
def test_without_a_key_it_says_which_variables_are_read(
    words: list[str], store: Path, transcript: Path, run: Callable[..., Any]
) -> None:
    done = run(*(str(transcript) if word == "FILE" else word for word in words))
    assert done.exit_code == 20
    assert "GOOGLE_API_KEY" in done.stderr
    assert "GEMINI_API_KEY" in done.stderr


def test_without_a_key_ingest_works_and_says_once_what_is_missing(
    transcript: Path, tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "queued"))
    done = run("ingest", transcript, "--llm")
    assert done.exit_code == 0
    assert done.stderr.count("GOOGLE_API_KEY") == 1
    assert run("search", "환불").exit_code == 0


def test_estimates_need_no_key_and_change_nothing(store: Path, run: Callable[..., Any]) -> None:
    found = report(run("summarize", "--pending", "--dry-run", "--json"))
    assert found["sessions"] == 3
    assert found["cost_usd"]["batch"] == pytest.approx(found["cost_usd"]["online"] / 2, abs=1e-5)
    assert report(run("stats", "--json"))["pending_jobs"] == 0
    assert report(run("worker", "--dry-run", "--json"))["sessions"] == 0


def test_filters(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    assert report(run("summarize", "--pending", "--user", "민수", "--json"))["done"] == 1
    assert report(run("summarize", "--pending", "--since", "2026-02-01", "--json"))["done"] == 1
    assert report(run("summarize", "--pending", "--until", "2025-01-01", "--json"))["done"] == 0
    assert report(run("show", "s-1", "--json"))["summary_type"] == "rule_based"


@pytest.mark.parametrize(
    "words",
    [["summarize"], ["summarize", "FILE", "--pending"], ["summarize", "FILE", "--since", "today"]],
)
def test_contradictions_are_usage_errors(words: list[str], transcript: Path, run: Callable[..., Any]) -> None:
    assert run(*(str(transcript) if word == "FILE" else word for word in words)).exit_code == 2


def test_transcripts_are_needed(transcript: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    done = run("ingest", transcript, "--llm", "--no-transcripts", "--store", tmp_path / "s")
    assert done.exit_code == 2
    assert not (tmp_path / "s").exists()


def test_redacted_data_leave_the_machine_only_as_marks(
    tmp_path: Path, fake: FakeGemini, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "s"))
    said = ["제 번호는 010-1234-5678 이고 메일은 minsu@example.com 입니다.", "네, 010-1234-5678로 연락드리겠습니다."]
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), said, strict=True)]
    source = tmp_path / "in.jsonl"
    source.write_bytes(orjson.dumps({"session_id": "s-1", "messages": messages}))
    run("ingest", source, "--llm")
    assert report(run("worker", "--redact", "--json"))["done"] == 1
    sent = b"".join(fake.state.raw)
    assert b"1234-5678" not in sent
    assert b"minsu" not in sent
    queued = b"".join(path.read_bytes() for path in (tmp_path / "s").glob("jobs.sqlite*"))
    assert b"1234-5678" not in queued, "what is kept of an answer has marks as well"
    assert "010-1234-5678" in report(run("show", "s-1", "--json"))["summary"], "the store shows what it holds"

    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "redacted"))
    assert run("ingest", source, "--redact", "--llm").exit_code == 0
    assert report(run("worker", "--json"))["done"] == 1
    raw = b"".join(path.read_bytes() for path in (tmp_path / "redacted").rglob("*") if path.is_file())
    assert b"1234-5678" not in raw
    assert b"minsu" not in raw
    assert "[전화번호 1]" in report(run("show", "s-1", "--json"))["summary"]


def test_the_key_is_shown_nowhere(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    fake.when("parcel", "bad_request")
    outputs = [
        run("config", "show", "--json"),
        run("config", "show", "--format", "plain"),
        run("summarize", "--pending", "--debug"),
        run("worker", "--debug", "--rpm", "-1"),
        run("stats", "--json"),
    ]
    for done in outputs:
        assert KEY not in done.stdout + done.stderr
    assert "GEMINI_API_KEY" in outputs[0].stdout
    assert all(KEY.encode() not in path.read_bytes() for path in store.rglob("*") if path.is_file())


def test_the_first_variable_counts(
    store: Path, fake: FakeGemini, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "first")
    run("summarize", "--pending")
    assert fake.state.keys == {"first"}


def test_a_terminal_sees_what_was_done(store: Path, fake: FakeGemini) -> None:
    status, drawn = on_terminal("summarize", "--pending")
    assert status == 0
    assert "done" in without_styles(drawn)
    assert "$0.0" in without_styles(drawn)


def test_watch_waits_for_more_and_ends_in_good_order(
    store: Path, fake: FakeGemini, tmp_path: Path, run: Callable[..., Any]
) -> None:
    command = [sys.executable, "-m", "ion_summary", "worker", "--watch", "--json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
    try:
        more = tmp_path / "more.jsonl"
        messages = [{"role": "user", "content": "나중에 온 환불 요청입니다."}]
        more.write_bytes(orjson.dumps({"session_id": "later", "messages": messages}))
        wait_until(lambda: (store / "jobs.sqlite").exists())  # it watches
        assert run("ingest", more, "--llm").exit_code == 0
        wait_until(lambda: report(run("show", "later", "--json"))["summary_type"] == "llm")
        child.send_signal(signal.SIGTERM)
        told, errors = child.communicate(timeout=30)
        assert child.returncode == 130
        assert b"interrupted" in errors
        document = orjson.loads(told)
        assert document["done"] == 1 and document["cost_usd"] > 0  # what was paid is told all the same
    finally:
        child.kill()
        child.communicate()


def test_several_workers_share_a_store(store: Path, fake: FakeGemini, run: Callable[..., Any]) -> None:
    fake_latency = [
        subprocess.Popen([sys.executable, "-m", "ion_summary", "summarize", "--pending", "-q"]) for _ in "12"
    ]
    assert [child.wait(60) for child in fake_latency] == [0, 0]
    assert sum(fake.state.paid.values()) == 3
    assert process("verify").returncode == 0


@pytest.mark.parametrize("ending", ["expired", "partial", "partial_unknown"])
def test_of_a_batch_that_ended_early_only_what_is_missing_has_failed(
    ending: str, store: Path, fake: FakeGemini, run: Callable[..., Any]
) -> None:
    fake.batches.endings.append(ending)
    done = run("summarize", "--pending", "--mode", "batch", "--json")
    found = report(done)
    assert (done.exit_code, found["done"], found["failed"], found["fallback"]) == (3, 2, 1, 0)
    assert found["waiting"] == 1 and len(found["failures"]) == 1 and "batch" in found["failures"][0]["reason"]
    assert "to be tried again" in done.stderr and "summarize --pending" in done.stderr
    assert report(run("stats", "--json"))["llm_summaries"] == 2
    again = run("summarize", "--pending", "--mode", "batch", "--json")
    assert again.exit_code == 0 and report(again)["done"] == 1
    assert set(fake.state.paid.values()) == {1}


def test_a_model_without_quota_is_answered_with_billing_and_another_model(
    store: Path, fake: FakeGemini, run: Callable[..., Any]
) -> None:
    fake.script("rate_zero")
    done = run("summarize", "--pending", "--concurrency", "1")
    assert done.exit_code == 21 and "no quota for this model" in done.stderr
    assert "billing" in done.stderr and "--model" in done.stderr
    assert fake.state.calls == 1  # nobody asks again


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody listens, and no waiting between tries."""
    monkeypatch.setenv("ION_SUMMARY_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setattr("ion_summary.summarizers.llm.retrying._FIRST_DELAY_S", 0.001)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("mode", ["online", "batch"])
def test_a_provider_that_cannot_be_reached_fails_no_session(store: Path, run: Callable[..., Any], mode: str) -> None:
    done = run("summarize", "--pending", "--json", "--mode", mode)
    assert done.exit_code == 22, done.stderr
    found = report(done)
    # A batch that was put together stays one, and is sent by the next run.
    assert (found["failed"], found["failures"], found["left"]) == (0, [], 3 if mode == "online" else 0)
    stats = report(run("stats", "--json"))
    assert (stats["pending_jobs"], stats["failed_summaries"]) == (3, 0)


@pytest.mark.usefixtures("nobody")
def test_files_are_printed_by_rule_when_the_provider_cannot_be_reached(
    transcript: Path, run: Callable[..., Any]
) -> None:
    done = run("summarize", transcript, "--llm", "--json")
    assert done.exit_code == 22, done.stderr
    assert [each["summary_type"] for each in report(done)] == ["rule_based"] * 3
