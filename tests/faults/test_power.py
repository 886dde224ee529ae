"""The power goes at some moment: what was acknowledged is there afterwards, and the next run goes on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import pytest

from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.faults import maintenance, scenes
from tests.faults.disks import PowerDisk
from tests.faults.tracing import ROOT, Ended
from tests.store import oracle

# Saves, grows and forgets, and says so each time.
CHURN = """
import sys
from ion_summary.operations.forget import Forgotten, forget
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=10)
for number in range(100_000):
    name = f"{sys.argv[2]}-{number}"
    storage.save(name, f"user {number}", f"- 환불 {number}")
    print("saved", name, flush=True)
    if number % 40 == 39:
        forget(storage, Forgotten(session=name))
        print("forgot", name, flush=True)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[PowerDisk]:
    made = PowerDisk(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("cuts", [2, pytest.param(60, marks=pytest.mark.sweep)])
def test_what_was_acknowledged_survives(disk: PowerDisk, cuts: int, figure: Callable[[str], None]) -> None:
    dice = random.Random(5)
    store = disk.place / "store"
    there, gone = set[str](), set[str]()
    for cut in range(cuts):
        command = [sys.executable, "-c", CHURN, str(store), str(cut)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout
        wanted = dice.randrange(1, 90)
        said = []
        while len(said) < wanted and (line := child.stdout.readline()):
            said.append(line.split())
        time.sleep(dice.random() * 0.01)
        disk.cut()
        child.send_signal(signal.SIGKILL)
        said += [line.split() for line in child.stdout.read().splitlines()]
        child.communicate()
        disk.back()
        there |= {name for what, name in said if what == "saved"}
        gone |= {name for what, name in said if what == "forgot"}
        with SessionSummaryStorage(store, lock_timeout=10, tz=UTC) as storage:
            with storage.writing():
                pass
            found = {one.session_id for one in storage.list_recent(100_000)}
            # The last thing that was not said may have been done.
            lost = there - gone - found
            assert len(lost) <= 1 and all(int(name.split("-")[1]) % 40 == 39 for name in lost), lost
            there -= lost
            assert not found & gone
            assert found == set(oracle.scan(store))
            assert verify(storage, Silent()).findings == []
    figure(f"power: {cuts} cuts, {len(there)} acknowledged saves and {len(gone)} erasures, 0 lost")
    assert len(there) > cuts


def test_without_syncs_a_cut_loses_what_was_acknowledged(disk: PowerDisk) -> None:
    code = "import os\nos.fsync = os.fdatasync = lambda descriptor: None\n" + CHURN
    command = [sys.executable, "-c", code, str(disk.place / "store"), "0"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout
    said = [child.stdout.readline() for _ in range(30)]
    disk.cut()
    child.kill()
    child.communicate()
    disk.back()
    assert all(said)
    assert len(oracle.scan(disk.place / "store")) < 30


@pytest.mark.parametrize("cuts", [1, pytest.param(12, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("name", ["growing", "reindexing", "pruning", "forgetting", "compacting"])
def test_the_next_run_goes_on(
    disk: PowerDisk, tmp_path: Path, name: str, cuts: int, figure: Callable[[str], None]
) -> None:
    place = disk.place / "scene"
    place.mkdir()
    scene = (scenes.SCENES | maintenance.SCENES)[name](place)
    scene.reset()
    begun = time.monotonic()
    subprocess.run(scene.command, cwd=ROOT, env=os.environ | {"ION_SUMMARY_TZ": "UTC"}, check=True, capture_output=True)
    took = time.monotonic() - begun
    for cut in range(cuts):
        scene.reset()
        os.sync()
        child = subprocess.Popen(
            scene.command, cwd=ROOT, env=os.environ | {"ION_SUMMARY_TZ": "UTC"}, stdout=subprocess.PIPE, text=True
        )
        # The first half is Python's start.
        time.sleep(took * (0.5 + 0.5 * (cut + 0.5) / cuts))
        disk.cut()
        child.kill()
        child.communicate()
        disk.back()
        scene.after(Ended(child.returncode, "", ""))
    shutil.rmtree(place)
    figure(f"power: {name}, {cuts} cuts at its moments, the next run completes")
