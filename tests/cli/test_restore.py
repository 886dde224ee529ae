from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import on_terminal, without_styles
from tests.conftest import files_of


@pytest.fixture
def archive(store: Path, run: Callable[..., Any]) -> Path:
    return Path(orjson.loads(run("backup", "--json").stdout)["archive"])


def test_it_restores_into_an_empty_directory(archive: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    target = tmp_path / "again"
    done = run("restore", archive, "--to", target, "--yes", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    document = orjson.loads(done.stdout)
    assert document["executed"] is True
    assert set(document["plan"]) >= {"sessions", "partitions", "bytes", "cutoff"}
    assert document["plan"]["sessions"] == 3
    assert orjson.loads(run("verify", "--store", target, "--json").stdout)["ok"]
    assert "전액환불" in run("search", "환불", "--store", target).stdout


def test_a_place_that_is_taken_is_exit_31_and_a_damaged_archive_30(
    archive: Path, store: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    before = files_of(tmp_path)
    for words in (["--yes"], ["--dry-run"], []):
        done = run("restore", archive, *words, "--json")
        assert done.exit_code == 31
        assert orjson.loads(done.stderr)["error"]["code"] == "restore_conflict"
    bad = tmp_path / "bad"
    bad.write_bytes(archive.read_bytes()[:-1])
    for words in (["--yes"], ["--dry-run"], []):
        assert run("restore", bad, "--to", tmp_path / "new", *words).exit_code == 30
    bad.unlink()
    assert files_of(tmp_path) == before


def test_without_a_terminal_it_needs_yes(archive: Path, store: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    before = files_of(tmp_path)
    for words in (["--to", tmp_path / "new"], ["--replace"], ["--merge"]):
        done = run("restore", archive, *words)
        assert done.exit_code == 2
        assert "--yes" in done.stderr
    assert files_of(tmp_path) == before
    assert run("restore", archive, "--replace", "--merge", "--yes").exit_code == 2


def test_dry_run_shows_the_very_plan(archive: Path, store: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    before = files_of(tmp_path)
    planned = orjson.loads(run("restore", archive, "--replace", "--dry-run", "--json").stdout)
    assert planned["executed"] is False
    assert files_of(tmp_path) == before
    done = orjson.loads(run("restore", archive, "--replace", "--yes", "--json").stdout)
    assert done["plan"] == planned["plan"]


def test_on_a_terminal_it_asks(archive: Path, tmp_path: Path) -> None:
    status, drawn = on_terminal("restore", archive, "--to", tmp_path / "new", env={"COLUMNS": "200"}, answer="n\n")
    assert "Restore 3 sessions" in without_styles(drawn)
    assert (status, (tmp_path / "new").exists()) == (2, False)
    status, drawn = on_terminal("restore", archive, "--to", tmp_path / "new", answer="y\n")
    assert (status, (tmp_path / "new").exists()) == (0, True)


def test_merge_says_what_was_new(archive: Path, store: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    plan = orjson.loads(run("restore", archive, "--merge", "--yes", "--json").stdout)["plan"]
    assert (plan["new"], plan["updated"], plan["unchanged"]) == (0, 0, 3)
    plan = orjson.loads(run("restore", archive, "--merge", "--to", tmp_path / "new", "--yes", "--json").stdout)["plan"]
    assert (plan["new"], plan["updated"], plan["unchanged"]) == (3, 0, 0)


def test_what_is_no_archive_is_named(store: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    (tmp_path / "text").write_bytes(b"not an archive")
    assert run("restore", tmp_path / "none", "--to", tmp_path / "new", "--yes").exit_code == 2
    done = run("restore", tmp_path / "text", "--to", tmp_path / "new", "--yes")
    assert (done.exit_code, "neither a .tar.zst nor a .tar.gz" in done.stderr) == (30, True)
