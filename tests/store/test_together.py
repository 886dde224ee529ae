"""Several processes at once on one store: is every answer right at every moment?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.store import oracle

ROOT = Path(__file__).parents[2]
STABLE = 30

# Saves, saves again and deletes its own sessions, in the stable ones' partition, before them and after them.
CHURN = """
import sys
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=60)
name, rounds = sys.argv[2], int(sys.argv[3])
for number in range(rounds):
    storage.save(f"{name}-{number}", name, f"- 교환 {number}")
    assert storage.load(f"{name}-{number}").summary == f"- 교환 {number}"
    storage.save(f"{name}-{number}", name, f"- 다시 교환 {number}")
    if number < 30:
        assert storage.delete(f"early-{name}-{number}")
    if number % 3 == 0:
        assert storage.delete(f"{name}-{number}")
        assert storage.load(f"{name}-{number}") is None
storage.close()
"""
REBUILD = """
import sys
from ion_summary.operations.reindex import reindex
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=60)
for number in range(int(sys.argv[2])):
    reindex(storage, Silent(), workers=1)
storage.close()
"""
# Asks until told to stop; says what was wrong, and how often it asked.
READ = """
import select, sys
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=60)
stable = sorted(f"stable-{number}" for number in range(int(sys.argv[2])))
asked = wrong = 0
def check(what, found, expected):
    global wrong
    if found != expected:
        wrong += 1
        print("wrong", what, len(found), len(expected), file=sys.stderr)
while not select.select([sys.stdin], [], [], 0)[0]:
    check("text", sorted(one.session_id for one in storage.search(query_text="환불", limit=1000)), stable)
    check("user", sorted(one.session_id for one in storage.search(user_id="stable", limit=1000)), stable)
    everything = [one.session_id for one in storage.list_recent(100000)]
    check("all", sorted(one for one in everything if one.startswith("stable-")), stable)
    check("once", sorted(everything), sorted(set(everything)))
    check("load", storage.load("stable-7").summary, "- 환불 7")
    if storage.damage:
        wrong += 1
        print("damage", storage.damage[:1], file=sys.stderr)
        storage.damage.clear()
    if asked % 5 == 0:
        storage.close()
    asked += 1
print(asked, wrong)
storage.close()
"""


@pytest.mark.parametrize("rounds", [15, pytest.param(600, marks=pytest.mark.sweep)])
def test_readers_are_right_whatever_writers_do(store: Path, rounds: int) -> None:
    with SessionSummaryStorage(store) as storage:
        for number in range(STABLE):
            for name in ("a", "b"):
                storage.save(f"early-{name}-{number}", name, "- 교환")
            storage.save(f"stable-{number}", "stable", f"- 환불 {number}")

    def start(code: str, *words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", code, str(store), *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    readers = [start(READ, STABLE) for _ in range(2)]
    writers = [start(CHURN, name, rounds) for name in ("a", "b")] + [start(REBUILD, rounds // 3)]
    said = [each.communicate(timeout=900) for each in writers] + [each.communicate("stop\n", 60) for each in readers]
    for each, (_, errors) in zip(writers + readers, said, strict=True):
        if errors or each.returncode:
            pytest.fail(f"exit status {each.returncode}: {errors[-3_000:]}")
    for asked, wrong in (map(int, out.split()) for out, _ in said[-2:]):
        assert asked > 3
        assert wrong == 0
    with SessionSummaryStorage(store) as storage:
        there = {one.session_id for one in storage.list_recent(100_000)}
        assert there == set(oracle.scan(store))
        kept = {f"{name}-{number}" for name in "ab" for number in range(rounds) if number % 3}
        kept |= {f"early-{name}-{number}" for name in "ab" for number in range(rounds, STABLE)}
        assert there == kept | {f"stable-{number}" for number in range(STABLE)}
        assert verify(storage, Silent()).findings == []
