"""How fast does the engine alone answer, without the command around it, and does it find everything?

    python -m benchmarks.search --sessions 20000
    python -m benchmarks.search --sessions 1000000

Cold: a fresh process with its modules loaded opens the store, asks, and reads the 20 records of the first page; median
over ``--runs`` processes, page cache warm. Warm: the same question again in one process that keeps the store open;
median of 200. What a search says it found is compared with looking at every record.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks import generate, vocabulary
from benchmarks.cold_start import made_store
from benchmarks.measure import Report, arguments, run, workplace

_WARM_RUNS = 200


@dataclass(frozen=True)
class Question:
    """What a search is given, and what a record must hold to be found: decided again by looking at every one."""

    text: str | None
    user: str | None = None

    def matches(self, text: str, user: str) -> bool:
        """Whether a record with this searched text and user is to be found."""
        if self.user is not None and user != self.user:
            return False
        wanted = self.text or ""
        words = [wanted.strip('"')] if wanted.startswith('"') else wanted.split()
        return all(word in text for word in words)


QUESTIONS = {
    "user": Question(None, generate.HEAVY_USER),
    "환불": Question("환불"),
    "refund": Question("refund"),
    "rare: 양피지": Question("양피지"),
    "common: 주문": Question("주문"),
    "one syllable: 앱": Question("앱"),
    "two words: 환불 배송": Question("환불 배송"),
    "phrase: 불편을 드려 죄송합니다": Question('"불편을 드려 죄송합니다"'),
    "absent": Question(vocabulary.ABSENT[0]),
    "user and 환불": Question("환불", generate.HEAVY_USER),
}

#: The questions whose time is promised; the others show what the rest costs.
PROMISED = ("user", "환불")


def ask(store: str, name: str) -> None:
    """In a process of its own: open, ask, read 20; then again and again. Prints milliseconds as JSON."""
    from ion_summary.operations.search import search
    from ion_summary.store.query import Query
    from ion_summary.store.storage import SessionSummaryStorage

    began = time.perf_counter()
    storage = SessionSummaryStorage(store)
    query = Query(text=QUESTIONS[name].text, user=QUESTIONS[name].user, limit=20)
    total = search(storage, query).total
    cold = time.perf_counter() - began
    warm = []
    for _ in range(_WARM_RUNS):
        began = time.perf_counter()
        search(storage, query)
        warm.append(time.perf_counter() - began)
    print(json.dumps({"total": total, "cold_ms": cold * 1000, "warm_ms": statistics.median(warm) * 1000}))


def counted(store: Path) -> dict[str, int]:
    """How many records each question should find, by looking at every one."""
    counts = dict.fromkeys(QUESTIONS, 0)
    for path in store.glob("????-??/session_summaries_*.jsonl"):
        for line in path.read_bytes().splitlines():
            record = orjson.loads(line)
            text = "\n".join([record["summary"], record["metadata"]["title"], *record["metadata"]["tags"]])
            for name, question in QUESTIONS.items():
                counts[name] += question.matches(text, record["user_id"])
    return counts


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 20_000)
    parser.add_argument("--engine", nargs=2, metavar=("STORE", "QUESTION"), help="used by the benchmark itself")
    options = parser.parse_args()
    if options.engine:
        ask(*options.engine)
        return
    report = Report(f"the search engine alone at {options.sessions:,} sessions", options.sessions, 20_000)
    with workplace(options.work) as work:
        store = made_store(work, options.sessions)
        expected = counted(store)
        for name in QUESTIONS:
            command = [sys.executable, "-m", "benchmarks.search", "--engine", str(store), name]
            answers = [json.loads(run(command).output) for _ in range(options.runs)]
            cold, warm = (statistics.median(answer[key] for answer in answers) for key in ("cold_ms", "warm_ms"))
            promised = name in PROMISED
            report.add(f"{name}: cold", cold, "ms", most=10 if promised else None)
            report.add(f"{name}: warm", warm, "ms", most=0.5 if promised else None)
            found = answers[0]["total"]
            report.add(f"{name}: found", found, f"of {expected[name]:,}")
            if found != expected[name]:
                raise RuntimeError(f"{name}: {found} found, {expected[name]} are there")
    report.finish(options.json)


if __name__ == "__main__":
    main()
