"""Does a search put the session that somebody has in mind among the first ten?

    python -m benchmarks.relevance --data DIR

DIR holds dialogues with reference summaries, one JSON object a line: ``id``, ``lang``, ``messages`` (``speaker``,
``content``) and ``references``. Every dialogue becomes a stored session with its rule-based summary. The queries are
those of somebody who remembers what a session was about in words of his own: the rarest words of its reference, as they
stand there, with their endings and particles; one word, two words, and two for a Korean compound typed as one. The
session is the one right answer. Asked are, over the same summaries: this engine; the substring search that the original
system had (every word as typed, newest first); and a plain FTS5 table (unicode61, bm25). recall@10 says how often the
session is among the first ten, nDCG@10 (Jaervelin and Kekaelaeinen, 2002) how far up: 1 / log2(rank + 1).

Nothing of the data is kept.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Report, arguments, workplace
from ion_summary import SessionSummaryStorage, summarize
from ion_summary.store.query import Query

_WORD = re.compile(r"[^\W\d_]+")
_NAMES = re.compile(r"#?(person|사람)\d*#?", re.IGNORECASE)
_FEWEST_LETTERS = {"ko": 2, "en": 4}

Engine = Callable[[str], list[str]]


class Known(NamedTuple):
    """A session, its summary, and the words of its reference."""

    id: str
    lang: str
    summary: str
    words: list[str]


def sessions(directory: Path, names: list[str]) -> Iterator[Known]:
    """The dialogues of some files."""
    for name in names:
        for line in (directory / name).read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            said = [{"name": one["speaker"], "content": one["content"]} for one in item["messages"]]
            found = _WORD.findall(_NAMES.sub(" ", item["references"][0]))
            words = [word for word in found if len(word) >= _FEWEST_LETTERS[item["lang"]]]
            yield Known(item["id"], item["lang"], summarize(said), words)


def queries(known: list[Known]) -> Iterator[tuple[str, Known, str]]:
    """The kind of each query, the session it is meant to find, and what is typed."""
    common = Counter(word.lower() for one in known for word in set(one.words))
    for one in known:
        rarest = sorted(dict.fromkeys(one.words), key=lambda word: (common[word.lower()], -len(word), word))
        # A word that no other reference has is often a slip or a name; the next ones are what people remember.
        chosen = [word for word in rarest if common[word.lower()] > 1][:2] or rarest[:2]
        if len(chosen) == 2:
            yield "one word", one, chosen[0]
            yield "two words", one, " ".join(chosen)


def ours(storage: SessionSummaryStorage) -> Engine:
    """This engine, as ``search`` asks it."""
    return lambda text: [record.session_id for record, _ in storage.find(Query(text=text, limit=10))[1]]


def substring(known: list[Known]) -> Engine:
    """Every word somewhere in the text, as typed but for case; newest first."""
    texts = [(one.id, one.summary.lower()) for one in reversed(known)]
    return lambda text: [name for name, said in texts if all(word in said for word in text.lower().split())][:10]


def plain_fts5(known: list[Known]) -> Engine:
    """What one gets with ``CREATE VIRTUAL TABLE ... USING fts5``."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE text USING fts5(id UNINDEXED, body)")
    db.executemany("INSERT INTO text VALUES(?, ?)", [(one.id, one.summary) for one in known])

    def ask(text: str) -> list[str]:
        match = " AND ".join(f'"{word}"' for word in text.split())
        return [
            name for (name,) in db.execute("SELECT id FROM text WHERE text MATCH ? ORDER BY rank LIMIT 10", (match,))
        ]

    return ask


def measured(engine: Engine, asked: list[tuple[Known, str]]) -> tuple[float, float]:
    """recall@10 and nDCG@10."""
    ranks = [found.index(one.id) + 1 for one, text in asked if one.id in (found := engine(text))]
    return len(ranks) / len(asked), sum(1 / math.log2(rank + 1) for rank in ranks) / len(asked)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 0)
    parser.add_argument("--data", type=Path, required=True, help="directory of dialogues with references")
    parser.add_argument("--files", nargs="+", help="those of its files that hold single dialogues (default: all)")
    options = parser.parse_args()
    names = options.files or sorted(path.name for path in options.data.glob("*.jsonl"))
    known = list(sessions(options.data, names))
    report = Report(f"known-item search among {len(known):,} sessions", 1, 0)
    with workplace(options.work) as work, SessionSummaryStorage(work / "relevance") as storage:
        for one in known:
            storage.save(one.id, "u", one.summary, "rule_based")
        engines = {"plain substring": substring(known), "plain FTS5": plain_fts5(known), "ion-summary": ours(storage)}
        for lang in ("ko", "en"):
            for kind in ("one word", "two words"):
                asked = [(one, text) for its, one, text in queries(known) if its == kind and one.lang == lang]
                report.add(f"{lang}, {kind}: queries", len(asked), "")
                best = (0.0, 0.0)
                for name, engine in engines.items():
                    recall, gain = measured(engine, asked)
                    last = name == "ion-summary"
                    report.add(f"{lang}, {kind}: {name}, recall@10", recall, "", least=best[0] if last else None)
                    report.add(f"{lang}, {kind}: {name}, nDCG@10", gain, "", least=best[1] if last else None)
                    best = (max(best[0], recall), max(best[1], gain))
    report.finish(options.json)


if __name__ == "__main__":
    main()
