"""Input made to harm: it costs bounded memory, is rejected with file and line, and what is good around it is read."""

from __future__ import annotations

import sqlite3
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ion_summary.model import Message, Session
from ion_summary.transcripts import json_value, lines, read, reading
from ion_summary.transcripts.detect import READERS, detect
from ion_summary.transcripts.reader import Rejected, Source
from tests.transcripts.helpers import OPTIONS, items, sessions

GOOD = b'{"session_id": "good", "messages": [{"role": "user", "content": "x"}]}'
MEGABYTE = 1 << 20


def peak(action: Callable[[], object]) -> int:
    """Bytes of Python objects at the highest point of ``action``."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def reasons(path: Path, format_name: str | None = "native") -> list[tuple[int | None, str]]:
    return [(each.line, each.reason) for each in items(path, format_name=format_name) if isinstance(each, Rejected)]


@pytest.mark.parametrize("bomb", [b"[" * 8_000_000, b'{"a":' * 150_000, b"[" * 1_000_000 + b"]" * 1_000_000])
def test_depth_bombs(tmp_path: Path, bomb: bytes) -> None:
    path = tmp_path / "bomb.jsonl"
    path.write_bytes(GOOD + b"\n" + bomb + b"\n" + GOOD + b"\n")
    assert peak(lambda: items(path)) < 5 * len(bomb) + 32 * MEGABYTE
    assert [session.place for session in sessions(path)] == ["1", "3"]
    assert [line for line, _ in reasons(path)] == [2]
    (tmp_path / "bomb.json").write_bytes(b"[" + GOOD + b"," + bomb)
    assert peak(lambda: items(tmp_path / "bomb.json")) < 5 * len(bomb) + 32 * MEGABYTE
    assert len(sessions(tmp_path / "bomb.json")) == 1


def test_a_line_of_too_many_values(tmp_path: Path) -> None:
    path = tmp_path / "wide.jsonl"
    wide = b'{"session_id": "w", "messages": [' + b"[]," * 1_100_000 + b"1]}"
    path.write_bytes(wide + b"\n" + GOOD + b"\n")
    assert peak(lambda: items(path, format_name="native")) < 5 * len(wide)
    assert reasons(path) == [(1, "more than 1,000,000 values in one piece")]
    assert len(sessions(path, format_name="native")) == 1


def test_many_commas_in_text_are_not_many_values() -> None:
    assert json_value.loads(b'["' + b"[,{" * 1_000_000 + b'"]') == ["[,{" * 1_000_000]


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 1000)
    path = tmp_path / "long.jsonl"
    path.write_bytes(GOOD + b"\n" + b"x" * 5000 + b"\n" + GOOD + b"\n" + b"y" * 1000 + b"\n" + GOOD)
    assert [(line, "longer than" in reason) for line, reason in reasons(path)] == [(2, True), (4, True)]
    assert [session.place for session in sessions(path)] == ["1", "3", "5"]


def test_a_million_complaints_are_counted_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_REJECTED", 10)
    monkeypatch.setattr(reading, "MAX_UNREADABLE", 100)
    path = tmp_path / "junk.jsonl"
    path.write_bytes(GOOD + b"\n" + b"{]\n" * 500 + GOOD + b"\n")
    found = items(path, format_name="native")
    assert len([each for each in found if isinstance(each, Session)]) == 2, "after a session, nothing is given up"
    assert [each.reason for each in found if isinstance(each, Rejected)][10:] == ["490 more parts could not be read"]
    path.write_bytes(b"{]\n" * 500 + GOOD + b"\n")
    found = items(path, format_name="native")
    assert len(found) == 11
    assert isinstance(found[-1], Rejected)
    assert found[-1].reason == "91 more parts could not be read; the rest was left"


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_are_none(tmp_path: Path, word: bytes) -> None:
    path = tmp_path / "nan.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD.replace(b'"good"', word) + b"\n")
    assert reasons(path) == [(2, "not JSON: NaN and Infinity are no numbers there")]


def test_a_file_that_cannot_be_read_any_more_is_rejected_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "gone.jsonl"
    path.write_bytes(GOOD)
    source = Source("gone.jsonl", path)
    reader = detect(source).reader
    assert reader
    path.unlink()
    assert list(read(source, reader, OPTIONS)) == [Rejected("gone.jsonl", None, "no such file or directory")]


@pytest.mark.parametrize("format_name", list(READERS))
def test_every_text_that_a_reader_gives_is_inert(tmp_path: Path, format_name: str) -> None:
    act = "\\u001b[31m\\u202e\\u0007"
    raw = "\x1b[31m\u202e\x07"
    inputs = {
        "native": f'{{"session_id": "i{act}d", "user_id": "u{act}", "metadata": {{"t{act}": ["v{act}"]}},'
        f' "messages": [{{"role": "user", "name": "n{act}", "content": "c{act}"}}]}}',
        "openai": f'{{"messages": [{{"role": "user", "name": "n{act}", "content": "c{act}"}}]}}',
        "llm": "",
        "mbox": f"From: n{raw} <a@x>\nSubject: t{raw}\nMessage-ID: <i{raw}d@x>\n\nc{raw}\n",
        "csv": f"session_id,user_id,speaker,content\ni{raw},u{raw},n{raw},c{raw}\n",
        "chatgpt": f'[{{"id": "i{act}", "title": "t{act}", "mapping": {{"a": {{"parent": null, "message":'
        f' {{"author": {{"role": "user"}}, "content": {{"parts": ["c{act}"]}}}}}}}}}}]',
        "claude": f'[{{"uuid": "i{act}", "name": "t{act}", "chat_messages": [{{"uuid": "a", "sender": "human",'
        f' "text": "c{act}"}}]}}]',
        "claude_code": f'{{"type": "user", "uuid": "a", "sessionId": "i{act}", "cwd": "t{act}",'
        f' "message": {{"role": "user", "content": "c{act}"}}}}',
        "slack": f'[{{"type": "message", "ts": "1767507000.000100", "text": "c{act}", "user": "U1",'
        f' "user_profile": {{"display_name": "n{act}"}}}}]',
        "codex": f'{{"type": "session_meta", "payload": {{"id": "i{act}", "cwd": "t{act}"}}}}\n'
        '{"type": "response_item", "payload": {"type": "message", "role": "user",'
        f' "content": [{{"text": "c{act}"}}]}}}}',
        "gemini_cli": f'{{"sessionId": "i{act}", "projectHash": "p", "summary": "t{act}"}}\n'
        f'{{"id": "1", "type": "user", "content": "c{act}"}}',
        "discord": f'{{"guild": {{}}, "channel": {{"id": "i{act}", "name": "t{act}"}}, "messages": [{{"type": "Reply",'
        f' "timestamp": "2026-01-01T09:00:00Z", "content": "c{act}", "author": {{"name": "n{act}"}}}}]}}',
        "telegram": f'{{"name": "t{act}", "id": "i{act}", "messages": [{{"type": "message",'
        f' "date_unixtime": "1767507000", "from": "n{act}", "text": ["c{act}"]}}]}}',
        "facebook": f'{{"messages": [{{"sender_name": "n{act}", "timestamp_ms": 1767507000000, "content": "c{act}"}}],'
        f' "title": "t{act}", "thread_path": "inbox/x_1234567890"}}',
        "aistudio": f'{{"chunkedPrompt": {{"chunks": [{{"role": "user", "text": "c{act}"}}]}},'
        f' "runSettings": {{"model": "m{act}"}}}}',
        "gemini_takeout": '<html><div class="outer-cell"><div class="header-cell"><p>Gemini Apps</p></div>'
        f'<div class="content-cell">Prompted c{raw}<br>Jan 5, 2026, 3:04:11 PM KST<br>d{raw}</div></div>',
        "sharegpt": f'{{"id": "i{act}", "conversations": [{{"from": "human", "value": "c{act}"}}]}}',
        "aider": f"# aider chat started at 2026-01-04 10:00:00\n#### c{raw}\n",
        "captions": f"WEBVTT\n\n00:01.000 --> 00:02.000\n<v n{raw}>c{raw}</v>\n",
        "whatsapp": f"24/8/21 PM 2:38 - n{raw}: c{raw}\n",
        "plaintext": f"---\ntitle: t{raw}\n---\nUser: c{raw}\nAgent: d{raw}\n",
        "kakaotalk": f"방{raw} 님과 카카오톡 대화\n2026. 1. 4. 오후 3:10, 이름{raw} : c{raw}\n",
    }
    path = tmp_path / "acts.txt"
    path.write_text(inputs[format_name], "utf-8")
    if format_name == "llm":
        _write_log(path, raw)
    [session] = sessions(path, format_name=format_name)
    assert session.messages[0].content == "c"
    said = [session.session_id, session.user_id, session.room, session.messages[0].name, *_texts(session.metadata)]
    assert not {"\x1b", "\u202e", "\x07"} & set("".join(filter(None, said)))


def _write_log(path: Path, raw: str) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE conversations (id, name, model)")
        db.execute("CREATE TABLE responses (id, prompt, response, conversation_id, model)")
        db.execute("INSERT INTO conversations VALUES (?, ?, ?)", (f"i{raw}", f"t{raw}", f"m{raw}"))
        db.execute("INSERT INTO responses VALUES (?, ?, ?, ?, ?)", ("r", f"c{raw}", "d", f"i{raw}", f"m{raw}"))
        db.commit()


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else [str(value)]


def test_metadata_nested_too_deep_for_a_record_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_bytes(GOOD[:-1] + b', "metadata": {"a": ' + b"[" * 500 + b"]" * 500 + b', "title": "kept"}}\n')
    [session] = sessions(path)
    assert session.metadata["title"] == "kept"
    assert str(session.metadata["a"]).count("[") < 20


@pytest.mark.parametrize("split", ["day", "none"])
def test_a_room_is_read_in_bounded_memory(tmp_path: Path, split: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ion_summary.transcripts.rooms.MAX_CHARACTERS", 30_000)
    path = tmp_path / "room.txt"
    with path.open("w", encoding="utf-8") as file:
        for number in range(3_000):
            file.write(f"2026. {number // 300 + 1}. {number // 15 % 20 + 1}. 오후 3:10, 이름 : {'긴 메시지 ' * 30}\n")
    source = Source("room.txt", path)
    options = type(OPTIONS)(OPTIONS.tz, split)
    assert (
        peak(lambda: sum(isinstance(item, Session) for item in read(source, READERS["kakaotalk"], options)))
        < 0.75 * path.stat().st_size
    )


@pytest.mark.parametrize(
    ("format_name", "first"),
    [
        ("kakaotalk", "2026. 1. 4. 오후 3:10, 이름 : x"),
        ("whatsapp", "[2026. 1. 4. 15:10:00] 이름: x"),
        ("plaintext", "User: x"),
        ("captions", "WEBVTT\n\n00:01.000 --> 00:02.000"),
    ],
)
def test_a_message_without_an_end_is_read_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str, first: str
) -> None:
    for module in ("rooms", "plaintext", "captions"):
        monkeypatch.setattr(f"ion_summary.transcripts.{module}.MAX_CHARACTERS", 30_000)
    path = tmp_path / "endless.txt"
    path.write_text(f"{first}\n" + "\n".join(f"{number} 끝이 없는 말 " * 9 for number in range(20_000)), "utf-8")
    source = Source("endless.txt", path)

    def read_all() -> None:
        found = [
            len(item.messages) for item in read(source, READERS[format_name], OPTIONS) if isinstance(item, Session)
        ]
        assert sum(found) > 7

    assert peak(read_all) < 0.5 * path.stat().st_size


def test_values_that_a_reader_hands_on_are_what_the_model_says() -> None:
    message = Message("user", "x")
    assert hash(message) == hash(Message("user", "x"))
    assert message == Message("user", "x")
    assert sys.getsizeof(message) < 100
