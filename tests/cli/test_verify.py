from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import on_terminal, without_styles
from tests.conftest import lines, session


@pytest.fixture
def partition(store: Path) -> Path:
    return store / "2026-01" / "session_summaries_20260104.jsonl"


def test_a_whole_store_is_well(store: Path, run: Callable[..., Any]) -> None:
    done = run("verify", "--json")
    assert (done.exit_code, orjson.loads(done.stdout)["findings"]) == (0, [])
    report = orjson.loads(done.stdout)
    assert list(report) == ["ok", "records", "without_digest", "findings", "repaired", "lost"]
    assert (report["ok"], report["records"], report["without_digest"]) == (True, 3, 0)
    plain = run("verify")
    assert (plain.exit_code, plain.stdout) == (0, "")
    assert "3 records read: all is well" in plain.stderr
    assert run("verify", "--quiet").stderr == ""


def test_a_flipped_bit_is_named_by_file_and_line(store: Path, partition: Path, run: Callable[..., Any]) -> None:
    data = bytearray(partition.read_bytes())
    data[data.index("환불".encode())] ^= 1
    partition.write_bytes(data)
    done = run("verify", "--json")
    assert done.exit_code == 12
    (finding,) = orjson.loads(done.stdout)["findings"]
    assert list(finding) == ["file", "line", "problem"]
    assert (finding["file"], finding["line"]) == ("2026-01/session_summaries_20260104.jsonl", 1)
    row = run("verify").stdout.splitlines()[0].split("\t")
    assert row == [finding["file"], "1", finding["problem"]]
    (line,) = run("verify", "--format", "jsonl").stdout.splitlines()
    assert orjson.loads(line) == finding
    status, drawn = on_terminal("verify", width=100)
    assert status == 12
    assert "damaged" in without_styles(drawn)


def test_lines_that_are_gone_are_told_by_whoever_meets_them(
    store: Path, partition: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    run("stats")
    os.truncate(partition, 0)
    (tmp_path / "in.jsonl").write_bytes(lines(session(3)))
    ingested = run("ingest", tmp_path / "in.jsonl")
    assert ingested.exit_code == 0
    assert "damaged places in the store: 1; `ion-summary verify` names them" in ingested.stderr
    for _ in range(2):
        found = run("verify", "--json")
        assert found.exit_code == 12
        (finding,) = orjson.loads(found.stdout)["findings"]
        assert finding["file"] == partition.relative_to(store).as_posix()
    repaired = run("verify", "--repair")
    assert repaired.exit_code == 0
    assert f"lost: {finding['file']}" in repaired.stderr
    assert run("verify").exit_code == 0


def test_without_an_index_it_says_what_it_cannot_know(store: Path, run: Callable[..., Any]) -> None:
    said = "lines cut off as a whole would not have been noticed"
    shutil.rmtree(store / "index")
    assert said in run("verify").stderr
    assert said not in run("verify").stderr


def test_records_without_a_digest_are_counted(store: Path, run: Callable[..., Any]) -> None:
    shutil.rmtree(store / "index")
    old = {
        "session_id": "old",
        "user_id": "u",
        "summary": "- x",
        "summary_type": "llm",
        "created_at": "2025-03-04T15:00:00",
    }
    (store / "2025-03").mkdir()
    (store / "2025-03" / "session_summaries_20250304.jsonl").write_bytes(orjson.dumps(old) + b"\n")
    report = orjson.loads(run("verify", "--json").stdout)
    assert (report["ok"], report["records"], report["without_digest"]) == (True, 4, 1)
    assert "1 of them without a digest" in run("verify").stderr


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("verify", "--store", tmp_path / "none").exit_code == 10


def test_a_repair_names_what_it_has_done(store: Path, run: Callable[..., Any]) -> None:
    partition = next(store.glob("2026-01/session_summaries_20260104.jsonl"))
    partition.write_bytes(b'{"session_id": broken}\n' + partition.read_bytes())
    assert run("verify").exit_code == 12
    done = run("verify", "--repair", "--json")
    assert done.exit_code == 0
    report = orjson.loads(done.stdout)
    assert (report["ok"], report["records"], report["findings"]) == (True, 3, [])
    assert [(each["file"], each["line"]) for each in report["repaired"]] == [
        ("2026-01/session_summaries_20260104.jsonl", 1)
    ]
    assert "repaired: 2026-01/session_summaries_20260104.jsonl:1" in done.stderr
    assert run("verify", "--repair").stderr == "3 records read: all is well\n"
