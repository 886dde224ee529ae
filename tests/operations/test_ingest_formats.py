"""Exports of real applications given again, later, overlapping or while they grow: each conversation is stored once."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ion_summary.model import Message
from ion_summary.operations.ingest import IngestReport, IngestRequest, ingest
from ion_summary.operations.show import messages
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.transcripts.helpers import GOLDEN


def run(storage: SessionSummaryStorage, *paths: Path, **more: Any) -> IngestReport:
    return ingest(storage, IngestRequest(list(paths), workers=1, **more), Silent())


def counts(report: IngestReport) -> tuple[int, int, int]:
    return report.new, report.updated, report.unchanged


def spoken(storage: SessionSummaryStorage, session_id: str) -> list[str]:
    return [message.content for message in messages(storage, session_id)]


def claude(*texts: str) -> dict[str, Any]:
    said = [
        {"uuid": f"m{n}", "text": text, "sender": ("human", "assistant")[n % 2], "parent_message_uuid": f"m{n - 1}",
         "created_at": f"2026-03-07T12:04:{n:02}Z"} for n, text in enumerate(texts)
    ]  # fmt: skip
    return {"uuid": "conversation", "name": "환불", "chat_messages": said}


def chatgpt(*texts: str) -> dict[str, Any]:
    mapping = {
        f"n{n}": {
            "parent": f"n{n - 1}" if n else None,
            "message": {"author": {"role": ("user", "assistant")[n % 2]}, "content": {"parts": [text]}},
        }
        for n, text in enumerate(texts)
    }
    return {"conversation_id": "conversation", "current_node": f"n{len(texts) - 1}", "mapping": mapping}


def zipped(path: Path, **members: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in members.items():
            file.writestr(name.replace("__", "."), json.dumps(value))
    return path


@pytest.mark.parametrize("conversation", [claude, chatgpt])
def test_a_later_export_updates_and_an_older_one_changes_nothing(
    storage: SessionSummaryStorage, tmp_path: Path, conversation: Any
) -> None:
    first = zipped(tmp_path / "march.zip", conversations__json=[conversation("질문", "답")], users__json=[])
    later = zipped(
        tmp_path / "april.zip",
        conversations__json=[conversation("질문", "답", "감사합니다", "천만에요")],
        users__json=[],
    )
    assert counts(run(storage, first)) == (1, 0, 0)
    assert counts(run(storage, later)) == (0, 1, 0)
    assert spoken(storage, "conversation") == ["질문", "답", "감사합니다", "천만에요"]
    first.rename(tmp_path / "found again.zip")
    assert counts(run(storage, tmp_path / "found again.zip")) == (0, 0, 1)
    (tmp_path / "unpacked").mkdir()
    with zipfile.ZipFile(later) as file:
        file.extractall(tmp_path / "unpacked")
    assert counts(run(storage, tmp_path / "unpacked")) == (0, 0, 1)


def test_a_log_of_claude_code_grows_line_by_line(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    raw = (GOLDEN / "claude_code.jsonl").read_bytes().splitlines(keepends=True)
    session_id = "3f2b1a90-0000-4000-8000-00000000000a"
    path = tmp_path / f"{session_id}.jsonl"
    new = updated = 0
    for number in range(1, len(raw)):
        path.write_bytes(b"".join(raw[:number]) + raw[number][: len(raw[number]) // 2])
        report = run(storage, path)
        new, updated = new + report.new, updated + report.updated
        assert len(report.rejected) <= 1, "the line that holds no record"
    assert new == 2, "the session and its sub-agent"
    assert updated > 5
    assert "이건 되돌린 지시" not in spoken(storage, session_id)
    assert spoken(storage, session_id)[-1] == "plain text as content"
    assert counts(run(storage, path)) == (0, 0, 0), "known and unchanged: not even read"


@pytest.mark.parametrize("name", ["codex.jsonl", "gemini_cli.jsonl"])
def test_other_logs_grow_too(storage: SessionSummaryStorage, tmp_path: Path, name: str) -> None:
    raw = (GOLDEN / name).read_bytes()
    path = tmp_path / name
    reports = []
    for end in range(len(raw) // 4, len(raw) + 1, len(raw) // 4):
        path.write_bytes(raw[:end])
        reports.append(run(storage, path))
    assert sum(report.new for report in reports) == 1
    assert sum(report.updated for report in reports) >= 1
    assert len(storage.list_recent(10)) == 1


def test_a_session_of_gemini_cli_as_json_and_as_jsonl_is_one(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    chats = tmp_path / "chats"
    chats.mkdir()
    said = [{"id": f"m{n}", "type": ("user", "gemini")[n % 2], "content": f"text {n}"} for n in range(4)]
    about = {"sessionId": "g", "projectHash": "p", "startTime": "2026-07-22T07:53:15Z"}
    (chats / "session-1.json").write_text(json.dumps({**about, "messages": said[:2]}))
    (chats / "session-1.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (about, *said)))
    assert counts(run(storage, chats)) == (1, 1, 0)
    assert spoken(storage, "g") == ["text 0", "text 1", "text 2", "text 3"]


def test_the_prompts_of_two_takeout_archives_overlap(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    page = (GOLDEN / "내활동.html").read_text("utf-8")
    cells = page.split('<div class="outer-cell')
    (tmp_path / "1.html").write_text('<div class="outer-cell'.join([cells[0], *cells[2:]]), "utf-8")
    (tmp_path / "2.html").write_text(page, "utf-8")
    assert counts(run(storage, tmp_path / "1.html")) == (2, 0, 0)
    assert counts(run(storage, tmp_path / "2.html")) == (1, 0, 2)


def mail(number: int, sender: str, text: str, *references: str) -> str:
    referred = f"References: {' '.join(f'<{each}>' for each in references)}\n" if references else ""
    return (
        f"From {sender} Sun Jan  4 06:1{number}:00 2026\nFrom: {sender}\nTo: minsu@example.com\nSubject: 환불\n"
        f"Date: Sun, 04 Jan 2026 06:1{number}:00 +0000\nMessage-ID: <m{number}@x>\n{referred}\n{text}\n\n"
    )


def test_a_thread_in_two_mailboxes_is_united(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    question = mail(0, "minsu@example.com", "환불하고 싶어요")
    answer = mail(1, "help@shop.example", "확인했습니다", "m0@x")
    thanks = mail(2, "minsu@example.com", "감사합니다", "m0@x", "m1@x")
    (tmp_path / "inbox.mbox").write_text(question + thanks, "utf-8")
    (tmp_path / "sent.mbox").write_text(answer, "utf-8")
    assert counts(run(storage, tmp_path / "inbox.mbox")) == (1, 0, 0)
    assert counts(run(storage, tmp_path / "sent.mbox")) == (0, 1, 0)
    assert spoken(storage, "m0@x") == ["환불하고 싶어요", "확인했습니다", "감사합니다"]
    found = storage.load("m0@x")
    assert found is not None
    assert found.user_id == "minsu@example.com", "who began the thread, although the other mailbox holds none of his"
    (tmp_path / "all.mbox").write_text(question + answer + thanks, "utf-8")
    assert counts(run(storage, tmp_path / "all.mbox"))[:2] == (0, 0)


def test_a_table_that_has_grown(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    path.write_text("ticket_id,role,text\nA,user,hello\nB,user,other\n")
    assert counts(run(storage, path)) == (2, 0, 0)
    with path.open("a") as file:
        file.write("A,assistant,hi\n")
    assert counts(run(storage, path)) == (0, 1, 1)
    assert messages(storage, "A") == [Message("user", "hello"), Message("assistant", "hi")]


def test_a_log_of_llm_that_has_grown(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    path = tmp_path / "logs.db"
    path.write_bytes((GOLDEN / "llm-logs.db").read_bytes())
    assert counts(run(storage, path)) == (3, 0, 0)
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO responses (id, prompt, response, conversation_id) VALUES ('02', '또', '네', 'c2')")
        db.commit()
    assert counts(run(storage, path)) == (0, 1, 2)
    assert spoken(storage, "c2") == ["one prompt", "one answer", "또", "네"]
