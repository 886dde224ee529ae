"""Which system calls does a command make on a store, and what if it is killed, or refused, at one of them?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: All by which a store changes, and the opening of its files.
CALLS = (
    "write",
    "writev",
    "pwrite64",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "openat",
)
_LINE = re.compile(r"^(\w+)\((.*)$")
# With --seccomp-bpf strace stops the process at the calls named alone, but then its signals get lost.
_STRACE = ("strace", "-q")
_QUICKLY = ("-f", "--seccomp-bpf")
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "ION_SUMMARY_TZ": "UTC", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Point:
    """The ``number``-th call of its name that a command makes; ``what`` shows it."""

    call: str
    number: int
    what: str


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status (negative: killed by that signal) and what it said."""

    status: int
    stdout: str
    stderr: str


@cache
def available() -> str | None:
    """Why nothing can be traced here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run([*_STRACE, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"strace does not work here: {done.stderr.strip()}"


def require() -> None:
    """Skips the test where nothing can be traced."""
    if reason := available():
        pytest.skip(reason)


def ion_summary(*words: object) -> list[str]:
    """The command line in a process of its own."""
    return [sys.executable, "-m", "ion_summary", *map(str, words)]


def run(command: Sequence[str], *strace: str) -> Ended:
    """Runs a command, under strace if there are options for it. Its first thread alone is traced."""
    tracer = [*_STRACE, *strace] if strace else []
    done = subprocess.run(
        [*tracer, *command],
        cwd=ROOT,
        env=os.environ | _ENVIRONMENT,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def trace(command: Sequence[str], log: Path, calls: Sequence[str] = CALLS) -> tuple[list[tuple[str, str]], Ended]:
    """Every call of the command in order: its name and the rest of strace's line, with paths; and how it ended."""
    ended = run(command, "-y", "-s", "64", "-o", str(log), "-e", "trace=" + ",".join(calls))
    assert ended.status == 0, ended
    return [(match[1], match[2]) for line in log.read_text().splitlines() if (match := _LINE.match(line))], ended


def points(command: Sequence[str], store: Path, log: Path) -> tuple[list[Point], Ended]:
    """The calls that a command makes on a store, to be met again by running it from the same state; how it ended."""
    counted: Counter[str] = Counter()
    found = []
    calls, ended = trace(command, log)
    for name, rest in calls:
        counted[name] += 1
        if str(store) in rest:
            found.append(Point(name, counted[name], f"{name}({rest}"[:160].replace(str(store), "STORE")))
    return found, ended


def killed_at(command: Sequence[str], point: Point) -> Ended:
    """The command, killed (SIGKILL) as it makes the call."""
    return run(command, "-o", "/dev/null", *_inject(point, "signal=KILL"))


def refused_at(command: Sequence[str], point: Point, error: str, for_ever: bool) -> Ended:
    """The command, whose call fails with an error, once or from then on."""
    return run(command, *_QUICKLY, "-o", "/dev/null", *_inject(point, f"error={error}", "+" if for_ever else ""))


def _inject(point: Point, how: str, on: str = "") -> tuple[str, ...]:
    return ("-e", f"trace={point.call}", "-e", f"inject={point.call}:{how}:when={point.number}{on}")
