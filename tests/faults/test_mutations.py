"""Torn writes, and the proof that these tests can fail: without a sync, the lock or the tail repair they do."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import lines, session
from tests.faults import maintenance
from tests.faults.scenes import SCENES
from tests.faults.tracing import CALLS, ROOT, require, run, trace
from tests.store import oracle

# Runs the command line with a part of the machine changed: what is named in the first argument.
DRIVER = """
import fcntl, json, os, signal, sys
from ion_summary.store import files, lock, quarantine

change, root = json.loads(sys.argv[1]), sys.argv[2]
real_write = os.write
written = 0

def torn(descriptor, data):
    # The n-th write to a file of the store ends after some of its bytes, and the process with it.
    global written
    if "/store/" in os.readlink(f"/proc/self/fd/{descriptor}"):
        written += 1
        if written == change["number"]:
            real_write(descriptor, bytes(data)[: int(len(data) * change["part"])])
            os.kill(os.getpid(), signal.SIGKILL)
    return real_write(descriptor, data)

def short(descriptor, data):
    return real_write(descriptor, bytes(data)[:7])

if change["what"] == "torn":
    os.write = torn
elif change["what"] == "short":
    os.write = short
elif change["what"] == "no sync":
    os.fdatasync = os.fsync = lambda descriptor: None
elif change["what"] == "no repair":
    quarantine.repair_tail = lambda root, file: None
elif change["what"] == "no lock":
    lock.fcntl.flock = lambda descriptor, how: None
from ion_summary.__main__ import main

