"""How long does it take to prune a day, and ninety, and does the size of the store matter?

    python -m benchmarks.prune --sessions 1000000

Fills two stores with as many sessions a day, of which one has a tenth of the days, and prunes the oldest days of both.
The index is made before, and is not part of it.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import ION_SUMMARY, Report, arguments, run, workplace
from ion_summary.operations.prune import prune
from ion_summary.store import layout
from ion_summary.store.pruning import Expiry
from ion_summary.store.storage import SessionSummaryStorage


def _prune(store: Path, days: int) -> tuple[int, float, float]:
    """How many sessions went with the oldest ``days``, and the seconds on the wall and of the processor."""
    there = sorted(layout.record_partitions(store))
    expiry = Expiry((there[days] - layout.EPOCH_DAY) * layout.DAY_MS)
    with SessionSummaryStorage(store) as storage:
        begun, spent = time.perf_counter(), time.process_time()
        done = prune(storage, expiry, force=True)
        return done.sessions, time.perf_counter() - begun, time.process_time() - spent


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, 1_000_000).parse_args()
    report = Report(f"prune of {options.sessions:,} sessions", options.sessions, 1_000_000)
    took: dict[int, float] = {}
    with workplace(options.work) as work:
        for sessions in (options.sessions // 10, options.sessions):
            store = work / f"store-{sessions}"
            generate.write_store(store, sessions, per_day=max(1, min(1000, options.sessions // 100)))
            run([*ION_SUMMARY, "reindex", "--store", str(store), "--json"])
            name = f"{sessions:,} sessions"
            gone, wall, spent = _prune(store, 1)
            took[sessions] = spent / gone
            report.add(f"{name}: one day of {gone:,}", wall, "s", most=0.2)
            report.add(f"{name}: one day of {gone:,}, CPU", spent, "s")
            days = min(90, len(layout.record_partitions(store)) // 2)
            gone, wall, spent = _prune(store, days)
            report.add(f"{name}: {days} days of {gone:,}", wall, "s", most=1.0)
            report.add(f"{name}: {days} days of {gone:,}, CPU", spent, "s")
        small, large = took.values()
        report.add("CPU for a session in the larger store, of the smaller", large / small, "x")
    report.finish(options.json)


if __name__ == "__main__":
    main()
