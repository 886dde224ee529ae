"""Everything at once on one store, from several processes: no error, no wrong answer, and each backup a moment's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path

import pytest

from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.fake_gemini import FakeGemini
from tests.faults.tracing import ROOT, ion_summary, run
from tests.store import oracle

STABLE = 30
LOCK = ("--lock-timeout", "60")

# Until told to stop: the command lines given, one after the other; says what went wrong, and how often it ran.
REPEAT = """
import json, select, subprocess, sys
commands, ran = json.loads(sys.argv[1]), 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for command in commands:
        done = subprocess.run([word.replace("{n}", str(ran)) for word in command], capture_output=True, text=True)
        if done.returncode or "rror" in done.stderr:
            print(command, done.returncode, done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        ran += 1
print(ran)
"""
# A file of sessions that nobody has seen before: what they say has the number of the round.
WRITE = """
import json, sys, time
path, number = sys.argv[1], int(sys.argv[2])
with open(path, "w") as file:
    for one in range(8):
        said = {"user": f"교환 {number} {one}", "assistant": f"Exchange {number} {one} is done."}
        messages = [dict(role=role, content=text, timestamp=time.time() - 60) for role, text in said.items()]
        print(json.dumps(dict(session_id=f"new-{number}-{one}", user_id=f"person-{one}", messages=messages)), file=file)
"""
# Saves sessions of its own, and looks each time whether those that nobody touches are all there.
ASK = """
import select, sys
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=60)
stable = sorted(f"stable-{number}" for number in range(int(sys.argv[2])))
asked = 0
def check(what, found):
    if found != stable:
        print("wrong", what, len(found), sorted(set(stable) ^ set(found))[:5], file=sys.stderr)
while not select.select([sys.stdin], [], [], 0)[0]:
    storage.save(f"saved-{asked % 50}", "saver", f"- 교환 {asked}")
    check("text", sorted(one.session_id for one in storage.search(query_text="환불안내", limit=1000)))
    check("user", sorted(one.session_id for one in storage.search(user_id="stable", limit=1000)))
    if not storage.messages(stable[asked % len(stable)]):
        print("no messages", stable[asked % len(stable)], file=sys.stderr)
    if storage.damage:
        print("damage", storage.damage[:1], file=sys.stderr)
        storage.damage.clear()
    asked += 1
print(asked)
storage.close()
"""


def _start(code: str, *words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-W", "error", "-c", code, *words]
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _repeat(*commands: Sequence[object]) -> subprocess.Popen[str]:
    import json

    return _start(REPEAT, json.dumps([[str(word) for word in command] for command in commands]))


def _inbox(place: Path) -> Path:
    """Sessions that come again and again: of people who are forgotten, of days that are pruned, and growing ones."""
    path = place / "in"
    path.mkdir()
    for turns in range(1, 5):
        some = [
            session(
                number % 9,
                *[f"교환 문의 {number}"] * turns,
                session_id=f"churn-{number}",
                user_id=f"person-{number % 7}",
            )
            for number in range(40)
        ]
        (path / f"{turns}.jsonl").write_bytes(lines(*some))
    return path


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGemini]:
    """A server that answers in a moment, and an environment in which workers ask it."""
    monkeypatch.setenv("GEMINI_API_KEY", "x")
    with FakeGemini(latency_s=0.1) as fake:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", fake.url)
        yield fake


@pytest.mark.parametrize("seconds", [10, pytest.param(240, marks=pytest.mark.sweep)])
def test_everything_together(tmp_path: Path, gemini: FakeGemini, seconds: int, figure: Callable[[str], None]) -> None:
    store, inbox = tmp_path / "store", _inbox(tmp_path)
    stable = tmp_path / "stable.jsonl"
    recent = [
        session(0, f"환불안내 {number}", "네", session_id=f"stable-{number}", user_id="stable")
        for number in range(STABLE)
    ]
    for number, one in enumerate(recent):  # of this month: they do not expire
        for turn, message in enumerate(one["messages"]):
            stamp = time.time() - 86_400 * (number % 5) - 3_600 + turn
            message["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamp))
    stable.write_bytes(lines(*recent))
    assert run(ion_summary("ingest", stable, "--store", store)).status == 0
    where = ("--store", store, *LOCK)
    backups = tmp_path / "backups"
    working = [
        _repeat(
            [sys.executable, "-c", WRITE, inbox / "new.jsonl", "{n}"],
            ion_summary("ingest", inbox, "--llm", "--source", "round-{n}", *where),
            ion_summary("stats", "--store", store),
        ),
        _repeat(ion_summary("worker", "--concurrency", 4, *where)),
        _repeat(
            ion_summary("prune", "--older-than", "60d", "--user", "person-1", "--force", "--yes", *where),
            ion_summary("prune", "--older-than", "60d", "--force", "--yes", *where),
            ion_summary("reindex", "--compact", "--workers", 1, *where),
        ),
        _repeat(
            ion_summary("forget", "--user", "person-2", "--yes", *where), ion_summary("verify", "--repair", *where)
        ),
        _repeat(ion_summary("backup", backups, "--keep", 4, *where)),
        _start(ASK, str(store), str(STABLE)),
    ]
    time.sleep(seconds)
    said = [each.communicate("stop\n", 300) for each in working]
    assert not any(errors for _, errors in said), "\n".join(errors for _, errors in said)
    rounds = [int(out) for out, _ in said]
    assert min(rounds) > 0
    assert gemini.state.calls > 0
    with SessionSummaryStorage(store, tz=UTC) as storage:
        there = {one.session_id for one in storage.list_recent(100_000)}
        assert there == set(oracle.scan(store))
        assert there >= {f"stable-{number}" for number in range(STABLE)}
        assert not {one.user_id for one in storage.list_recent(100_000)} & {"person-2"}
        assert verify(storage, Silent()).findings == []
    archives = sorted(backups.glob("*.tar.*"))
    assert archives
    for number, archive in enumerate(archives):
        done = run(ion_summary("restore", archive, "--to", tmp_path / f"restored-{number}", "--yes"))
        assert done.status == 0, done
        restored = set(oracle.scan(tmp_path / f"restored-{number}"))
        assert restored >= {f"stable-{number}" for number in range(STABLE)}
        assert run(ion_summary("verify", "--store", tmp_path / f"restored-{number}")).status == 0
    names = ("ingest and stats", "worker", "prune and compact", "forget and repair", "backup", "save and search")
    counted = ", ".join(f"{count} {name}" for name, count in zip(names, rounds, strict=True))
    counted += f", {gemini.state.calls} calls of Gemini"
    figure(f"together for {seconds} s: {counted}; 0 errors, 0 wrong answers, {len(archives)} backups restored")
