from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import on_terminal, process, without_styles


def test_json_is_a_list_of_records_and_nothing_is_stored(transcript: Path, run: Callable[..., Any], home: Path) -> None:
    done = run("summarize", transcript, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    records = orjson.loads(done.stdout)
    assert [record["session_id"] for record in records] == ["s-1", "s-2", "=1+1"]
    assert records == [
        orjson.loads(line) for line in run("summarize", transcript, "--format", "jsonl").stdout.splitlines()
    ]
    assert list(records[0]) == [
        "session_id", "user_id", "summary", "summary_type", "created_at", "message_count", "summary_length", "metadata",
    ]  # fmt: skip
    assert records[0]["summary_type"] == "rule_based"
    assert records[0]["created_at"] == "2026-01-04T06:10:00.000Z"
    assert not (home / ".local").exists()


def test_the_record_is_the_one_that_ingest_stores(transcript: Path, store: Path, run: Callable[..., Any]) -> None:
    for record in orjson.loads(run("summarize", transcript, "--json").stdout):
        stored = orjson.loads(run("show", record["session_id"], "--json").stdout)
        assert {name: record[name] for name in ("session_id", "user_id", "summary", "created_at", "message_count")} == {
            name: stored[name] for name in ("session_id", "user_id", "summary", "created_at", "message_count")
        }


def test_plain_is_a_line_a_session(transcript: Path, run: Callable[..., Any]) -> None:
    lines = run("summarize", transcript).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["s-1", "s-2", "=1+1"]
    piped = process("summarize", "-", stdin=transcript.read_bytes()).stdout.decode().splitlines()
    assert [line.split("\t")[5] for line in piped] == [line.split("\t")[5] for line in lines]


def test_limits_hold(transcript: Path, run: Callable[..., Any]) -> None:
    for record in orjson.loads(
        run("summarize", transcript, "--json", "--max-bullets", "1", "--max-chars", "30").stdout
    ):
        assert len(record["summary"]) <= 30
        assert record["summary_length"] == len(record["summary"])


def test_user_is_for_sessions_that_name_none() -> None:
    one = b'{"messages": [{"role": "user", "content": "a refund, please"}]}\n'
    for words, user in (([], "unknown"), (["--user", "나"], "나")):
        (record,) = orjson.loads(process("summarize", "-", "--json", *words, stdin=one).stdout)
        assert record["user_id"] == user


def test_rejected_inputs_are_named_and_the_rest_goes_on(
    transcript: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    done = run("summarize", tmp_path / "noise.bin", transcript, tmp_path / "none", "--json")
    assert done.exit_code == 3
    assert len(orjson.loads(done.stdout)) == 3
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == ["rejected", "rejected"]


@pytest.mark.parametrize("format_", ["json", "jsonl", "plain", "csv", "table"])
def test_nothing_readable_ends_with_6(run: Callable[..., Any], tmp_path: Path, format_: str) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    done = run("summarize", tmp_path / "noise.bin", "--format", format_)
    assert done.exit_code == 6
    assert done.stdout == {"json": "[]\n", "csv": done.stdout}.get(format_, "")
    assert "noise.bin" in done.stderr


def test_files_leave_the_store_alone(transcript: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("summarize", transcript, "--store", tmp_path / "s").exit_code == 0
    assert not (tmp_path / "s").exists()


def test_a_terminal_gets_something_to_read(transcript: Path) -> None:
    status, drawn = on_terminal("summarize", transcript)
    assert status == 0
    text = without_styles(drawn)
    assert "2026-01-04 15:10 · u-1 · rule_based · 2 messages" in text
    assert "  - " in text


def test_nothing_to_do_is_a_usage_error(run: Callable[..., Any]) -> None:
    assert run("summarize").exit_code == 2


def test_explain_tells_of_every_sentence_whether_and_why(transcript: Path, run: Callable[..., Any]) -> None:
    done = run("summarize", transcript, "--explain", "--json", "--max-bullets", "1")
    assert done.exit_code == 0
    sentences = orjson.loads(done.stdout)
    assert {sentence["session_id"] for sentence in sentences} == {"s-1", "s-2", "=1+1"}
    summaries = {
        record["session_id"]: record["summary"]
        for record in orjson.loads(run("summarize", transcript, "--json", "--max-bullets", "1").stdout)
    }
    for sentence in sentences:
        if sentence["chosen"]:
            assert sentence["text"][:10] in summaries[sentence["session_id"]]
        score = sentence["base"] + sum(sentence["terms"].values())
        for factor in sentence["factors"].values():
            score *= factor
        assert sentence["score"] == pytest.approx(score / sentence["length"])
    assert any(sentence["chosen"] for sentence in sentences)
    rows = [line.split("\t") for line in run("summarize", transcript, "--explain").stdout.splitlines()]
    assert {len(row) for row in rows} == {8}
    assert [row[7] for row in rows if row[0] == "s-1"][0].startswith("환불")  # noqa: RUF015
    status, drawn = on_terminal("summarize", transcript, "--explain")
    assert status == 0
    assert "* 0." in without_styles(drawn)


def test_explain_of_nothing_readable_ends_with_6(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    assert run("summarize", tmp_path / "noise.bin", "--explain").exit_code == 6
