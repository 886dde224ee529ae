from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import HOSTILE, SESSIONS, on_terminal, without_styles
from tests.conftest import files_of


def test_the_plan_is_shown_and_nothing_done(store: Path, run: Callable[..., Any]) -> None:
    before = files_of(store)
    done = run("forget", "--user", "민수", "--dry-run", "--json")
    shown = orjson.loads(done.stdout)
    assert shown["executed"] is False
    assert list(shown["plan"]) == ["sessions", "partitions", "bytes", "cutoff", "archives"]
    assert (shown["plan"]["sessions"], shown["plan"]["partitions"], shown["plan"]["cutoff"]) == (1, 1, None)
    assert files_of(store) == before


def test_a_user_is_gone(store: Path, transcript: Path, run: Callable[..., Any]) -> None:
    done = run("forget", "--user", "민수", "--yes", "--json")
    assert (done.exit_code, orjson.loads(done.stdout)["executed"]) == (0, True)
    assert run("show", "s-2").exit_code == 15
    assert run("search", "parcel").stdout == ""
    assert not any("parcel" in path.read_bytes().decode("latin-1") for path in store.rglob("*") if path.is_file())
    again = orjson.loads(run("ingest", transcript, "--source", "again", "--json").stdout)
    assert again["sessions"] == {"new": 0, "updated": 0, "unchanged": 2, "forgotten": 1}
    assert run("verify").exit_code == 0


def test_where_nobody_can_be_asked_it_needs_yes(store: Path, run: Callable[..., Any]) -> None:
    before = files_of(store)
    done = run("forget", "--session", "s-1")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert files_of(store) == before


@pytest.mark.parametrize("words", [(), ("--user", "a", "--session", "b"), ("--user", ""), ("--session", " ")])
def test_one_of_the_two_must_be_named(store: Path, run: Callable[..., Any], words: tuple[str, ...]) -> None:
    done = run("forget", *words, "--yes")
    assert done.exit_code == 2
    assert "--user" in done.stderr


@pytest.mark.parametrize(("answer", "status", "left"), [("y", 0, 2), ("n", 2, 3)])
def test_it_asks_on_a_terminal(store: Path, answer: str, status: int, left: int) -> None:
    ended, shown = on_terminal("forget", "--user", "민수", width=200, answer=f"{answer}\n")
    assert "Erase user '민수' for good: 1 session" in shown
    assert ended == status
    assert len(list(store.glob("????-??/*.jsonl"))) == left


def test_plan_on_a_terminal_is_inert(store: Path) -> None:
    status, drawn = on_terminal("forget", "--user", HOSTILE, "--dry-run")
    assert status == 0
    assert "sessions" in without_styles(drawn)
    status, drawn = on_terminal("forget", "--session", str(SESSIONS[0]["session_id"]), "--yes")
    assert status == 0
    assert "\x1b]" not in drawn


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("forget", "--user", "a", "--yes", "--store", tmp_path / "none").exit_code == 10


def test_archives_that_still_hold_them_are_listed(
    store: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = orjson.loads(run("backup", "--json").stdout)["archive"]
    monkeypatch.setenv("ION_SUMMARY_KEEP", "2")
    done = run("forget", "--user", "민수", "--yes", "--json")
    (held,) = orjson.loads(done.stdout)["plan"]["archives"]
    assert (held["archive"], held["lines"]) == (archive, 2)  # the record and the transcript
    assert date.fromisoformat(held["removed_on"])
    assert "still holds them, until" in done.stderr
    assert "backup --rewrite" in done.stderr
    assert run("backup", "--rewrite").exit_code == 0
    done = run("forget", "--user", "민수", "--yes", "--json")
    assert orjson.loads(done.stdout)["plan"]["archives"] == []
    assert run("forget", "--user", "민수", "--dry-run", "--archives", store.parent / "none").exit_code == 0
