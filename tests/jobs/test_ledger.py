"""What calls have cost is right at any moment, whoever has entered or closed some since somebody last asked."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.jobs import database, owners
from ion_summary.jobs.ledger import Billed, Ledger, Sent
from ion_summary.jobs.queue import Queue

# Who does something; what (enter, answer, fail, lose, ask); and with which of the open calls.
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from("eeaflq"), st.integers(0, 9)), max_size=40)


def expected(queue: Queue, since_ms: int) -> tuple[float, float]:
    of_run = "SELECT coalesce(sum(cost_usd), 0.0) FROM call WHERE owner = ?"
    spent = f"{of_run.partition(' WHERE')[0]} WHERE sent_ms >= ? AND NOT (outcome IS NULL AND owner = ?)"
    return (
        queue.db.execute(of_run, (queue.owner,)).fetchone()[0],
        queue.db.execute(spent, (since_ms, queue.owner)).fetchone()[0],
    )


@given(STEPS)
def test_sums_are_those_of_all_lines_at_any_moment(tmp_path_factory: pytest.TempPathFactory, steps: object) -> None:
    root = tmp_path_factory.mktemp("store")
    with Queue(root) as mine, Queue(root) as others:
        queues = {True: mine, False: others}
        ledgers = {whose: Ledger(queue) for whose, queue in queues.items()}
        opened: dict[bool, list[tuple[int, Sent]]] = {True: [], False: []}
        for number, (whose, what, which) in enumerate(steps):  # type: ignore[var-annotated, arg-type]
            ledger, calls = ledgers[whose], opened[whose]
            if what == "e":
                sent = Sent(f"s-{number}", "u", f"{number:064x}", "m", 0.25)
                entered = ledger.enter(sent)
                assert entered is not None
                calls.append((entered, sent))
            elif what == "q" or not calls:
                since = owners.day_ms()
                found = ledgers[True].of_this_run().cost_usd, ledgers[True].spent_since(since)
                assert found == pytest.approx(expected(mine, since))
            else:
                call, sent = calls.pop(which % len(calls))
                billed = Billed("m", 3, 2, 1, 0.125)
                if what == "a":
                    ledger.answered(call, billed, sent, "{}")
                elif what == "f":
                    ledger.failed(call, billed, "x")
                else:
                    ledger.lost(call, "x")
        for whose, queue in queues.items():
            found = ledgers[whose].of_this_run().cost_usd, ledgers[whose].spent_today()
            assert found == pytest.approx(expected(queue, owners.day_ms()))


def test_what_is_asked_again_looks_at_new_lines_only(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        ledger = Ledger(queue)
        for number in range(3):
            sent = Sent("s", "u", f"{number:064x}", "m", 0.25)
            entered = ledger.enter(sent)
            assert entered is not None
            ledger.failed(entered, Billed("m", 10, 5, 0, 1.0), "x")
        assert ledger.of_this_run() == Billed("", 30, 15, 0, 3.0)
        queue.db.execute("UPDATE call SET cost_usd = 100")  # which nobody does: closed lines stay as they are
        assert ledger.of_this_run() == Billed("", 30, 15, 0, 3.0)
        assert Ledger(queue).of_this_run().cost_usd == 300


def test_a_checkpoint_brings_the_log_into_the_database_while_others_work(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        ledger = Ledger(queue)
        for number in range(50):
            ledger.enter(Sent("s", "u", f"{number:064x}", "m", 0.25))
        alone = tmp_path / "alone.sqlite"

        def without_log() -> int:
            # By another process: whoever closes a file loses all locks that SQLite has on it here.
            subprocess.run(["cp", database.path_of(tmp_path), alone], check=True)
            with sqlite3.connect(f"file:{alone}?immutable=1", uri=True) as db:
                found: int = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'call'").fetchone()[0]
                found = found and db.execute("SELECT count(*) FROM call").fetchone()[0]
            db.close()
            return found

        assert without_log() < 50
        database.checkpoint(tmp_path)
        assert without_log() == 50
    (tmp_path / "other").mkdir()
    database.checkpoint(tmp_path / "other")  # makes nothing, and is no reason to fail
    assert not list((tmp_path / "other").iterdir())
