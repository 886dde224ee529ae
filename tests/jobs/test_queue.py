"""One job per session, in one owner's hands at a time, and nothing that was acknowledged is lost."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ion_summary.errors import StoreCorruptError, StoreNotWritableError
from ion_summary.jobs import counting, database, owners, schema
from ion_summary.jobs.database import open_database, path_of
from ion_summary.jobs.erasing import forget
from ion_summary.jobs.job import Answer, Failure, Filter, Wanted
from ion_summary.jobs.ledger import Billed, Ledger, Sent
from ion_summary.jobs.queue import Queue

AGAIN = Failure("provider_unavailable", "503", retry=True)
NEVER = Failure("provider_refused", "blocked: SAFETY", retry=False)


def wanted(session: str, content: str = "a", **more: Any) -> Wanted:
    return Wanted(session, more.pop("user", "u-1"), content, more.pop("ended_ms", 1_000), **more)


def sessions(queue: Queue, most: int = 100, **more: Any) -> list[str]:
    return [job.session for job in queue.claim(most, **more)]


def answered(queue: Queue, session: str, key: str = "k") -> None:
    (job,) = [job for job in queue.claim(100) if job.session == session]
    queue.answer([Answer(job, key, f'"{key}"')])


def test_the_most_urgent_first_then_in_order(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        assert queue.put([wanted("a"), wanted("b", priority=2), wanted("c"), wanted("d", priority=2)]) == 4
        assert sessions(queue, 3) == ["b", "d", "a"]
        assert sessions(queue) == ["c"]
        assert sessions(queue) == []


def test_filters_choose(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a", ended_ms=10), wanted("b", ended_ms=20), wanted("c", ended_ms=20, user="u-2")])
        assert queue.count_due(Filter(user="u-1")) == 2
        assert sessions(queue, wanted=Filter(since_ms=20, until_ms=20, user="u-1")) == ["b"]
        assert sessions(queue, wanted=Filter(until_ms=15)) == ["a"]


def test_the_same_content_is_one_job_and_growth_makes_it_wait_again(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        assert queue.put([wanted("a"), wanted("a"), wanted("a", "b")]) == 1
        answered(queue, "a")
        (job,) = queue.answered(9)
        assert (job.content, job.result) == ("b", "k")
        queue.stored([job])
        assert queue.put([wanted("a", "c")]) == 1
        assert sessions(queue) == ["a"]


def test_what_grows_while_it_is_worked_on_is_worked_on_again(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a")])
        (job,) = queue.claim(1)
        assert queue.put([wanted("a", "b")]) == 0
        assert sessions(queue) == []
        queue.answer([Answer(job, "k", "{}")])
        assert queue.answered(9) == []
        assert [job.content for job in queue.claim(9)] == ["b"]


def test_growth_is_paid_once_it_has_settled(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a")], settle_ms=60_000)
        assert sessions(queue) == ["a"], "what is new waits for nothing"
        queue.release()
        queue.put([wanted("a", "b")], settle_ms=60_000)
        assert sessions(queue) == []
        queue.hurry(Filter(user="nobody"))
        assert sessions(queue) == []
        queue.hurry(Filter())
        assert sessions(queue) == ["a"]


def test_failures_are_tried_again_when_that_can_help(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a"), wanted("b")])
        again, never = queue.claim(2)
        queue.fail([(again, AGAIN), (never, NEVER)], "model-1")
        assert sessions(queue) == []
        queue.hurry(Filter())
        assert sessions(queue) == ["a"]
        assert queue.put([wanted("b")]) == 0
        assert queue.put([wanted("b")], fingerprint="model-1") == 0
        assert queue.put([wanted("b")], fingerprint="model-2") == 1, "another model may manage"
        assert sessions(queue) == ["b"]
        counts = counting.counts(tmp_path)
        assert (counts.failed, counts.given_up, counts.pending) == (0, 0, 2)


def test_failures_are_counted_with_their_reasons(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a"), wanted("b"), wanted("c")])
        a, b, c = queue.claim(3)
        queue.fail([(a, AGAIN), (b, NEVER)], "m")
        queue.skip([(c, "no transcript")])
    counts = counting.counts(tmp_path)
    assert (counts.failed, counts.given_up, counts.skipped, counts.pending) == (2, 1, 1, 0)
    assert counts.reasons == {"503": 1, "blocked: SAFETY": 1}


def _claim_and_die(root: str, ready: Any) -> None:
    queue = Queue(Path(root))
    queue.claim(2)
    Ledger(queue).enter(Sent("a", "u-1", "key", "m", 0.25))
    ready.set()
    os.kill(os.getpid(), 9)


def test_what_a_dead_process_held_is_taken_over_at_once_and_its_calls_are_called_lost(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a"), wanted("b"), wanted("c")])
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        child = context.Process(target=_claim_and_die, args=(str(tmp_path), ready))
        child.start()
        child.join(30)
        assert child.exitcode == -9
        assert sorted(sessions(queue)) == ["a", "b", "c"]
        (call,) = Ledger(queue).calls()
        assert (call.outcome, call.session, call.cost_usd) == ("lost", "a", 0.25)
        assert counting.counts(tmp_path).lost == 1
        assert Ledger(queue).spent_today() == 0.25, "it may be paid"


def test_what_a_process_elsewhere_holds_is_taken_over_when_its_lease_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Queue(tmp_path) as queue, Queue(tmp_path) as here:
        queue.put([wanted("a")])
        assert sessions(queue) == ["a"]
        queue.db.execute("UPDATE owner SET machine = 'another', pid = 1")
        assert sessions(here) == []
        queue.db.execute("UPDATE owner SET lease_ms = 1 WHERE id = ?", (queue.owner,))
        assert sessions(here) == ["a"]


def test_a_number_of_a_process_that_is_given_again_is_another_process(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a")])
        assert sessions(queue) == ["a"]
        queue.db.execute("UPDATE owner SET started = '1'")
        with Queue(tmp_path) as other:
            assert sessions(other) == ["a"]


def test_what_is_claimed_is_given_back_at_the_end(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a")])
        assert sessions(queue) == ["a"]
    with Queue(tmp_path) as queue:
        assert [job.attempts for job in queue.claim(9)] == [0]


def test_results_are_shared_and_go_with_the_last_session_that_rests_on_them(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted("a"), wanted("b")])
        queue.answer([Answer(job, "k", '"body"') for job in queue.claim(9)])
        assert (queue.has_paid("k", "a"), queue.has_paid("k", "b")) == (True, False)
        assert queue.result("k") == '"body"'
        assert forget(tmp_path, ["a"]) == 1
        assert queue.result("k") == '"body"'
        assert forget(tmp_path, ["b", "nobody"]) == 1
        assert queue.result("k") is None


def test_of_what_is_forgotten_no_byte_stays(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue:
        queue.put([wanted(f"session-{n}-canary", f"content-{n}", user=f"user-{n % 3}-canary") for n in range(300)])
        ledger = Ledger(queue)
        for job in queue.claim(300):
            sent = Sent(job.session, job.user, f"key-{job.id}", "m", 0.5)
            number = ledger.enter(sent)
            assert number is not None
            ledger.answered(number, Billed("m", 1, 1, 0, 0.25), sent, f'"text of {job.session}"')
            queue.answer([Answer(job, sent.key, None)])
        assert forget(tmp_path, [], users=["user-1-canary"]) == 100
        raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"user-1-canary" not in raw
        assert b"session-1-canary" not in raw
        assert b"session-2-canary" in raw
        assert ledger.spent_today() == pytest.approx(75)
        spent = counting.spending(tmp_path, "user")
        assert spent == pytest.approx({"": 25, "user-0-canary": 25, "user-2-canary": 25})


def test_what_is_known_or_under_way_is_not_sent_for_again(tmp_path: Path) -> None:
    with Queue(tmp_path) as queue, Queue(tmp_path) as other:
        sent = Sent("a", "u", "key", "m", 0.5)
        number = Ledger(queue).enter(sent)
        assert number is not None
        assert Ledger(other).is_busy("key")
        assert Ledger(other).enter(sent) is None
        Ledger(queue).failed(number, Billed("m", 0, 0, 0, 0.0), "503")
        number = Ledger(other).enter(sent)
        assert number is not None
        Ledger(other).answered(number, Billed("m", 0, 0, 0, 0.25), sent, "{}")
        assert Ledger(queue).enter(sent) is None
        assert not Ledger(queue).is_busy("key")
        assert queue.has_paid("key", "a")
        assert not queue.has_paid("key", "b")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    with Queue(tmp_path / "store") as queue:
        queue.put([wanted("a")])
        for path in (tmp_path / "store").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_where_there_is_no_queue_there_are_zeros_and_nothing_is_made(tmp_path: Path) -> None:
    assert counting.counts(tmp_path) == counting.QueueCounts()
    assert counting.spending(tmp_path, "day") == {}
    assert forget(tmp_path, ["a"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_a_newer_version_or_none_at_all_is_left_alone(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreCorruptError, match="newer"):
        Queue(tmp_path)
    path_of(tmp_path).write_bytes(b"no database at all, but long enough to be looked at" * 10)
    with pytest.raises(StoreCorruptError):
        Queue(tmp_path)
    with pytest.raises(StoreCorruptError):
        counting.counts(tmp_path)


def test_every_older_schema_becomes_the_present_one(tmp_path: Path) -> None:
    def tables(path: Path) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(path_of(path))) as db:
            return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()

    open_database(tmp_path / "new").close()
    for version in range(len(schema.MIGRATIONS)):
        old = tmp_path / str(version)
        old.mkdir()
        with closing(sqlite3.connect(path_of(old))) as db:
            for migration in schema.MIGRATIONS[:version]:
                db.executescript(migration)
            db.execute(f"PRAGMA user_version = {version}")
        open_database(old).close()
        assert tables(old) == tables(tmp_path / "new")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreNotWritableError):
        Queue(tmp_path / "file")


def test_the_lease_is_renewed_several_times_before_it_ends() -> None:
    assert owners.RENEW_S * 2 < owners.LEASE_MS / 1000


def test_what_cannot_be_wiped_is_not_said_to_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    with Queue(tmp_path) as queue:
        queue.put([wanted("canary")])
        reader = sqlite3.connect(path_of(tmp_path), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM job").fetchall()
        with pytest.raises(StoreNotWritableError, match="reading"):
            forget(tmp_path, ["canary"])
        reader.close()
        assert forget(tmp_path, ["canary"]) == 0
        assert all(b"canary" not in path.read_bytes() for path in tmp_path.iterdir())
