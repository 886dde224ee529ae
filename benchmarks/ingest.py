"""What does an ingest cost, beside the least that the same input can cost?

    python -m benchmarks.ingest --sessions 100000 --files 1000                    # the promise's size: 4 minutes
    python -m benchmarks.ingest --sessions 100000 --files 1000 --stored 10000 1000000
    python -m benchmarks.ingest --sessions 2000 --files 20                        # a minute: does it still work?

Floors, on the same files in the same run: ``orjson.loads`` of every line; reading and writing the same bytes with one
``fdatasync`` per 1,000 lines. "All but the summarizer" is the CPU of the ingest, workers included, without what
``digest_session`` costs for the same messages; that and the floor of parsing are measured in as many processes at once
as an ingest takes, because processes side by side slow each other down. With ``--stored``, 10,000 new sessions go into
a store that holds so many already, once for each size.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import orjson

from benchmarks import generate
from benchmarks.measure import ION_SUMMARY, Clock, Report, Run, arguments, compare, run, size_of, workplace

_GROUP = 1000
_NEW = 10_000


def lines(files: list[Path]) -> Iterator[bytes]:
    """Every line of the files."""
    for path in files:
        with path.open("rb") as file:
            yield from file


def side_by_side(measure: Callable[[list[Path]], float], files: list[Path]) -> float:
    """CPU seconds of ``measure`` over all files, which as many processes as there are processors share."""
    count = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(measure, [files[number::count] for number in range(count)]))


def parse(files: list[Path]) -> float:
    """CPU seconds of ``orjson.loads`` on every line."""
    with Clock() as spent:
        for line in lines(files):
            orjson.loads(line)
    return spent.cpu_s


def copy(files: list[Path], target: Path) -> Clock:
    """Reading all lines and writing them to one file, synced after each 1,000."""
    with Clock() as spent, target.open("wb", buffering=0) as out:
        group: list[bytes] = []
        for line in lines(files):
            group.append(line)
            if len(group) == _GROUP:
                out.write(b"".join(group))
                os.fdatasync(out.fileno())
                group.clear()
        out.write(b"".join(group))
        os.fdatasync(out.fileno())
    target.unlink()
    return spent


def digest(files: list[Path]) -> float:
    """CPU seconds that the rule summarizer takes for all sessions."""
    from ion_summary.model import Message
    from ion_summary.summarizers.rule import digest_session

    spent_s = 0.0
    for line in lines(files):
        messages = [
            Message(role=message["role"], content=message["content"], name=message.get("name"))
            for message in orjson.loads(line)["messages"]
        ]
        with Clock() as spent:
            digest_session(messages, max_bullets=8, max_chars=800)
        spent_s += spent.cpu_s
    return spent_s


def ingest(source: Path, store: Path) -> Run:
    """One run of the command over a directory."""
    return run([*ION_SUMMARY, "ingest", str(source), "--store", str(store), "--json"], watch_memory=True)


def new_sessions(done: Run) -> int:
    """How many sessions an ingest says it has added."""
    return int(json.loads(done.output)["sessions"]["new"])


def measure_ingest(report: Report, work: Path, sessions: int, files: int) -> None:
    """Throughput, memory, and the second run that finds nothing new."""
    source = work / "in"
    generate.write_transcripts(source, sessions, files)
    inputs = sorted(source.iterdir())
    megabytes = size_of(source) / 1e6
    report.add("input", megabytes, "MB")
    parsing = side_by_side(parse, inputs)
    report.add("floor: orjson.loads of every line", parsing, "CPU s")
    copying = copy(inputs, work / "copy")
    report.add("floor: read and write, fdatasync per 1,000", copying.wall_s, "s")
    summarizing = side_by_side(digest, inputs)
    report.add("summarizer alone", sessions / summarizing, "sessions/CPU s")

    store = work / "store"
    first = ingest(source, store)
    if new_sessions(first) != sessions:
        raise RuntimeError(f"{new_sessions(first)} of {sessions} sessions were added")
    report.add("ingest", sessions / first.wall_s, "sessions/s", least=2000)
    report.add("ingest", megabytes / first.wall_s, "MB/s")
    report.add("ingest against reading and writing", first.wall_s / copying.wall_s, "x")
    report.add("ingest, CPU", first.cpu_s, "CPU s")
    report.add("  of it the summarizer", 100 * summarizing / first.cpu_s, "%")
    report.add("  all but the summarizer, of the parsing floor", (first.cpu_s - summarizing) / parsing, "x", most=12)
    report.add("peak memory, all processes", first.peak_mb, "MB", most=300)

    part = work / "tenth"
    generate.write_transcripts(part, max(1, sessions // 10), max(1, files // 10))
    tenth = ingest(part, work / "store-tenth")
    report.add("peak memory for a tenth of the input", tenth.peak_mb, "MB")

    second = ingest(source, store)
    report.add("second ingest of the same files", second.wall_s, "s")
    report.add("second ingest, CPU against the first", second.cpu_s / first.cpu_s, "x", most=0.05)
    report.add("second ingest, time against the first", second.wall_s / first.wall_s, "x", most=0.05)
    report.add("store, of the input", size_of(store) / 1e6 / megabytes, "x")
    shutil.rmtree(store)


def measure_growth(report: Report, work: Path, stored: list[int]) -> None:
    """What one more session costs, by how many are stored already."""
    source = work / "new"
    generate.write_transcripts(source, _NEW, 10, first=max(stored))
    costs: dict[int, Run] = {}
    for count in stored:
        store = work / f"stored-{count}"
        generate.write_store(store, count)
        run([*ION_SUMMARY, "reindex", "--store", str(store), "--json"])
        done = ingest(source, store)
        if new_sessions(done) != _NEW:
            raise RuntimeError(f"{new_sessions(done)} of {_NEW} sessions were added")
        costs[count] = done
        report.add(f"one more session at {count:,} stored, CPU", done.cpu_s / _NEW * 1e6, "CPU us")
        report.add(f"one more session at {count:,} stored", done.wall_s / _NEW * 1e6, "us")
        shutil.rmtree(store)
    few, many = costs[min(stored)], costs[max(stored)]
    report.add("CPU of the largest store against the smallest", many.cpu_s / few.cpu_s, "x", most=1.2, least=0.8)
    report.add("time of the largest store against the smallest", many.wall_s / few.wall_s, "x")


def measure_idle(report: Report, work: Path, runs: int) -> None:
    """What the command costs that finds a single unchanged file, as from cron."""
    source = work / "one"
    generate.write_transcripts(source, 100)
    ingest(source, work / "store-one")
    commands = {
        "nothing new": [*ION_SUMMARY, "ingest", str(source), "--store", str(work / "store-one"), "--json"],
        "version": [*ION_SUMMARY, "--version"],
    }
    costs = compare(commands, runs)
    ratio = costs["nothing new"].cpu_s / costs["version"].cpu_s
    report.add("ingest of one unchanged file, against --version", ratio, "x CPU")


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 100_000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--stored", type=int, nargs="+", help="sizes of the stores for the cost of growth")
    options = parser.parse_args()
    report = Report(f"ingest of {options.sessions:,} sessions in {options.files:,} files", options.sessions, 100_000)
    with workplace(options.work) as work:
        measure_ingest(report, work, options.sessions, options.files)
        measure_idle(report, work, options.runs)
        if options.stored:
            measure_growth(report, work, options.stored)
    report.finish(options.json)


if __name__ == "__main__":
    main()
