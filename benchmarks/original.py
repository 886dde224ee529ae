"""How much faster is this than the system that it replaces?

    python -m benchmarks.original

The original kept one ``index.json`` that it read and wrote whole: measured once on a machine with two shared cores, it
saved 8 sessions a second into a store of 10,000 and took 2.25 s for a search by user; both grew with the store. Here
the same two calls of the same Python interface run against a store of the same size.
"""

from __future__ import annotations

import statistics
import time

from benchmarks import generate
from benchmarks.cold_start import made_store
from benchmarks.measure import Report, arguments, workplace

ORIGINAL_SAVES_PER_S = 8
ORIGINAL_SEARCH_S = 2.25
_SAVES = 500


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, 10_000).parse_args()
    report = Report(f"against the original system at {options.sessions:,} sessions", options.sessions, 10_000)
    with workplace(options.work) as work:
        from ion_summary.store.storage import SessionSummaryStorage

        storage = SessionSummaryStorage(made_store(work, options.sessions))
        began = time.perf_counter()
        for number in range(_SAVES):
            record = generate.record(options.sessions + number)
            storage.save(record["session_id"], record["user_id"], record["summary"], "rule_based")
        rate = _SAVES / (time.perf_counter() - began)
        report.add("saves, each synced", rate, "saves/s")
        report.add("  against the original", rate / ORIGINAL_SAVES_PER_S, "x")
        took = []
        for _ in range(options.runs):
            began = time.perf_counter()
            storage.search(user_id=generate.HEAVY_USER, limit=100)
            took.append(time.perf_counter() - began)
        report.add("search by user, 100 newest", statistics.median(took) * 1000, "ms")
        report.add("  against the original", ORIGINAL_SEARCH_S / statistics.median(took), "x")
    report.finish(options.json)


if __name__ == "__main__":
    main()
