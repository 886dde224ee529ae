from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from tests.cli.conftest import on_terminal, without_styles


def test_index_is_rebuilt_from_the_lines(store: Path, run: Callable[..., Any]) -> None:
    before = run("search", "--json").stdout
    shutil.rmtree(store / "index")
    done = run("reindex", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    report = orjson.loads(done.stdout)
    assert list(report) == ["records", "partitions", "elapsed_s", "quarantined"]
    assert (report["records"], report["partitions"], report["quarantined"]) == (3, 3, [])
    assert run("search", "--json").stdout == before


def test_damaged_lines_are_named_and_the_rest_is_indexed(store: Path, run: Callable[..., Any]) -> None:
    partition = next(store.glob("2026-01/session_summaries_20260104.jsonl"))
    partition.write_bytes(b'{"session_id": broken}\n' + partition.read_bytes())
    done = run("reindex", "--json")
    report = orjson.loads(done.stdout)
    assert report["records"] == 3
    finding = report["quarantined"][-1]
    assert list(finding) == ["file", "line", "problem"]
    assert finding["file"].endswith("session_summaries_20260104.jsonl")
    assert finding["line"] == 1
    again = run("reindex")
    assert "session_summaries_20260104.jsonl:1" in again.stderr


def test_plain_report(store: Path, run: Callable[..., Any]) -> None:
    rows = dict(line.split("\t") for line in run("reindex", "--workers", "1").stdout.splitlines())
    assert (rows["records"], rows["partitions"], rows["quarantined"]) == ("3", "3", "0")


def test_bar_and_report_on_a_terminal(store: Path) -> None:
    status, drawn = on_terminal("reindex")
    assert status == 0
    assert "\x1b[?25l" in drawn
    assert "records" in without_styles(drawn)


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("reindex", "--store", tmp_path / "none").exit_code == 10
    assert not (tmp_path / "none").exists()


def test_compacting_says_what_it_has_done(store: Path, run: Callable[..., Any]) -> None:
    shown = run("show", "s-1", "--messages").stdout
    report = orjson.loads(run("reindex", "--compact", "--json").stdout)
    assert (report["records"], report["compacted"]["lines"], report["compacted"]["sealed"]) == (3, 0, 3)
    assert report["compacted"]["bytes_after"] < report["compacted"]["bytes_before"]
    assert run("show", "s-1", "--messages").stdout == shown
    assert "sealed\t0" in run("reindex", "--compact").stdout
