"""What is taken for which format, and that nothing unknown is taken for text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.errors import UnknownFormatError
from ion_summary.transcripts.detect import READERS, detect
from ion_summary.transcripts.reader import Evidence, Rejected, Source
from ion_summary.transcripts.sniff import HEAD
from tests.transcripts.helpers import GOLDEN, items

GOLDEN_FILES = sorted(
    path for path in GOLDEN.rglob("*") if path.is_file() and path.suffixes[-2:] != [".expected", ".json"]
)

UNKNOWN = {
    "prose.txt": "Dear diary,\nNote: nothing happened today.\n",
    "log.txt": "2026-01-04 10:00:00 INFO start\nSystem: boot\n",
    "list.csv": "id,name\n1,x\n",
    "config.json": '{"a": 1}',
    "numbers.json": "[1, 2, 3]",
    "rows.jsonl": '{"a": 1}\n{"a": 2}\n',
    "empty.txt": "",
    "blank.txt": " \n\n",
    "page.html": "<html><body>User: hi</body></html>",
    "program.py": "def f():\n    return {'role': 'user'}\n",
    "picture.bin": "\x00\x01\x02",
    "markup.md": "# Title\n\nSome text about an assistant: it is nice.\n",
}


def source(path: Path, content: str | bytes) -> Source:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Source(path.name, path)


@pytest.mark.parametrize("name", UNKNOWN)
def test_the_unknown_is_rejected_with_a_reason(tmp_path: Path, name: str) -> None:
    detection = detect(source(tmp_path / name, UNKNOWN[name]))
    assert detection.reader is None
    assert detection.reason


def test_the_nearest_format_is_named(tmp_path: Path) -> None:
    detection = detect(source(tmp_path / "x.json", '[{"mapping": 1}]'))
    assert "chatgpt" in detection.reason
    assert detection.evidence[0][0] == "chatgpt"
    assert detection.evidence[0][1].score < Evidence.TAKEN


def test_other_kinds_of_files_are_called_by_name(tmp_path: Path) -> None:
    assert "zip" in detect(source(tmp_path / "a", b"PK\x03\x04...")).reason
    assert "SQLite" in detect(source(tmp_path / "a", b"SQLite format 3\x00")).reason
    assert "gzip" in detect(source(tmp_path / "a", b"\x1f\x8b\x08")).reason


def test_all_evidence_is_told_best_first() -> None:
    detection = detect(Source("x", GOLDEN / "native.jsonl"))
    assert [name for name, _ in detection.evidence][:2] == ["native", "openai"]
    assert detection.reader is READERS["native"]
    assert detection.reason == detection.evidence[0][1].reason


def test_a_named_format_is_taken_at_its_word(tmp_path: Path) -> None:
    file = source(tmp_path / "x.txt", "Dear diary\n")
    assert detect(file, "plaintext").reader is READERS["plaintext"]
    assert [type(item) for item in items(tmp_path / "x.txt", format_name="plaintext")] == [Rejected]
    with pytest.raises(UnknownFormatError, match="nonsense") as raised:
        detect(file, "nonsense")
    assert "kakaotalk" in raised.value.hint


def test_a_missing_file_is_a_reason() -> None:
    assert detect(Source("x", Path("/nonexistent/x"))).reason == "no such file or directory"


@pytest.mark.parametrize("size", [70_000, 200_000])
def test_a_first_message_longer_than_what_is_looked_at(tmp_path: Path, size: int) -> None:
    text = "가" * size
    native = f'{{"session_id": "s", "messages": [{{"role": "user", "content": "{text}"}}]}}'
    for content in (f"{native}\n{native}\n", f"[{native},\n{native}]"):
        found = source(tmp_path / "x", content)
        assert detect(found).reader is READERS["native"]
        assert [type(item).__name__ for item in items(tmp_path / "x")][:2] == ["Session", "Session"]
    node = f'{{"id": "n", "parent": null, "message": {{"author": {{"role": "user"}}, "content": {{"parts": ["{text}'
    export = f'[{{"title": "t", "mapping": {{"n": {node}'
    assert detect(source(tmp_path / "x", export)).reader is READERS["chatgpt"]


def test_a_speaker_called_by_a_number_is_no_json(tmp_path: Path) -> None:
    lines = "--------------- 2026년 1월 4일 일요일 ---------------\n"
    assert (
        detect(source(tmp_path / "x", "[123] [오전 1:01] 안녕\n[123] [오전 1:02] 네\n" + lines)).reader
        is READERS["kakaotalk"]
    )


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"model": "m", "tools": ["x" * 90_000], "messages": [{"role": "user", "content": "환불"}]}, "openai"),
        (
            {"metadata": {"x": "y" * 90_000}, "session_id": "s", "messages": [{"role": "user", "content": "환불"}]},
            "native",
        ),
        ({"messages": [{"content": "환불 " * 30_000, "role": "user"}]}, "openai"),
        ({"session_id": "s" * 100_000, "messages": [{"role": "user", "content": "환불"}]}, "native"),
    ],
    ids=["tools", "metadata", "content", "id"],
)
def test_what_tells_the_format_may_stand_behind_much_else(document: dict[str, Any], name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(orjson.dumps(document))
    assert detect(Source(path.name, path)).reader is READERS[name]


def test_damage_in_the_first_line_does_not_hide_the_format(tmp_path: Path) -> None:
    good = (GOLDEN / "openai.jsonl").read_bytes()
    assert detect(source(tmp_path / "x", b'{"broken\n' + good)).reader is READERS["openai"]


@pytest.mark.parametrize("path", GOLDEN_FILES, ids=lambda path: path.name)
def test_whoever_is_not_asked_has_nothing_to_say(path: Path) -> None:
    """Of a kind of content only the readers are asked that can be of that kind; the others would find nothing."""
    head = path.read_bytes()[:HEAD]
    if not head:
        return
    told = {name for name, _ in detect(Source(path.name, path)).evidence}
    assert {name for name in READERS if READERS[name].recognise(head, path.name)} == told


def test_formats_may_be_named_with_hyphens(tmp_path: Path) -> None:
    assert detect(source(tmp_path / "x", ""), "claude-code").reader is READERS["claude_code"]


PAGE = "# How exports look\n\n" + "이 문서는 형식을 설명합니다.\n\n- A point about it.\n\n" * 20


@pytest.mark.parametrize(
    "name",
    [
        "WhatsApp Chat with Anna.txt",
        "whatsapp-uk.txt",
        "kakaotalk-android.txt",
        "kakaotalk-windows.txt",
        "aider.chat.history.md",
        "specstory.md",
    ],
)
def test_a_page_that_quotes_an_export_is_not_one(tmp_path: Path, name: str) -> None:
    [golden] = GOLDEN.rglob(name)
    page = tmp_path / "page.md"
    page.write_text(PAGE + golden.read_text("utf-8"), "utf-8")
    assert detect(Source(page.name, page)).reader is None


def test_what_is_said_about_a_conversation_may_be_long(tmp_path: Path) -> None:
    front = "---\n" + "".join(f"tag{number}: 환불\n" for number in range(40)) + "---\n# 상담\n\n"
    said = "**User:** 환불하고 싶어요\n\n**Assistant:** 주문 번호를 알려 주세요.\n"
    assert detect(source(tmp_path / "x.md", front + said)).reader is READERS["plaintext"]
    assert detect(source(tmp_path / "x.md", front + "A line about it.\n" * 40 + said)).reader is None
