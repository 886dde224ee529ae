"""What does a reader feel while another process writes, what does a writer feel, and what does one session more cost?

    python -m benchmarks.together --sessions 20000
    python -m benchmarks.together --sessions 1000000 --work benchmarks/data

A process saves sessions one by one at full rate, enough for the hot tail to go into a segment at least twice, while
this one asks by user and by word. Times are those on the clock: waiting is what is asked about. On a machine with less
than two free cores the two also wait for each other; ``the same without a writer`` shows how much of it is that.

One session more: ``ion-summary ingest`` of a file with one new session into a store of 10,000 and into this one, CPU
and bytes written to the disk (``/proc``, Linux), median of ``--runs``. ``stats``: the engine alone, CPU.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from benchmarks import generate
from benchmarks.cold_start import made_store
from benchmarks.measure import ION_SUMMARY, Report, arguments, environment, workplace
from ion_summary import SessionSummaryStorage
from ion_summary.store.query import Query

_SAVES = 5_000
_QUIET_READS = 500
_FRESH = itertools.count(90_000_000)


def save_all(store: str) -> None:
    """In a process of its own: the writer. Prints the seconds of each save as JSON."""
    took = []
    with SessionSummaryStorage(store) as storage:
        for number in range(_SAVES):
            record = generate.record(80_000_000 + number)
            began = time.perf_counter()
            storage.save(f"{os.getpid()}-{number}", record["user_id"], record["summary"], "rule_based", 5)
            took.append(time.perf_counter() - began)
    print(json.dumps(took))


def reads(storage: SessionSummaryStorage, go_on: Callable[[int], bool]) -> list[float]:
    """Milliseconds of each read, by user and by word in turns, for as long as it is to go on."""
    took = list[float]()
    asked = (
        Query(user=generate.HEAVY_USER),
        Query(text="환불", sort="newest"),
        Query(text="refund", user="user-000100"),
    )
    while go_on(len(took)):
        began = time.perf_counter()
        storage.find(asked[len(took) % len(asked)])
        took.append((time.perf_counter() - began) * 1000)
    return took


def percentile(values: list[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def written() -> int:
    """Bytes that this process and the children it has waited for have written and not taken back (a file that is
    removed before it gets to the disk, as SQLite's shared memory is, is taken back).
    """
    lines = Path("/proc/self/io").read_text().splitlines()
    counters = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return counters["write_bytes"] - counters["cancelled_write_bytes"]


def one_more(store: Path, work: Path) -> tuple[float, int]:
    """CPU seconds and bytes written of an ingest of one new session."""
    path = work / f"one-more-{next(_FRESH)}.jsonl"
    session = generate.session(int(path.stem.rpartition("-")[2]))
    session["session_id"] += f"-{os.getpid()}"
    path.write_bytes(orjson.dumps(session) + b"\n")
    command = [*ION_SUMMARY, "ingest", str(path), "--store", str(store), "--json"]
    before = written()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    path.unlink()
    if process.returncode:
        raise RuntimeError(f"ingest ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, written() - before


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 20_000)
    parser.add_argument("--writer", metavar="STORE", help="used by the benchmark itself")
    parser.add_argument("--store", type=Path, help="a store that write_store made and may grow, instead of making one")
    options = parser.parse_args()
    if options.writer:
        save_all(options.writer)
        return
    report = Report(f"readers and a writer together at {options.sessions:,} sessions", options.sessions, 20_000)
    with workplace(options.work) as work:
        store, small = options.store or made_store(work, options.sessions), made_store(work, 10_000)
        more = {at: [one_more(at, work) for _ in range(options.runs + 1)][1:] for at in (small, store)}
        cpu = {at: statistics.median(one[0] for one in some) for at, some in more.items()}
        report.add("one session more, CPU, against 10,000 stored", cpu[store] / cpu[small], "x", most=1.2)
        written = statistics.median(one[1] for one in more[store]) / 1024
        report.add("one session more, written to the disk", written, "KiB", most=64)
        with SessionSummaryStorage(store) as storage:
            storage.get_stats()
            began = time.process_time()
            storage.get_stats()
            report.add("stats, engine", (time.process_time() - began) * 1000, "CPU ms", most=50)
            quiet = reads(storage, lambda done: done < _QUIET_READS)
            report.add("a read without a writer, p99", percentile(quiet, 0.99), "ms")
            command = [sys.executable, "-m", "benchmarks.together", "--writer", str(store)]
            with (work / "saves.json").open("wb") as out:
                writer = subprocess.Popen(command, stdout=out)
                took = reads(storage, lambda _: writer.poll() is None)
            if writer.returncode:
                raise RuntimeError(f"the writer ended with {writer.returncode}")
        report.add("a read while sessions are saved, median", statistics.median(took), "ms")
        report.add("a read while sessions are saved, p99", percentile(took, 0.99), "ms", most=10)
        saves = [seconds * 1000 for seconds in json.loads((work / "saves.json").read_bytes())]
        report.add("saves in a second, meanwhile", len(saves) / sum(saves) * 1000, "")
        report.add("a save, median", statistics.median(saves), "ms")
        report.add("a save, the longest of 5,000", max(saves), "ms", most=100)
    report.finish(options.json)


if __name__ == "__main__":
    main()
