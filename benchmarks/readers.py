"""What does reading each format cost, beside merely decoding its bytes, and how much memory does a large file take?

    python -m benchmarks.readers                                 # 8 MB a format: half a minute
    python -m benchmarks.readers --megabytes 64 --memory 1024    # files of 1 GB too: a quarter of an hour, 1 GB of disk
    python -m benchmarks.readers --only mbox csv

The floor, in the same run on the same bytes: ``orjson.loads`` of every line of JSON Lines, or of the whole document;
decoding UTF-8 for text; for a database fetching every row. Reading is what ``ingest`` does: recognising, parsing, and
making every text inert. Both are CPU seconds, the best of three. Memory is that of a process of its own that reads the
large file: how much its resident set grew at most.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from pathlib import Path

import orjson

from benchmarks.exports import SUFFIXES, WRITERS
from benchmarks.measure import Clock, Report, arguments, environment, workplace

_MEGABYTE = 1_000_000
_MEMORY_MB = 300
_READ = """
import sys
from benchmarks.readers import peak_kb, read_all
small, large = sys.argv[1:]
read_all(small)
before = peak_kb()
print(read_all(large), peak_kb(), before)
"""


def read_all(path: str | Path) -> int:
    """Reads a file as ``ingest`` does and lets every session go; returns how many there were."""
    from ion_summary.model import Session
    from ion_summary.transcripts import read
    from ion_summary.transcripts.detect import detect
    from ion_summary.transcripts.reader import ReadOptions, Rejected, Source

    source = Source(str(path), Path(path))
    reader = detect(source).reader
    if reader is None:
        raise RuntimeError(f"{path} was not recognised")
    sessions = 0
    for item in read(source, reader, ReadOptions(UTC)):
        sessions += isinstance(item, Session)
        if isinstance(item, Rejected):
            raise RuntimeError(f"{path}: {item.reason}")
    return sessions


def peak_kb() -> int:
    """The largest resident set of this process so far. (``ru_maxrss`` begins with that of the parent. Linux only.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def floor(path: Path) -> Callable[[], object]:
    """The least that somebody must do who wants to know what the bytes say."""
    if path.suffix == ".db":
        return lambda: _rows(path)
    if path.suffix == ".jsonl":
        return lambda: [orjson.loads(line) and None for line in path.open("rb")]
    if path.suffix in (".json", ""):
        return lambda: orjson.loads(path.read_bytes())
    return lambda: path.read_bytes().decode()


def _rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        for _ in db.execute("SELECT * FROM responses ORDER BY conversation_id"):
            pass


def best(action: Callable[[], object], runs: int = 3) -> float:
    """The least CPU seconds of some runs."""
    costs = []
    for _ in range(runs):
        with Clock() as spent:
            action()
        costs.append(spent.cpu_s)
    return min(costs)


def measure(report: Report, work: Path, name: str, megabytes: int) -> None:
    """Speed of one format."""
    path = work / f"{name}{SUFFIXES.get(name, '.jsonl')}"
    WRITERS[name](path, megabytes * _MEGABYTE)
    size = path.stat().st_size / _MEGABYTE
    least = best(floor(path))
    found: list[int] = []
    took = best(lambda: found.append(read_all(path)))
    report.add(f"{name}: read", size / took, "MB/CPU s")
    report.add(f"{name}: sessions", found[0] / took, "/CPU s")
    report.add(f"{name}: against decoding", took / least, "x")
    path.unlink()


def measure_memory(report: Report, work: Path, name: str, megabytes: int) -> None:
    """Memory for a large file of one format."""
    suffix = SUFFIXES.get(name, ".jsonl")
    small, large = work / f"small-{name}{suffix}", work / f"large-{name}{suffix}"
    WRITERS[name](small, _MEGABYTE // 10)
    WRITERS[name](large, megabytes * _MEGABYTE)
    command = [sys.executable, "-c", _READ, str(small), str(large)]
    said = subprocess.run(command, check=True, capture_output=True, env=environment()).stdout
    sessions, peak, before = map(int, said.split())
    size = large.stat().st_size / _MEGABYTE
    report.add(f"{name}: {size:,.0f} MB in {sessions:,} sessions, peak", peak / 1024, "MB", most=_MEMORY_MB)
    report.add(f"{name}:   of it for the file", (peak - before) / 1024, "MB")
    small.unlink()
    large.unlink()


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 0)
    parser.add_argument("--megabytes", type=int, default=8, help="of each file whose speed is measured (default 8)")
    parser.add_argument("--memory", type=int, default=0, metavar="MB", help="measure memory with files of so many MB")
    parser.add_argument("--only", nargs="+", choices=list(WRITERS), default=list(WRITERS), help="these formats")
    options = parser.parse_args()
    report = Report(f"reading {len(options.only)} formats, {options.megabytes} MB each", options.memory, 1000)
    with workplace(options.work) as work:
        for name in options.only:
            measure(report, work, name, options.megabytes)
        for name in options.only if options.memory else ():
            measure_memory(report, work, name, options.memory)
    report.finish(options.json)


if __name__ == "__main__":
    main()
