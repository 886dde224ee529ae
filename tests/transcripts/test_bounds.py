"""Sessions too long to be held, threads that never end, pieces that are too large: parts, reasons, bounded memory."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import ModuleType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import exports
from ion_summary.model import Session
from ion_summary.transcripts import (
    agents,
    aistudio,
    claude_code,
    codex,
    gemini_cli,
    gemini_takeout,
    mbox,
    read,
    scattered,
)
from ion_summary.transcripts.agents import without_envelopes
from ion_summary.transcripts.detect import READERS
from ion_summary.transcripts.pieces import pieces
from ion_summary.transcripts.reader import Rejected, Source
from tests.transcripts.helpers import OPTIONS, items, sessions
from tests.transcripts.test_hostile import MEGABYTE, peak


@pytest.mark.parametrize("module", [claude_code, codex, gemini_cli], ids=lambda module: module.READER.name)
def test_a_session_that_never_ends_is_stored_in_parts(
    tmp_path: Path, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = module.READER.name
    path = tmp_path / "log.jsonl"
    exports.WRITERS[name](path, 300_000)
    [whole] = sessions(path)
    monkeypatch.setattr(module, "MAX_CHARACTERS", 20_000)
    monkeypatch.setattr(agents, "MAX_CHARACTERS", 20_000)
    parts = sessions(path)
    assert len(parts) >= 3
    assert [each.session_id for each in parts][:3] == ["one", "one/part-2", "one/part-3"]
    assert len({each.place for each in parts}) == len(parts)
    assert [message for each in parts for message in each.messages] == whole.messages


def test_a_prompt_of_ai_studio_too_large_to_be_held_says_the_same_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prompt"
    exports.WRITERS["aistudio"](path, 300_000)
    [whole] = sessions(path)
    monkeypatch.setattr(aistudio, "MAX_WHOLE", 100_000)
    assert sessions(path) == [whole]
    monkeypatch.setattr(agents, "MAX_CHARACTERS", 20_000)
    parts = sessions(path)
    assert [each.place for each in parts][:3] == ["1", "1.2", "1.3"]
    assert [message for each in parts for message in each.messages] == whole.messages


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [
        *((name, 2) for name in ("claude_code", "codex", "gemini_cli", "mbox", "csv", "gemini_takeout", "llm")),
        *((name, 4) for name in ("claude", "aistudio")),  # of which a piece is a megabyte
    ],
)
def test_a_long_file_takes_no_more_memory_than_a_short_one(
    tmp_path: Path, name: str, megabytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (claude_code, codex, gemini_cli, agents):
        monkeypatch.setattr(module, "MAX_CHARACTERS", 20_000)
    monkeypatch.setattr(aistudio, "MAX_WHOLE", 100_000)
    path = tmp_path / f"x{exports.SUFFIXES.get(name, '.jsonl')}"
    exports.WRITERS[name](path, megabytes * MEGABYTE)
    source = Source(path.name, path)
    list(read(source, READERS[name], OPTIONS))  # what is imported and compiled counts for nobody
    taken = peak(lambda: sum(isinstance(item, Session) for item in read(source, READERS[name], OPTIONS)))
    assert taken < 0.75 * path.stat().st_size


def test_conversations_that_are_all_open_at_once_are_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    rows = [f"{ticket},user,message {number} of {ticket}" for number in range(50) for ticket in "ABC"]
    path.write_text("\n".join(["ticket_id,role,text", *rows]))
    whole = {each.session_id: [message.content for message in each.messages] for each in sessions(path)}
    assert list(map(len, whole.values())) == [50, 50, 50]
    monkeypatch.setattr(scattered, "MAX_HELD", 2_000)
    found: dict[str, list[str]] = {}
    for each in sessions(path):
        assert each.session_id
        found.setdefault(each.session_id.partition("/")[0], []).extend(message.content for message in each.messages)
    assert found == whole
    assert len(sessions(path)) > 3


def test_what_is_too_large_is_told_with_its_line_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbox, "MAX_MAIL", 5_000)
    one = "From a@x Sun Jan  4 06:10:00 2026\nFrom: a@x\nSubject: s\nMessage-ID: <{}@x>\n\n{}\n\n"
    path = tmp_path / "x.mbox"
    path.write_text(one.format(1, "hello") + one.format(2, "x" * 9_000) + one.format(3, "there"))
    assert [(each.line, each.reason[:24]) for each in items(path) if isinstance(each, Rejected)] == [
        (8, "an e-mail larger than 0 ")
    ]
    assert [each.session_id for each in sessions(path)] == ["1@x", "3@x"]

    monkeypatch.setattr(gemini_takeout, "MAX_CELL", 5_000)
    cell = (
        '<div class="outer-cell"><div class="header-cell">Gemini Apps</div><div class="content-cell">'
        "Prompted {}<br>Jan 5, 2026, 3:04:11 PM KST<br></div></div>\n"
    )
    page = tmp_path / "MyActivity.html"
    page.write_text("<html>\n" + cell.format("a") + cell.format("b" * 9_000) + cell.format("c"))
    assert [each.line for each in items(page) if isinstance(each, Rejected)] == [3]
    assert [each.messages[0].content for each in sessions(page)] == ["a", "c"]


@given(st.lists(st.sampled_from([b"#", b"#x", b"\n", b"text ", b"y" * 300]), max_size=60), st.integers(1, 400))
def test_pieces_are_the_file_cut_before_every_mark(parts: list[bytes], buffer: int) -> None:
    raw = b"".join(parts)
    expected = [each for each in re.split(rb"(?=#)", raw) if each]
    found = list(pieces(io.BytesIO(raw), re.compile(rb"#"), 1, 10_000))
    assert [piece for _, piece in found] == expected
    at = 0
    for line, piece in found:
        assert line == 1 + raw.count(b"\n", 0, at)
        at += len(piece or b"")


def test_a_mail_of_parts_in_parts_without_end_is_rejected_or_read(tmp_path: Path) -> None:
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3_000))
    path = tmp_path / "deep.eml"
    path.write_text(f"From: a@x\nSubject: s\nDate: Sun, 04 Jan 2026 06:10:00 +0000\nMessage-ID: <m@x>\n{deep}text\n")
    assert all(isinstance(item, Session | Rejected) for item in items(path, format_name="mbox"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<a>x</a>hello<b>y</b>", "hello"),
        ("<a>x</a> <a>y</a>\nhello <c>kept</c>", "hello <c>kept</c>"),
        ("before <a>in the middle</a> after", "before <a>in the middle</a> after"),
        ("<a>never closed", ""),
        ("</a>", "</a>"),
        ("<a></a>" * 50_000, ""),
        ("<a>" * 50_000, ""),
        ("x" + "</a>" * 50_000, "x" + "</a>" * 50_000),
    ],
)
def test_envelopes_at_either_end_are_taken_off(text: str, left: str) -> None:
    assert without_envelopes(text, {"a", "b"}) == left


def test_a_fork_that_never_says_where_it_begins_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl"
    meta = {"type": "session_meta", "payload": {"id": "fork", "forked_from_id": "parent"}}
    said = {"type": "response_item", "payload": {"type": "message", "role": "user", "content": [{"text": "hello"}]}}
    path.write_bytes(orjson.dumps(meta) + b"\n" + orjson.dumps(said) + b"\n")
    assert [message.content for each in sessions(path) for message in each.messages] == ["hello"]
