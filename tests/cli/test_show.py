from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.store.storage import SessionSummaryStorage
from tests.cli.conftest import SESSIONS, on_terminal, without_styles


def test_json_is_the_record(store: Path, run: Callable[..., Any]) -> None:
    record = orjson.loads(run("show", "s-1", "--json").stdout)
    assert list(record) == [
        "session_id", "user_id", "summary", "summary_type", "created_at", "message_count", "summary_length", "metadata",
    ]  # fmt: skip
    assert record["summary_length"] == len(record["summary"])


def test_messages_are_those_of_the_session(store: Path, run: Callable[..., Any]) -> None:
    shown = orjson.loads(run("show", "s-1", "--messages", "--json").stdout)
    assert shown["session_id"] == "s-1"
    assert [list(message) for message in shown["messages"]] == [["role", "content", "timestamp", "name"]] * 2
    assert [message["content"] for message in shown["messages"]] == [
        each["content"] for each in SESSIONS[0]["messages"]
    ]
    assert [message["timestamp"] for message in shown["messages"]] == ["2026-01-04T06:10:00Z", None]


def test_plain_messages_are_a_line_each(store: Path, run: Callable[..., Any]) -> None:
    lines = run("show", "=1+1", "--messages").stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].split("\t")[:3] == ["2026-02-01T21:00:00+09:00", "user", ""]
    assert lines[1].split("\t")[3] == "An answer\\twith a tab and\\na second line."
    (record,) = run("show", "s-1").stdout.splitlines()
    assert record.split("\t")[0] == "s-1"


def test_csv_messages_are_safe_to_open(store: Path, run: Callable[..., Any]) -> None:
    rows = list(csv.reader(io.StringIO(run("show", "=1+1", "--format", "csv").stdout, newline="")))
    assert rows[1][0] == "'=1+1"
    rows = list(csv.reader(io.StringIO(run("show", "=1+1", "--messages", "--format", "csv").stdout, newline="")))
    assert rows[0] == ["timestamp", "role", "name", "content"]
    assert rows[2][3] == "An answer\twith a tab and\na second line."


@pytest.mark.parametrize("words", [[], ["--messages"]])
def test_unknown_session_ends_with_15(words: list[str], store: Path, run: Callable[..., Any]) -> None:
    done = run("show", "nobody", *words)
    assert (done.exit_code, done.stdout) == (15, "")
    assert "'nobody'" in done.stderr
    error = orjson.loads(run("show", "nobody", "--json", *words).stderr)["error"]
    assert (error["code"], error["exit_code"]) == ("session_not_found", 15)


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("show", "x", "--store", tmp_path / "none").exit_code == 10


def test_an_id_that_looks_like_an_option(store: Path, run: Callable[..., Any]) -> None:
    with SessionSummaryStorage(store) as storage:
        storage.save("--json", "u", "- a summary")
    assert orjson.loads(run("show", "--json", "--", "--json").stdout)["session_id"] == "--json"


def test_on_a_terminal_it_is_to_be_read(store: Path) -> None:
    with SessionSummaryStorage(store) as storage:
        metadata = {"title": "환불 문의", "tags": ["환불", "주문"], "participants": ["민수", "영희"]}
        storage.save("t", "u", "- 첫째 요점\n- 둘째 요점", "llm", 12, metadata)
    status, drawn = on_terminal("show", "t")
    assert status == 0
    text = without_styles(drawn)
    assert text.splitlines()[0].strip() == "환불 문의"
    assert " · u · llm · 12 messages" in text
    assert "  - 첫째 요점" in text
    assert "환불, 주문" in text
    assert "민수, 영희" in text
    messages = without_styles(on_terminal("show", "s-1", "--messages")[1])
    assert "user · 2026-01-04 15:10" in messages
    assert "  주문번호를 확인했습니다. 전액환불을 처리해 드리겠습니다." in messages


def test_naive_times_are_those_of_the_stores_zone_whatever_is_shown(
    store: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = store / "2026-03" / "session_summaries_20260304.jsonl"
    partition.parent.mkdir(exist_ok=True)
    record = {
        "session_id": "old",
        "user_id": "u",
        "summary": "- x",
        "summary_type": "llm",
        "created_at": "2026-03-04T15:00:00",
    }
    partition.write_bytes(orjson.dumps(record) + b"\n")
    assert run("show", "old").stdout.split("\t")[1] == "2026-03-04T15:00:00+09:00"
    assert run("show", "old", "--tz", "UTC").stdout.split("\t")[1] == "2026-03-04T06:00:00+00:00"
    assert orjson.loads(run("show", "old", "--json").stdout)["created_at"] == "2026-03-04T15:00:00"
    for zone in ("UTC", "Asia/Seoul"):
        found = run("search", "--since", "2026-03-04T06:00:00Z", "--until", "2026-03-04T06:00:00Z", "--tz", zone)
        assert found.stdout.split("\t")[0] == "old"


def test_a_match_that_is_nowhere_is_told(store: Path, run: Callable[..., Any]) -> None:
    done = run("show", "s-1", "--match", "없는말")
    assert done.exit_code == 0
    assert "not said in this session" in done.stderr
    assert done.stdout == run("show", "s-1", "--messages").stdout
