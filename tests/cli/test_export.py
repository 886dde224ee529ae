from __future__ import annotations

import csv
import os
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet
import pytest

from ion_summary.store.storage import SessionSummaryStorage
from tests.cli.conftest import process


def lines(data: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in data.splitlines()]


def test_jsonl_is_what_search_prints_oldest_first(store: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    done = run("export", tmp_path / "all.jsonl", "--json")
    assert done.exit_code == 0, done.stderr
    assert orjson.loads(done.stdout) == {"file": str(tmp_path / "all.jsonl"), "format": "jsonl", "records": 3}
    exported = lines((tmp_path / "all.jsonl").read_bytes())
    searched = orjson.loads(run("search", "--json", "--sort", "oldest").stdout)["hits"]
    assert exported == [{name: hit[name] for name in hit if name not in ("score", "snippet")} for hit in searched]
    assert len(exported) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("환불",), {"s-1"}),
        (("--user", "민수"), {"s-2"}),
        (("--since", "2026-01-05"), {"s-2", "=1+1"}),
        (("--since", "2026-01-05", "--until", "2026-01-05"), {"s-2"}),
        (("--until", "2026-01-05"), {"s-1", "s-2"}),
        (("--type", "llm"), set()),
        (("--source", "native", "parcel"), {"s-2"}),
    ],
)
def test_filters_are_those_of_search(words: tuple[str, ...], expected: set[str], store: Path) -> None:
    done = process("export", "-", *words)
    assert done.returncode == 0, done.stderr
    assert {record["session_id"] for record in lines(done.stdout)} == expected


def test_messages_go_with_their_records(store: Path) -> None:
    done = process("export", "-", "--messages", "환불")
    (record,) = lines(done.stdout)
    assert [message["role"] for message in record["messages"]] == ["user", "assistant"]
    assert record["messages"][0]["timestamp"] == "2026-01-04T06:10:00Z"


def test_messages_that_are_not_kept_are_counted(store: Path) -> None:
    with SessionSummaryStorage(store) as storage:
        storage.save("bare", "u-9", "- 교환")
    done = process("export", "-", "--messages")
    assert done.returncode == 0
    assert "1 sessions without messages" in done.stderr.decode()
    assert "messages" not in next(record for record in lines(done.stdout) if record["session_id"] == "bare")


def test_csv_opens_in_a_spreadsheet_and_executes_nothing(store: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    target = tmp_path / "all.csv"
    assert run("export", target).exit_code == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbfsession_id,")
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["session_id"] for row in rows] == ["s-1", "s-2", "'=1+1"]
    assert rows[2]["user_id"] == "'@user"
    assert "환불" in rows[0]["summary"]
    assert "\x1b" not in rows[2]["summary"]


def test_parquet_has_instants_and_lists(store: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("export", tmp_path / "all.parquet").exit_code == 0
    table = pyarrow.parquet.read_table(tmp_path / "all.parquet")
    first = table.to_pylist()[0]
    assert table.num_rows == 3
    assert first["created_at"] == datetime(2026, 1, 4, 6, 10, tzinfo=UTC)
    assert first["message_count"] == 2
    assert isinstance(first["tags"], list)
    assert first["source"] == "native"


def test_a_file_is_private_and_replaced_as_a_whole(store: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    target.write_bytes(b"before")
    assert run("export", target).exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert len(lines(target.read_bytes())) == 3
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("all",), 2, "a name without a format"),
        (("all.xlsx",), 2, "no format is called 'xlsx'"),
        (("all.csv", "--messages"), 2, "csv has no place for messages"),
        (("missing/all.csv",), 14, "cannot write"),
        (("all.csv", "--store", "nowhere"), 10, "no store"),
    ],
)
def test_errors_leave_no_file(
    words: tuple[str, ...], status: int, said: str, store: Path, run: Callable[..., Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    done = run("export", *words)
    assert done.exit_code == status
    assert said in done.stderr
    assert os.listdir(work) == []


def test_without_pyarrow_the_error_says_what_to_install(
    store: Path, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    done = run("export", tmp_path / "all.parquet")
    assert done.exit_code == 5
    assert "ion-summary[parquet]" in done.stderr
    assert not (tmp_path / "all.parquet").exists()


def test_a_link_stays_one(store: Path, tmp_path: Path) -> None:
    there, link = tmp_path / "there.csv", tmp_path / "link.csv"
    there.write_text("old")
    link.symlink_to("there.csv")
    assert process("export", link).returncode == 0
    assert link.is_symlink()
    assert there.read_bytes().count(b"\n") >= 4


@pytest.mark.parametrize(
    "words", [("export", "PIPE", "--as", "jsonl"), ("stats", "--html", "PIPE")], ids=["export", "stats"]
)
def test_a_pipe_is_written_to_and_stays_one(words: tuple[str, ...], store: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    done = process(*(pipe if word == "PIPE" else word for word in words))
    assert done.returncode == 0, done.stderr
    assert reader.communicate(timeout=60)[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_report_goes_to_standard_output(store: Path, tmp_path: Path) -> None:
    done = process("stats", "--html", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"<!doctype html>")
    assert not list(tmp_path.glob("-*"))
