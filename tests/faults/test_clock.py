"""The clock is set back, and ahead, between commands and while one runs: nothing is lost, nothing old comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from ion_summary.errors import RefusedError
from tests.conftest import files_of, lines, session
from tests.fake_gemini import FakeGemini
from tests.faults.test_kill_worker import check, filled
from tests.faults.tracing import Ended, ion_summary, run

pytestmark = pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")

CLOCKS = ("+0d", "-400d", "+400d", "-1d", "+0d")


def at(clock: str, *words: object) -> Ended:
    """A command on a machine whose clock is off by so much."""
    return run(["faketime", "-f", clock, *ion_summary(*words)])


def growing(path: Path, turns: int) -> None:
    path.write_bytes(lines(session(0, *[f"{turn}번째 환불" for turn in range(turns)], session_id="grows")))


def test_what_came_last_counts_whatever_the_clock_says(tmp_path: Path) -> None:
    store, source = tmp_path / "store", tmp_path / "in.jsonl"
    for turns, clock in enumerate(CLOCKS, 1):
        growing(source, turns)
        assert at(clock, "ingest", source, "--store", store).status == 0
        again = at(clock, "ingest", source, "--store", store, "--json")
        assert orjson.loads(again.stdout)["files"]["unchanged"] == 1, again
        found = orjson.loads(at(clock, "search", f"{turns - 1}번째", "--store", store, "--json").stdout)
        assert (found["total"], found["hits"][0]["message_count"]) == (1, turns)
        assert at(clock, "verify", "--store", store).status == 0
    shutil.rmtree(store / "index")
    found = orjson.loads(at("-400d", "search", "--store", store, "--json").stdout)
    assert [hit["message_count"] for hit in found["hits"]] == [len(CLOCKS)]


@pytest.mark.parametrize("clock", ["-4000d", "+4000d"])
def test_a_prune_is_refused_by_a_clock_that_is_wrong(tmp_path: Path, clock: str) -> None:
    store, source = tmp_path / "store", tmp_path / "in.jsonl"
    source.write_bytes(lines(*map(session, range(10))))
    assert at("+0d", "ingest", source, "--store", store).status == 0
    before = files_of(store)
    assert at(clock, "prune", "--older-than", "90d", "--yes", "--store", store).status == RefusedError.exit_code
    after = files_of(store)
    assert {name: data for name, data in after.items() if name.endswith("l")} == {
        name: data for name, data in before.items() if name.endswith("l")
    }


@pytest.mark.sweep
def test_a_backup_is_kept_whatever_the_clock_says(tmp_path: Path) -> None:
    store, source, backups = tmp_path / "store", tmp_path / "in.jsonl", tmp_path / "backups"
    for turns, clock in enumerate(CLOCKS, 1):
        growing(source, turns)
        assert at(clock, "ingest", source, "--store", store).status == 0
        done = at(clock, "backup", backups, "--keep", "1", "--store", store, "--json")
        assert done.status == 0, done
        archive = Path(orjson.loads(done.stdout)["archive"])
        assert at(clock, "restore", archive, "--to", tmp_path / f"restored-{turns}", "--yes").status == 0
        found = orjson.loads(at(clock, "search", "--store", tmp_path / f"restored-{turns}", "--json").stdout)
        assert [hit["message_count"] for hit in found["hits"]] == [turns]


# A sleep until a moment is refused (EINVAL) by libfaketime if the clock is stepped as it begins; no kernel does that.
SLEEP = """
import select, sys, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
WORK = f"""{SLEEP}
from ion_summary.__main__ import main
main()
"""
SAVE = f"""{SLEEP}
from ion_summary.store.storage import SessionSummaryStorage
with SessionSummaryStorage(sys.argv[1]) as storage:
    for number in range(int(sys.argv[2])):
        storage.save("live", "u", "- 환불 %d" % number)
        storage.save("s-%d" % number, "u", "- 환불 %d" % number)
        assert storage.load("live").summary == "- 환불 %d" % number, number
        print(number, flush=True)
"""


def _stepping(place: Path) -> tuple[dict[str, str], Callable[[str], None]]:
    """An environment in which the clock is read off a file, and how it is set."""
    rc = place / "clock"
    set_clock = rc.write_text
    set_clock("+0")
    found = subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, text=True, check=True).stdout
    preload = next(line for line in found.splitlines() if line.startswith("LD_PRELOAD="))
    given = {"FAKETIME_TIMESTAMP_FILE": str(rc), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return os.environ | given | {"LD_PRELOAD": preload.partition("=")[2], "HOME": str(place)}, set_clock


def test_steps_while_an_application_saves(tmp_path: Path) -> None:
    environment, set_clock = _stepping(tmp_path)
    command = [sys.executable, "-c", SAVE, str(tmp_path / "store"), "60"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        for number, _ in enumerate(child.stdout):
            set_clock(("-3600", "+86400", "-86400", "+0")[number % 4])
    assert child.returncode == 0
    found = orjson.loads(run(ion_summary("search", "--limit", 100, "--store", tmp_path / "store", "--json")).stdout)
    assert found["total"] == 61
    days = {hit["created_at"][:10] for hit in found["hits"]}
    assert len(days) >= 3, "the clock was not stepped"
    assert run(ion_summary("verify", "--store", tmp_path / "store")).status == 0


@pytest.mark.sweep
def test_steps_while_a_worker_asks(tmp_path: Path) -> None:
    environment, set_clock = _stepping(tmp_path)
    with FakeGemini(latency_s=0.1) as fake:
        store = filled(tmp_path, 60)
        environment |= {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": fake.url}
        words = ("worker", "--store", str(store), "--concurrency", "2", "--rpm", "6000", "-q")
        command = [sys.executable, "-c", WORK, *words]
        workers = [subprocess.Popen(command, env=environment) for _ in range(2)]
        deadline, number = time.monotonic() + 120, 0
        while any(worker.poll() is None for worker in workers):
            assert time.monotonic() < deadline
            set_clock(("-7200", "+86400", "+0")[number % 3])
            number += 1
            time.sleep(0.2)
        assert [worker.returncode for worker in workers] == [0, 0]
        assert check(store, fake, 60) == 0
