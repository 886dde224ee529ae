"""How long do others take to find the same words: ripgrep, a plain FTS5 table, DuckDB over the JSON Lines?

What they find is not always the same: ripgrep counts lines, superseded ones too, and the text of every member; a plain
FTS5 table (unicode61) finds only whole words; DuckDB looks for the characters. Each is asked for the number of all
matches and, where it can, for the newest 20.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.measure import run
from benchmarks.search_questions import texts

#: Says how many it found; it is timed around.
Ask = Callable[[str], int]


def peers(store: Path, work: Path) -> dict[str, Ask]:
    """Those that are installed, by name."""
    found: dict[str, Ask] = {"plain FTS5": _plain_fts5(store, work / f"{store.name}-plain-fts5.sqlite")}
    if shutil.which("rg"):
        found["ripgrep"] = lambda word: _ripgrep(store, word)
    try:
        import duckdb  # noqa: F401
    except ImportError:
        print("duckdb is not installed (make bench installs it): not compared")
    else:
        found["DuckDB"] = lambda word: _duckdb(store, word)
    return found


def timed(ask: Ask, word: str, runs: int) -> tuple[float, int]:
    """The quickest of some runs in milliseconds, after one that is not measured, and what was found."""
    found, quickest = ask(word), float("inf")
    for _ in range(runs):
        began = time.perf_counter()
        found = ask(word)
        quickest = min(quickest, time.perf_counter() - began)
    return quickest * 1000, found


def _plain_fts5(store: Path, path: Path) -> Ask:
    fresh = not path.exists()
    db = sqlite3.connect(path)
    if fresh:
        db.execute("CREATE VIRTUAL TABLE text USING fts5(body)")
        db.executemany("INSERT INTO text(body) VALUES(?)", ([text] for text in texts(store)))
        db.commit()

    def ask(word: str) -> int:
        match = f'"{word}"'
        db.execute("SELECT rowid FROM text WHERE text MATCH ? ORDER BY rowid DESC LIMIT 20", (match,)).fetchall()
        found: int = db.execute("SELECT count(*) FROM text WHERE text MATCH ?", (match,)).fetchone()[0]
        return found

    return ask


def _ripgrep(store: Path, word: str) -> int:
    command = ["rg", "--no-config", "-c", "-F", word, "-g", "session_summaries_*", str(store)]
    return _sum_of(run(command, expect=(0, 1)).output.splitlines())


def _sum_of(lines: Iterable[bytes]) -> int:
    return sum(int(line.rpartition(b":")[2]) for line in lines)


def _duckdb(store: Path, word: str) -> int:
    import duckdb

    columns = "{session_id: 'VARCHAR', summary: 'VARCHAR', created_at: 'VARCHAR'}"
    table = f"read_json('{store}/*/session_summaries_*.jsonl', format = 'newline_delimited', columns = {columns})"
    with duckdb.connect() as db:
        db.execute("SET memory_limit = '2GB'")
        query = f"SELECT count(*) FROM {table} WHERE contains(summary, ?)"
        (found,) = db.execute(query, [word]).fetchone() or (0,)
    return int(found)
