"""A broken queue is found, put aside, and in the way of nothing that does not need it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.jobs.job import Wanted
from ion_summary.jobs.queue import Queue


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9_000])


def overwrite(path: Path) -> None:
    path.write_bytes(b"garbage\n")


def overwrite_a_page(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"kim" * 1365 + data[8192 + 4095 :])


def of_another_program(path: Path) -> None:
    import sqlite3
    from contextlib import closing

    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE kim(name)")
        db.execute("PRAGMA user_version = 1")


@pytest.fixture(params=[overwrite, cut, overwrite_a_page, of_another_program])
def broken(request: pytest.FixtureRequest, store: Path) -> Path:
    """A store whose queue is broken, in one way or another."""
    with Queue(store) as queue:
        queue.put(Wanted(f"s-{number}", "kim", "c", 0) for number in range(200))
    request.param(store / "jobs.sqlite")
    return store


def test_it_is_a_finding_until_it_is_repaired(broken: Path, run: Callable[..., Any]) -> None:
    done = run("verify", "--json")
    assert done.exit_code == 12, done.stderr
    assert {each["file"] for each in orjson.loads(done.stdout)["findings"]} == {"jobs.sqlite"}
    (broken / "jobs.sqlite-wal").write_bytes(b"of kim")
    repaired = run("verify", "--repair")
    assert repaired.exit_code == 0, repaired.stderr
    assert "repaired: jobs.sqlite" in repaired.stderr
    assert "`summarize --pending` queues again what waited" in repaired.stderr
    assert not list(broken.glob("jobs.sqlite*"))
    assert len(list((broken / "quarantine").glob("jobs-*.sqlite"))) == 1
    for command in (
        ["verify"], ["stats"], ["backup"], ["summarize", "--pending", "--dry-run"], ["worker", "--dry-run"],
        ["prune", "--older-than", "1d", "--yes", "--force"],
    ):  # fmt: skip
        again = run(*command)
        assert again.exit_code == 0, (command, again.stderr)
        assert "queue" not in again.stderr.replace("left in the queue", "").replace("nothing was queued", "")


def test_what_it_may_hold_of_a_user_goes_with_him(broken: Path, run: Callable[..., Any]) -> None:
    planned = run("forget", "--user", "kim", "--dry-run")
    assert planned.exit_code == 0
    assert "goes as a whole" in planned.stderr
    assert (broken / "jobs.sqlite").exists()
    done = run("forget", "--user", "kim", "--yes")
    assert done.exit_code == 0, done.stderr
    check_gone(broken)
    assert run("verify").exit_code == 0


def test_what_is_in_quarantine_goes_with_him(broken: Path, run: Callable[..., Any]) -> None:
    assert run("verify", "--repair").exit_code == 0
    assert run("forget", "--user", "kim", "--yes").exit_code == 0
    check_gone(broken)


def check_gone(store: Path) -> None:
    assert not list((store / "quarantine").glob("jobs*"))
    assert not [path for path in store.rglob("*") if path.is_file() and b"kim" in path.read_bytes()]


def test_all_else_goes_on_and_says_what_it_does_not_know(store: Path, run: Callable[..., Any]) -> None:
    overwrite(store / "jobs.sqlite")
    counted = run("stats", "--json")
    assert counted.exit_code == 0, counted.stderr
    assert "verify --repair" in counted.stderr
    found = orjson.loads(counted.stdout)
    assert (found["total_sessions"], found["pending_jobs"], found["cost_today_usd"]) == (3, None, None)
    by_user = run("stats", "--by", "user", "--json")
    assert by_user.exit_code == 0
    assert {each["cost_usd"] for each in orjson.loads(by_user.stdout)} == {None}
    saved = run("backup", "--json")
    assert saved.exit_code == 0, saved.stderr
    assert "left out, it is broken" in saved.stderr
    pruned = run("prune", "--older-than", "1d", "--yes", "--force")
    assert pruned.exit_code == 0, pruned.stderr
    assert "their jobs are left in the broken queue" in pruned.stderr


def test_what_needs_it_says_what_helps(store: Path, transcript: Path, run: Callable[..., Any]) -> None:
    overwrite(store / "jobs.sqlite")
    for command in (["summarize", "--pending", "--dry-run"], ["worker", "--dry-run"], ["ingest", transcript, "--llm"]):
        done = run(*command)
        assert done.exit_code == 12
        assert "verify --repair" in done.stderr


def test_a_queue_of_a_newer_version_stays_where_it_is(store: Path, run: Callable[..., Any]) -> None:
    with Queue(store) as queue:
        queue.db.execute("PRAGMA user_version = 99")
    assert run("verify", "--repair").exit_code == 12
    assert (store / "jobs.sqlite").exists()
