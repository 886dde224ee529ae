from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.store.storage import SessionSummaryStorage
from tests.cli.conftest import SESSIONS, on_terminal, process, without_styles


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that does not exist yet."""
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "target"))
    return tmp_path / "target"


def report(done: Any) -> dict[str, Any]:
    found = orjson.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_new_then_unchanged_then_grown(transcript: Path, target: Path, run: Callable[..., Any]) -> None:
    first = run("ingest", transcript, "--json")
    assert (first.exit_code, first.stderr) == (0, "")
    assert report(first)["sessions"] == {"new": 3, "updated": 0, "unchanged": 0, "forgotten": 0}
    assert report(first)["messages"] == 6
    assert report(first)["files"] == {"read": 1, "unchanged": 0, "rejected": 0}

    again = report(run("ingest", transcript, "--json"))
    assert again["sessions"]["new"] == 0
    assert again["files"] == {"read": 0, "unchanged": 1, "rejected": 0}

    grown = [
        *SESSIONS,
        {**SESSIONS[0], "messages": [*SESSIONS[0]["messages"], {"role": "user", "content": "감사합니다!"}]},
    ]
    transcript.write_bytes(b"".join(orjson.dumps(session) + b"\n" for session in grown))
    after = report(run("ingest", transcript, "--json"))
    assert (after["sessions"]["new"], after["sessions"]["updated"]) == (0, 1)


def test_report_has_every_name_of_the_contract(transcript: Path, target: Path, run: Callable[..., Any]) -> None:
    found = report(run("ingest", transcript, "--json"))
    assert list(found) == ["sessions", "queued", "unqueued", "messages", "files", "rejected", "warnings", "elapsed_s"]
    assert found["rejected"] == []
    assert isinstance(found["elapsed_s"], float)


def test_plain_report_names_and_counts(transcript: Path, target: Path, run: Callable[..., Any]) -> None:
    rows = dict(line.split("\t") for line in run("ingest", transcript).stdout.splitlines())
    assert rows["sessions new"] == "3"
    assert rows["files read"] == "1"


def test_standard_input(transcript: Path, target: Path) -> None:
    done = process("ingest", "-", "--json", stdin=transcript.read_bytes())
    assert report(done)["sessions"]["new"] == 3


def test_some_rejected_ends_with_3_and_names_them(
    transcript: Path, target: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    transcript.write_bytes(transcript.read_bytes() + b'{"session_id": "torn", "messages": [\n')
    done = run("ingest", transcript, tmp_path / "noise.bin", tmp_path / "none")
    assert done.exit_code == 3
    lines = [line for line in done.stderr.splitlines() if line.startswith("rejected: ")]
    assert len(lines) == 3
    assert any("noise.bin" in line for line in lines)
    assert any(f"{transcript}:4: " in line for line in lines)

    again = run("ingest", transcript, tmp_path / "noise.bin", tmp_path / "none", "--json")
    assert (again.exit_code, again.stderr) == (3, "")
    for rejected in report(again)["rejected"]:
        assert list(rejected) == ["path", "line", "reason"]
    assert {rejected["line"] for rejected in report(again)["rejected"]} == {4, None}


def test_all_rejected_ends_with_6(target: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    done = run("ingest", tmp_path / "noise.bin")
    assert done.exit_code == 6
    assert "error: nothing could be read" in done.stderr
    assert "--explain" in done.stderr
    json = run("ingest", tmp_path / "noise.bin", "--json")
    assert json.exit_code == 6
    assert orjson.loads(json.stderr)["error"]["code"] == "nothing_readable"
    assert len(report(json)["rejected"]) == 1
    (tmp_path / "empty").mkdir()
    assert run("ingest", tmp_path / "empty").exit_code == 6


def test_a_file_of_rejected_sessions_only_ends_with_6(target: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"session_id": "a", "messages": 1}\n{"session_id": "b", "messages": 2}\n')
    assert run("ingest", path, "--input-format", "native").exit_code == 6


def test_rejected_names_are_inert(target: Path, run: Callable[..., Any], tmp_path: Path, transcript: Path) -> None:
    name = "evil\x1b[31m\u202e.bin"
    (tmp_path / name).write_bytes(bytes(range(256)))
    done = run("ingest", transcript, tmp_path / name)
    assert done.exit_code == 3
    assert "evil.bin" in done.stderr
    assert "\x1b" not in done.stderr


def test_many_rejected_are_counted(target: Path, run: Callable[..., Any], tmp_path: Path, transcript: Path) -> None:
    (tmp_path / "noise").mkdir()
    for number in range(30):
        (tmp_path / "noise" / f"{number}.bin").write_bytes(bytes(range(256)))
    done = run("ingest", tmp_path / "noise", transcript)
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) == 21
    assert "10 more" in done.stderr


def test_unknown_input_format_ends_with_13(transcript: Path, target: Path, run: Callable[..., Any]) -> None:
    done = run("ingest", transcript, "--input-format", "xml")
    assert done.exit_code == 13
    assert "native" in done.stderr.splitlines()[1]


def test_dry_run_stores_nothing(transcript: Path, target: Path, run: Callable[..., Any]) -> None:
    done = run("ingest", transcript, "--dry-run", "--json")
    assert report(done)["sessions"]["new"] == 3
    assert not target.exists()


def test_user_source_and_transcripts(target: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text('{"session_id": "n", "messages": [{"role": "user", "content": "환불 문의드립니다"}]}\n')
    done = run("ingest", path, "--user", "나", "--source", "헬프데스크", "--no-transcripts")
    assert done.exit_code == 0, done.stderr
    assert run("search", "--user", "나", "--source", "헬프데스크").stdout.split("\t")[0] == "n"
    missing = run("show", "n", "--messages")
    assert missing.exit_code == 15
    assert "--no-transcripts" in missing.stderr


def test_bullets_and_characters_are_limited(transcript: Path, target: Path, run: Callable[..., Any]) -> None:
    run("ingest", transcript, "--max-bullets", "1", "--max-chars", "60")
    for line in run("search", "--format", "jsonl").stdout.splitlines():
        summary = orjson.loads(line)["summary"]
        assert len(summary) <= 60
        assert summary.count("\n") == 0


def test_settings_file_gives_the_defaults(transcript: Path, target: Path, run: Callable[..., Any], home: Path) -> None:
    (home / ".config/ion-summary").mkdir(parents=True)
    (home / ".config/ion-summary/config.toml").write_text("max_chars = 40\n")
    run("ingest", transcript)
    assert all(
        orjson.loads(line)["summary_length"] <= 40 for line in run("search", "--format", "jsonl").stdout.splitlines()
    )


def test_explain_names_format_and_evidence(
    transcript: Path, target: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(transcript, "inside.jsonl")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    paths = [tmp_path / "archive.zip", tmp_path / "noise.bin", transcript]
    done = run("ingest", "--explain", *paths, "--json")
    assert done.exit_code == 3
    found = orjson.loads(done.stdout)
    assert [each["format"] for each in found] == ["native", None, "native"]
    assert found[0]["source"].endswith("archive.zip:inside.jsonl")
    assert found[1]["reason"]
    assert {"format", "score", "reason"} == set(found[2]["evidence"][0])
    assert not target.exists()
    assert [line.split("\t")[1] for line in run("ingest", "--explain", *paths).stdout.splitlines()] == [
        "native",
        "",
        "native",
    ]
    status, drawn = on_terminal("ingest", "--explain", *paths)
    assert status == 3
    assert "native 95" in without_styles(drawn)


def test_explain_tells_what_is_passed_over(transcript: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (inbox / ".git").mkdir(parents=True)
    (inbox / "photo.png").write_bytes(b"x")
    (inbox / "talk.jsonl").write_bytes(transcript.read_bytes())
    with zipfile.ZipFile(inbox / "claude.zip", "w") as archive:
        archive.writestr("conversations.json", '[{"uuid": "c", "chat_messages": [{"sender": "human", "text": "hi"}]}]')
        archive.writestr("users.json", "[]")
        archive.writestr("projects/1.json", "{}")
    done = run("ingest", "--explain", inbox, "--json")
    assert done.exit_code == 0, "nothing is wrong with what is passed over"
    found = {Path(each["source"]).name: each for each in orjson.loads(done.stdout)}
    assert {name for name, each in found.items() if each["passed_over"]} == {
        ".git", "photo.png", "claude.zip:users.json", "claude.zip:projects",
    }  # fmt: skip
    assert found["photo.png"]["reason"] == "media"
    assert found["claude.zip:conversations.json"]["format"] == "claude"
    assert "passed over: media" in run("ingest", "--explain", inbox).stdout


def test_a_second_writer_waits_and_then_ends_with_11(store: Path, transcript: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"session_id": "x", "user_id": "x", "messages": [{"role": "user", "content": "hello there"}]}\n')
    with SessionSummaryStorage(store).writing():
        done = process("ingest", other, "--lock-timeout", "0.05", "--json")
        assert process("search", "환불").returncode == 0
    assert done.returncode == 11
    error = orjson.loads(done.stderr)["error"]
    assert (error["code"], error["exit_code"]) == ("store_locked", 11)
    assert process("ingest", other, "--lock-timeout", "5").returncode == 0


def test_a_store_that_cannot_be_written_ends_with_14(transcript: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("ingest", transcript, "--store", tmp_path / "file" / "store")
    assert done.exit_code == 14
    assert done.stderr.startswith("error: cannot write ")


def test_bars_only_where_somebody_sees_them(transcript: Path, target: Path) -> None:
    assert process("ingest", transcript).stderr == b""
    status, drawn = on_terminal("ingest", transcript, "--store", f"{target}-2")
    assert status == 0
    assert "\x1b[?25l" in drawn  # the cursor is hidden while a bar is drawn
    _, quiet = on_terminal("ingest", transcript, "--store", f"{target}-3", "--quiet")
    assert "\x1b[?25l" not in quiet


def test_no_bar_is_left_behind_by_an_error(store: Path, transcript: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"session_id": "x", "user_id": "x", "messages": [{"role": "user", "content": "hello there"}]}\n')
    with SessionSummaryStorage(store).writing():
        status, drawn = on_terminal("ingest", other, "--lock-timeout", "0.05")
    assert status == 11
    assert drawn.rfind("\x1b[?25h") > drawn.rfind("\x1b[?25l")  # the cursor is back
    assert "error: " in drawn[drawn.rfind("\x1b[?25h") :]


def test_interrupted_and_taken_up_again(target: Path, tmp_path: Path) -> None:
    line = orjson.dumps(SESSIONS[0])
    child = subprocess.Popen(
        [sys.executable, "-m", "ion_summary", "ingest", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write((line + b"\n") * 1000)
    child.stdin.flush()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in err
    assert process("ingest", "-", stdin=line).returncode == 0
