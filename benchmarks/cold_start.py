"""What does a command cost that starts, answers and ends?

    python -m benchmarks.cold_start --sessions 20000
    python -m benchmarks.cold_start --sessions 1000000

CPU against a bare ``python -c pass`` of the same interpreter, the commands taking turns; and time against ripgrep over
the same partitions (skipped where ``rg`` is not installed). The page cache is warm: every command ran once before.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import BARE_PYTHON, ION_SUMMARY, Report, arguments, compare, run, workplace

# What the project promises: CPU of a bare Python, by the number of sessions.
_PROMISES = {20_000: 7.5, 1_000_000: 8.5}


def made_store(work: Path, sessions: int) -> Path:
    """A store of generated records with its index; one that is there already is used again.

    1,000 a day, and 1,000 days of more if there are more: nobody keeps ten thousand days.
    """
    store = work / f"store-{sessions}"
    if not store.exists():
        generate.write_store(store, sessions, per_day=max(1_000, sessions // 1_000))
        run([*ION_SUMMARY, "reindex", "--store", str(store), "--json"])
    return store


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, 20_000).parse_args()
    report = Report(f"cold start at {options.sessions:,} sessions", options.sessions, 20_000)
    with workplace(options.work) as work:
        at = ["--store", str(made_store(work, options.sessions))]
        commands = {
            "python -c pass": BARE_PYTHON,
            "-h": [*ION_SUMMARY, "-h"],
            "--version": [*ION_SUMMARY, "--version"],
            "search --user --json": [*ION_SUMMARY, "search", "--user", generate.HEAVY_USER, "--json", *at],
            "search 환불 --json": [*ION_SUMMARY, "search", "환불", "--json", *at],
            "search --user 환불 --json": [*ION_SUMMARY, "search", "환불", "--user", generate.HEAVY_USER, "--json", *at],
            "stats --json": [*ION_SUMMARY, "stats", "--json", *at],
        }
        ripgrep = shutil.which("rg")
        if ripgrep:
            commands["rg 환불"] = [ripgrep, "--no-config", "-c", "환불", "-g", "session_summaries_*", at[1]]
        costs = compare(commands, options.runs)
    bare = costs["python -c pass"]
    report.add("python -c pass", bare.cpu_s * 1000, "CPU ms")
    searching = _PROMISES[min(_PROMISES, key=lambda size: abs(size - options.sessions))]
    for name in commands:
        if name in ("python -c pass", "rg 환불"):
            continue
        most = {"-h": 7.0, "--version": 7.0, "stats --json": None}.get(name, searching)
        report.add(name, costs[name].cpu_s / bare.cpu_s, "x CPU", most=most)
        report.add(f"  {name}", costs[name].wall_s * 1000, "ms")
    report.add("sessions found by 환불", json.loads(costs["search 환불 --json"].output)["total"], "")
    if ripgrep:
        counted = sum(int(line.rpartition(b":")[2]) for line in costs["rg 환불"].output.splitlines())
        report.add("lines found by ripgrep", counted, "")
        report.add("rg 환불 over the partitions", costs["rg 환불"].wall_s * 1000, "ms")
        faster = costs["rg 환불"].wall_s / costs["search 환불 --json"].wall_s
        least = 1 if options.sessions >= 1_000_000 else None
        report.add("search 환불 is so many times faster than ripgrep", faster, "x", least=least)
    else:
        print("ripgrep is not installed (Debian: apt-get install ripgrep): not compared")
    report.finish(options.json)


if __name__ == "__main__":
    main()
