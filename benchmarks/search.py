"""How fast is the engine alone, without the command around it, does it find everything, and what do others take?

    python -m benchmarks.search --sessions 20000
    python -m benchmarks.search --sessions 1000000 --work benchmarks/data --runs 5

Cold: a fresh process with its modules loaded opens the store, asks, and reads the 20 records of the first page; median
over ``--runs`` processes, page cache warm. First: another question of that kind in a process that keeps the store open
(nothing of its answer is remembered); median of 20. Again: the same question once more, median and p99 of 300. First
and again are CPU time: the page cache is warm and nothing is waited for, and a shared machine says little in seconds.
``total`` is exact or the benchmark fails: it is compared with looking at every record. Others: see ``search_peers.py``;
they are given one word each, the quickest of three counts.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cold_start import made_store
from benchmarks.measure import BARE_PYTHON, Report, arguments, compare, run, workplace
from benchmarks.search_peers import peers, timed
from benchmarks.search_questions import Question, counted, questions

#: What the others are given.
WORDS = ("환불", "refund", "양피지", "주문")


def ask(store: str, asked: dict[str, Any]) -> None:
    """In a process of its own: open, ask, read 20; then again and again. Prints the figures as JSON."""
    from ion_summary.operations.search import search
    from ion_summary.store.query import Query
    from ion_summary.store.storage import SessionSummaryStorage

    began, cpu = time.perf_counter(), time.process_time()
    storage = SessionSummaryStorage(store)
    total = search(storage, Query(**asked, limit=20)).total
    cold, cold_cpu = time.perf_counter() - began, time.process_time() - cpu
    again, first = list[float](), list[float]()
    for number in range(300):
        cpu = time.process_time()
        search(storage, Query(**asked, limit=20))
        again.append(time.process_time() - cpu)
        if number < 20 and sum(first) < 5:
            cpu = time.process_time()
            search(storage, Query(**asked, limit=21 + number))
            first.append(time.process_time() - cpu)
    figures = {
        "total": total,
        "cold_ms": cold * 1000,
        "cold_cpu_ms": cold_cpu * 1000,
        "first_ms": statistics.median(first) * 1000,
        "again_ms": statistics.median(again) * 1000,
        "again_p99_ms": sorted(again)[-4] * 1000,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


def measure(report: Report, name: str, question: Question, store: Path, runs: int, bare_ms: float) -> int:
    """Add the figures of a question to the report; how many it found."""
    command = [sys.executable, "-m", "benchmarks.search", "--engine", str(store), json.dumps(question.asked())]
    answers = [json.loads(run(command).output) for _ in range(runs)]
    figure = {key: statistics.median(answer[key] for answer in answers) for key in answers[0]}
    by_text = question.text is not None
    report.add(f"{name}: cold", figure["cold_ms"], "ms")
    report.add(f"{name}: cold, CPU of a bare Python", figure["cold_cpu_ms"] / bare_ms, "x", most=1.3)
    report.add(f"{name}: first, store open", figure["first_ms"], "CPU ms")
    report.add(f"{name}: again, median", figure["again_ms"], "CPU ms", most=0.5 if name in PROMISED else None)
    report.add(f"{name}: again, p99", figure["again_p99_ms"], "CPU ms", most=5 if by_text else 1)
    report.add(f"{name}: peak memory", figure["peak_mb"], "MB", most=100)
    return int(answers[0]["total"])


#: The questions whose usual time is promised, too.
PROMISED = ("user with many sessions", "환불")


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 20_000)
    parser.add_argument("--engine", nargs=2, metavar=("STORE", "QUERY"), help="used by the benchmark itself")
    parser.add_argument("--store", type=Path, help="a store that write_store made, instead of making one")
    parser.add_argument("--no-peers", action="store_true", help="this engine alone")
    options = parser.parse_args()
    if options.engine:
        ask(options.engine[0], json.loads(options.engine[1]))
        return
    report = Report(f"the search engine alone at {options.sessions:,} sessions", options.sessions, 20_000)
    with workplace(options.work) as work:
        store = options.store or made_store(work, options.sessions)
        asked = questions(store)
        expected = counted(store, asked)
        bare_ms = compare({"bare": BARE_PYTHON}, options.runs)["bare"].cpu_s * 1000
        report.add("python -c pass", bare_ms, "CPU ms")
        for name, question in asked.items():
            found = measure(report, name, question, store, options.runs, bare_ms)
            report.add(f"{name}: found", found, f"of {expected[name]:,}")
            if found != expected[name]:
                raise RuntimeError(f"{name}: {found} found, {expected[name]} are there")
        for peer, answer in ({} if options.no_peers else peers(store, work)).items():
            for word in WORDS:
                took, found = timed(answer, word, min(options.runs, 3))
                report.add(f"{peer}: {word}", took, "ms")
                report.add(f"{peer}: {word}, found", found, "")
    report.finish(options.json)


if __name__ == "__main__":
    main()