sys.argv = ["ion-summary", *sys.argv[3:]]
sys.exit(main())
"""


def changed(what: dict[str, object], *words: object) -> list[str]:
    return [sys.executable, "-c", DRIVER, json.dumps(what), str(ROOT), *map(str, words)]


def ingest_words(place: Path) -> tuple[object, ...]:
    return "ingest", place / "in", "--store", place / "store", "--workers", 1, "--lock-timeout", 1


PARTS = (0.0, 0.001, 0.5, 0.999)


@pytest.mark.parametrize("name", ["fresh", "growing"])
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.sweep)])
def test_killed_in_the_middle_of_every_write(
    name: str, step: int, in_memory: Path, figure: Callable[[str], None]
) -> None:
    scene = SCENES[name](in_memory)
    torn = 0
    for number in range(1, 1_000, step):
        for part in PARTS if step == 1 else PARTS[2:3]:
            scene.reset()
            ended = run(changed({"what": "torn", "number": number, "part": part}, *ingest_words(in_memory)))
            torn += ended.status == -9
            scene.after(ended)
        if ended.status == 0:
            break
    assert torn >= 2
    if step == 1:
        figure(f"{name}: {torn} writes torn at {len(PARTS)} places each, 0 lost, 0 twice, 0 next runs blocked")


def test_short_writes_write_everything(in_memory: Path) -> None:
    scene = SCENES["growing"](in_memory)
    scene.reset()
    ended = run(changed({"what": "short"}, *ingest_words(in_memory)))
    assert ended.status == 0, ended
    scene.complete()
    scene.after(ended)


# -- what is synced, and when -----------------------------------------------------------------------------------------

_FD = re.compile(r"^(\d+)<([^>]*)>")
_PATHS = re.compile(r'"([^"]*)"')


def unsynced(calls: list[tuple[str, str]], store: Path) -> list[str]:
    """What a power cut could take of the partitions once the command has ended, by its system calls in order."""
    problems = []
    dirty: set[str] = set()
    unnamed: set[str] = set()
    there = {
        str(store / path.relative_to(store.parent / "start")) for path in (store.parent / "start").rglob("*.jsonl")
    }
    for name, rest in calls:
        if " = -1 " in rest:
            continue
        match = _FD.match(rest)
        path = match.group(2) if match else ""
        if name == "openat" and "O_CREAT" in rest and ".jsonl" in rest:
            made = _PATHS.findall(rest)[0]
            if made.startswith(str(store)) and made not in there:
                there.add(made)
                unnamed.add(str(Path(made).parent))
        elif name in ("write", "pwrite64") and ".jsonl" in path and path.startswith(str(store)):
            dirty.add(path)
        elif name in ("fdatasync", "fsync"):
            dirty.discard(path)
            unnamed.discard(path)
        elif name == "ftruncate" and ".jsonl" in path and path.startswith(str(store)):
            dirty.add(path)
        elif name in ("unlink", "rmdir") and (".jsonl" in rest or name == "rmdir") and str(store) in rest:
            gone = _PATHS.findall(rest)[0]
            unnamed.discard(gone)
            unnamed.add(str(Path(gone).parent))
        elif name == "mkdir" and str(store) in rest:
            unnamed.add(str(Path(_PATHS.findall(rest)[0]).parent))
        elif name.startswith("rename") and str(store) in rest:
            old, new = _PATHS.findall(rest)
            if old in dirty:
                problems.append(f"{new} is renamed before it is synced")
            unnamed.add(str(Path(new).parent))
    problems += [f"{path} is not synced" for path in sorted(dirty)]
    return problems + [f"the names in {path} are not synced" for path in sorted(unnamed)]


@pytest.mark.parametrize("name", ["fresh", "growing", "deleting", *maintenance.SCENES])
def test_all_that_is_stored_is_synced(name: str, in_memory: Path) -> None:
    require()
    scene = (SCENES | maintenance.SCENES)[name](in_memory)
    scene.reset()
    calls, _ = trace(scene.command, in_memory / "log", (*CALLS, "rmdir"))
    assert any(call == "fdatasync" for call, _ in calls)
    assert unsynced(calls, scene.store) == []


def test_without_syncs_that_test_fails(in_memory: Path) -> None:
    require()
    scene = SCENES["fresh"](in_memory)
    calls, _ = trace(changed({"what": "no sync"}, *ingest_words(in_memory)), in_memory / "log")
    problems = unsynced(calls, scene.store)
    assert any("is not synced" in problem for problem in problems)
    assert any("are not synced" in problem for problem in problems)


def test_without_tail_repair_a_torn_tail_swallows_a_session(in_memory: Path) -> None:
    scene = SCENES["growing"](in_memory)
    scene.reset()
    ended = run(changed({"what": "no repair"}, *ingest_words(in_memory)))
    with pytest.raises(AssertionError):
        scene.complete()
        scene.after(ended)


INPUT_SESSIONS = 40


def _two_at_once(place: Path, what: str) -> str:
    """What is wrong after two ingests at once; nothing, if every session is there once and the index agrees."""
    for name in "ab":
        (place / name).mkdir(parents=True)
        for number in range(INPUT_SESSIONS):
            grown = [f"환불 {turn}" for turn in range(1 + number % 7)]
            path = place / name / f"{number:02}.jsonl"
            path.write_bytes(lines(session(0, *grown, session_id=f"{name}-{number // 7}")))
    processes = [
        subprocess.Popen(
            changed({"what": what}, "ingest", place / name, "--store", place / "store", "--workers", 1),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    if ended != [("", 0)] * 2:
        return f"ended with {ended}"
    there = len(oracle.scan(place / "store"))
    if there != 2 * (1 + (INPUT_SESSIONS - 1) // 7):
        return f"{there} sessions"
    verified = run(changed({"what": "nothing"}, "verify", "--store", place / "store"))
    return "" if verified.status == 0 else verified.stdout


def test_two_at_once_are_right_with_the_lock(in_memory: Path) -> None:
    assert _two_at_once(in_memory, "nothing") == ""


def test_without_the_lock_a_second_writer_is_not_kept_out(in_memory: Path) -> None:
    """The same as ``test_a_second_writer_is_refused``, which holds with the lock alone."""
    scene = SCENES["growing"](in_memory)
    scene.reset()
    words = ("ingest", in_memory / "in", "--store", scene.store, "--workers", 1, "--lock-timeout", 0.1)
    with (scene.store / ".lock").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run(changed({"what": "nothing"}, *words)).status == 11
        assert run(changed({"what": "no lock"}, *words)).status == 0
