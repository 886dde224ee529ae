"""What does a command cost, and how does that compare with the least that it could cost?

Every figure is a ratio against a floor measured in the same run, or stands beside one: a number of seconds alone says
more about the machine than about the program. Runs of the commands that are compared take turns, so that a busy moment
of the machine hits all of them; the median is reported.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

ROOT = Path(__file__).resolve().parent.parent
_SCRIPT = Path(sys.executable).with_name("ion-summary")
ION_SUMMARY = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "ion_summary"]
BARE_PYTHON = [sys.executable, "-c", "pass"]


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: seconds on the clock and of CPU (its children's included), peak memory, what it said."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: bytes


def run(command: Sequence[str], *, expect: Sequence[int] = (0,), watch_memory: bool = False) -> Run:
    """Run ``command`` to its end.

    ``peak_mb`` is the largest resident set of a single process (at least that of this one, which the operating system
    hands on to its children), or with ``watch_memory`` that of the process and all of its children together, pages that
    they share counted once (looked at ten times a second; Linux only).

    Raises:
        RuntimeError: the exit code is none of ``expect``; what the command said is in the message.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment())
        watcher = _MemoryWatcher(process.pid) if watch_memory else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = watcher.stop() if watcher else usage.ru_maxrss / 1024
        out.seek(0)
        if process.returncode not in expect:
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace")
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
        return Run(wall, usage.ru_utime + usage.ru_stime, peak, out.read())


def environment() -> dict[str, str]:
    """The environment of measured commands: the user's settings out of the way, compiled modules in use."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ION_SUMMARY_", "PYTHON"))}
    return kept | {"XDG_CONFIG_HOME": "/nonexistent", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}


class _MemoryWatcher:
    def __init__(self, pid: int) -> None:
        self._pid, self._peak_kb, self._over = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._peak_kb = max(self._peak_kb, sum(map(_resident_kb, _family(self._pid))))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._peak_kb / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _resident_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0  # it ended between the listing and the look
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def compare(commands: Mapping[str, Sequence[str]], runs: int, *, expect: Sequence[int] = (0,)) -> dict[str, Run]:
    """The median run of each command by CPU, after one unmeasured round, all commands taking turns."""
    finished: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            one = run(command, expect=expect)
            if turn:
                finished[name].append(one)
    return {name: median(some) for name, some in finished.items()}


def median(runs: Sequence[Run]) -> Run:
    """Medians of each figure; the output is the last one."""
    wall, cpu, peak = ([getattr(one, name) for one in runs] for name in ("wall_s", "cpu_s", "peak_mb"))
    return Run(statistics.median(wall), statistics.median(cpu), statistics.median(peak), runs[-1].output)


class Clock:
    """What a block of this process costs: ``with Clock() as spent: ...``, then its two figures in seconds."""

    def __enter__(self) -> Clock:
        self.wall_s, self.cpu_s = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s += time.perf_counter()
        self.cpu_s += time.process_time()


class Report:
    """The table of one benchmark: what was measured, its value, and what was promised.

    Promises are made for a size: below ``promised_from`` sessions they are neither shown nor judged.
    """

    def __init__(self, title: str, sessions: int, promised_from: int) -> None:
        self.title = title
        self._promised = sessions >= promised_from
        self.rows: list[dict[str, Any]] = []

    def add(self, name: str, value: float, unit: str, *, most: float | None = None, least: float | None = None) -> None:
        """Print a figure at once and keep it; ``most`` and ``least`` are what the project promises."""
        kept = None
        if not self._promised:
            most = least = None
        if most is not None or least is not None:
            kept = (most is None or value <= most) and (least is None or value >= least)
        self.rows.append({"name": name, "value": value, "unit": unit, "most": most, "least": least, "kept": kept})
        promise = f"<= {most:g}" if most is not None else f">= {least:g}" if least is not None else ""
        verdict = {True: "ok", False: "MISSED", None: ""}[kept]
        if not self.rows[1:]:
            print(f"# {self.title}")
        padding = " " * (58 - sum(2 if east_asian_width(letter) in "WF" else 1 for letter in name))
        figure = f"{value:,}" if isinstance(value, int) else f"{value:,.{decimals(value)}f}"
        print(f"{name}{padding} {figure:>12} {unit:<14} {promise:<10} {verdict}".rstrip(), flush=True)

    def finish(self, path: Path | None) -> None:
        """Write all figures with the machine they come from, if ``--json`` asked for it."""
        if path is not None:
            machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
            report = {"title": self.title, "machine": machine, "figures": self.rows}
            path.write_text(json.dumps(report, indent=1) + "\n")


def decimals(value: float) -> int:
    """How many decimals show about three digits."""
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 4


def arguments(description: str | None, sessions: int) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=sessions, help=f"default {sessions:,}")
    parser.add_argument("--runs", type=int, default=11, help="measured runs of each short command (default 11)")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--work", type=Path, help="directory for data (default: a temporary one, removed at the end)")
    return parser


@contextmanager
def workplace(directory: Path | None) -> Iterator[Path]:
    """The directory that data goes to; modules are compiled first, as an installed package's are."""
    compileall.compile_dir(str(ROOT / "ion_summary"), quiet=2)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    made = Path(tempfile.mkdtemp(prefix="ion-summary-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def size_of(*paths: Path) -> int:
    """Bytes of all regular files under ``paths``."""
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    return sum(file.stat().st_size for file in files if file.is_file())
