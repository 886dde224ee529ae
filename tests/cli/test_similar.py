from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.store.storage import SessionSummaryStorage
from tests.cli.conftest import on_terminal, without_styles


@pytest.fixture
def alike(store: Path) -> Path:
    with SessionSummaryStorage(store) as storage:
        storage.save("again", "u-7", "- U: 주문번호 777의 환불 처리 부탁드려요.")
    return store


def test_json_says_how_much_and_by_which_words(alike: Path, run: Callable[..., Any]) -> None:
    done = run("similar", "s-1", "--json")
    assert done.exit_code == 0, done.stderr
    (hit,) = orjson.loads(done.stdout)
    assert hit["session_id"] == "again"
    assert 0 < hit["score"] < 1
    assert hit["shared"]


def test_a_table_and_plain_lines(alike: Path, run: Callable[..., Any]) -> None:
    status, drawn = on_terminal("similar", "s-1")
    assert status == 0
    assert "again" in without_styles(drawn)
    assert "%" in without_styles(drawn)
    assert run("similar", "s-1").stdout.split("\t")[1] == "again"


def test_nothing_alike_is_no_error_and_an_unknown_id_is(alike: Path, run: Callable[..., Any]) -> None:
    done = run("similar", "s-2")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no session shares" in done.stderr
    assert run("similar", "nobody").exit_code == 15
