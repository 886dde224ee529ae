from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import on_terminal, without_styles
from tests.conftest import files_of


def test_the_plan_is_shown_and_nothing_done(store: Path, run: Callable[..., Any]) -> None:
    before = files_of(store)
    done = run("prune", "--older-than", "1d", "--dry-run", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    shown = orjson.loads(done.stdout)
    assert shown["executed"] is False
    assert (shown["plan"]["sessions"], shown["plan"]["partitions"]) == (3, 3)
    assert shown["plan"]["bytes"] == sum(map(len, before.values()))
    assert shown["plan"]["cutoff"].endswith("T00:00:00Z")
    assert "more than half" in shown["plan"]["objection"]
    assert files_of(store) == before


def test_where_nobody_can_be_asked_it_needs_yes(store: Path, run: Callable[..., Any]) -> None:
    before = files_of(store)
    done = run("prune", "--older-than", "1d", "--force")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert files_of(store) == before
    assert run("prune", "--older-than", "1d", "--force", "--yes").exit_code == 0
    assert run("stats", "--json").stdout.startswith('{"total_sessions":0')
    assert run("search").stdout == ""


def test_more_than_half_needs_force(store: Path, run: Callable[..., Any]) -> None:
    done = run("prune", "--older-than", "1d", "--yes", "--json")
    assert done.exit_code == 2
    error = orjson.loads(done.stderr)["error"]
    assert error["code"] == "refused"
    assert "3 of 3 sessions" in error["message"]


@pytest.mark.parametrize("age", ["0d", "90", "-1d", "yesterday", "2026-01-01", ""])
def test_ages_are_positive(store: Path, run: Callable[..., Any], age: str) -> None:
    done = run("prune", "--older-than", age, "--yes", "--force")
    assert done.exit_code == 2
    assert "90d" in done.stderr
    assert len(list(store.glob("????-??/*"))) == 3


@pytest.mark.parametrize(("answer", "status", "left"), [("y", 0, 2), ("n", 2, 3), ("", 2, 3)])
def test_it_asks_on_a_terminal(store: Path, answer: str, status: int, left: int) -> None:
    ended, shown = on_terminal("prune", "--older-than", "1d", "--user", "민수", width=200, answer=f"{answer}\n")
    assert "Delete 1 session that ended before" in shown
    assert ended == status
    assert len(list(store.glob("????-??/*.jsonl"))) == left


def test_nothing_to_do_asks_nothing(store: Path, run: Callable[..., Any]) -> None:
    done = run("prune", "--older-than", "50y")
    assert done.exit_code == 0
    assert "sessions\t0" in done.stdout


def test_plan_on_a_terminal(store: Path) -> None:
    status, drawn = on_terminal("prune", "--older-than", "1d", "--dry-run")
    assert status == 0
    assert "cutoff" in without_styles(drawn)


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("prune", "--older-than", "1d", "--yes", "--store", tmp_path / "none").exit_code == 10
