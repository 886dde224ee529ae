"""What do exports of other applications look like, of any size, with realistic sessions in them?

``WRITERS`` has one function for each format: it writes sessions of ``generate`` to a path until the file has the size
that was asked for. The texts of a few hundred sessions are used over and over, with other ids, so that a gigabyte takes
seconds to make. A new reader gets a writer here and is measured by ``benchmarks.readers``.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from benchmarks import generate, rooms

_DIFFERENT = 300
Writer = Callable[[Path, int], int]
"""Writes about so many bytes to the path; returns the number of sessions."""


@cache
def _texts() -> list[dict[str, Any]]:
    return [generate.session(number) for number in range(_DIFFERENT)]


def sessions() -> Iterator[tuple[int, str, list[dict[str, Any]]]]:
    """Number, title and messages of sessions, for ever."""
    for number in itertools.count():
        one = _texts()[number % _DIFFERENT]
        yield number, one["metadata"]["title"], one["messages"]


def _role(message: dict[str, Any]) -> str:
    return "assistant" if message["role"] == "assistant" else "user"


def _array(path: Path, size: int, values: Iterator[Any]) -> int:
    first = orjson.dumps(next(values))
    return 1 + generate.written(path, size, (b",\n" + orjson.dumps(value) for value in values), b"[" + first, b"]\n")


def _lines(path: Path, size: int, values: Iterator[list[Any]]) -> int:
    return generate.written(path, size, (b"".join(orjson.dumps(value) + b"\n" for value in some) for some in values))


def native(path: Path, size: int) -> int:
    return _lines(
        path,
        size,
        ([{"session_id": f"s-{n}", "messages": said, "metadata": {"title": t}}] for n, t, said in sessions()),
    )


def openai(path: Path, size: int) -> int:
    return _lines(
        path, size,
        ([{"messages": [{"role": m["role"], "content": m["content"]} for m in said]}] for _, _, said in sessions()),
    )  # fmt: skip


def sharegpt(path: Path, size: int) -> int:
    names = {"user": "human", "assistant": "gpt"}
    return _array(
        path, size,
        ({"id": f"x_{n}", "conversations": [{"from": names[_role(m)], "value": m["content"]} for m in said]}
         for n, _, said in sessions()),
    )  # fmt: skip


def chatgpt(path: Path, size: int) -> int:
    def conversation(number: int, title: str, said: list[dict[str, Any]]) -> dict[str, Any]:
        mapping: dict[str, Any] = {"root": {"id": "root", "parent": None, "children": ["0"], "message": None}}
        for place, message in enumerate(said):
            mapping[str(place)] = {
                "id": str(place),
                "parent": str(place - 1) if place else "root",
                "children": [str(place + 1)],
                "message": {
                    "id": str(place),
                    "author": {"role": _role(message), "name": None, "metadata": {}},
                    "create_time": datetime.fromisoformat(message["timestamp"]).timestamp(),
                    "content": {"content_type": "text", "parts": [message["content"]]},
                    "status": "finished_successfully",
                    "recipient": "all",
                    "metadata": {"model_slug": "gpt-5", "request_id": "8f3c1d"},
                },
            }
        return {
            "title": title,
            "conversation_id": f"c-{number}",
            "current_node": str(len(said) - 1),
            "mapping": mapping,
        }

    return _array(path, size, itertools.starmap(conversation, sessions()))


def claude(path: Path, size: int) -> int:
    def conversation(number: int, title: str, said: list[dict[str, Any]]) -> dict[str, Any]:
        messages = [
            {
                "uuid": f"m-{place}",
                "text": message["content"],
                "content": [{"type": "text", "text": message["content"], "citations": []}],
                "sender": "assistant" if _role(message) == "assistant" else "human",
                "created_at": message["timestamp"],
                "attachments": [],
                "files": [],
                "parent_message_uuid": f"m-{place - 1}",
            }
            for place, message in enumerate(said)
        ]
        return {"uuid": f"c-{number}", "name": title, "account": {"uuid": "a"}, "chat_messages": messages}

    return _array(path, size, itertools.starmap(conversation, sessions()))


def claude_code(path: Path, size: int) -> int:
    """One session of a whole file, as the application writes it, of which half is output of tools."""
    output = "def f():\n    return 1\n" * 40

    def records(number: int, said: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for place, message in enumerate(said):
            role, uuid = _role(message), f"{number}-{place}"
            content: Any = message["content"]
            told: dict[str, Any] = {"role": role, "content": content}
            if role == "assistant":
                call = {"type": "tool_use", "id": f"t{uuid}", "name": "Read", "input": {"file_path": "a.py"}}
                told = {
                    "id": f"msg_{uuid}",
                    "role": role,
                    "model": "claude",
                    "content": [{"type": "text", "text": content}, call],
                }
            yield _record(uuid, role, told, message["timestamp"])
            if role == "assistant":
                result = [{"type": "tool_result", "tool_use_id": f"t{uuid}", "content": output}]
                yield _record(f"{uuid}r", "user", {"role": "user", "content": result}, message["timestamp"])

    def _record(uuid: str, kind: str, message: dict[str, Any], when: str) -> dict[str, Any]:
        about = {"sessionId": "one", "cwd": "/srv/app", "gitBranch": "main", "version": "2.1.0", "isSidechain": False}
        return {"type": kind, "uuid": uuid, "timestamp": when, **about, "message": message}

    _lines(path, size, (list(records(n, said)) for n, _, said in sessions()))
    return 1


def codex(path: Path, size: int) -> int:
    """One rollout, every turn twice, with output of tools."""

    def records(said: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for message in said:
            role, when = _role(message), message["timestamp"]
            kind = "output_text" if role == "assistant" else "input_text"
            item = {"type": "message", "role": role, "content": [{"type": kind, "text": message["content"]}]}
            yield {"timestamp": when, "type": "response_item", "payload": item}
            event = {"type": "agent_message" if role == "assistant" else "user_message", "message": message["content"]}
            yield {"timestamp": when, "type": "event_msg", "payload": event}
            output = {"type": "function_call_output", "call_id": "c", "output": "total 12\n" * 50}
            yield {"timestamp": when, "type": "response_item", "payload": output}

    meta = {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": {"id": "one", "cwd": "/work"}}
    generate.written(
        path, size, (b"".join(orjson.dumps(each) + b"\n" for each in records(said)) for _, _, said in sessions()),
        orjson.dumps(meta) + b"\n",
    )  # fmt: skip
    return 1


def gemini_cli(path: Path, size: int) -> int:
    """One session as a log."""

    def records(number: int, said: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for place, message in enumerate(said):
            kind = "gemini" if _role(message) == "assistant" else "user"
            about = {"id": f"{number}-{place}", "timestamp": message["timestamp"], "type": kind}
            yield {
                **about,
                "content": [{"text": message["content"]}],
                "model": "gemini-2.5-pro",
                "tokens": {"total": 9},
            }

    meta = orjson.dumps({"sessionId": "one", "projectHash": "p", "startTime": "2026-01-01T00:00:00Z"}) + b"\n"
    pieces = (b"".join(orjson.dumps(each) + b"\n" for each in records(n, said)) for n, _, said in sessions())
    generate.written(path, size, pieces, meta)
    return 1


def aistudio(path: Path, size: int) -> int:
    """One prompt: the application writes a file for each."""
    chunks = (
        b",".join(
            orjson.dumps(
                {"text": m["content"], "role": "model" if _role(m) == "assistant" else "user", "tokenCount": 9}
            )
            for m in said
        )
        for _, _, said in sessions()
    )
    start = b'{"runSettings":{"model":"models/gemini-2.5-pro"},"chunkedPrompt":{"chunks":['
    generate.written(path, size, itertools.chain([next(chunks)], (b"," + chunk for chunk in chunks)), start, b"]}}")
    return 1


def gemini_takeout(path: Path, size: int) -> int:
    def cells() -> Iterator[bytes]:
        for number, _, said in sessions():
            when = f"Jan {1 + number % 28}, 2026, {1 + number % 12}:{number % 60:02}:{number // 60 % 60:02}\u202fPM KST"
            answer = "".join(f"<p>{html.escape(message['content'])}</p>" for message in said[1:])
            yield (
                '<div class="outer-cell mdl-cell"><div class="mdl-grid"><div class="header-cell mdl-cell"><p'
                ' class="mdl-typography--title">Gemini Apps<br></p></div><div class="content-cell mdl-cell">'
                f"Prompted\xa0{number} {html.escape(said[0]['content'])}<br>{when}<br>{answer}</div></div></div>\n"
            ).encode()

    return generate.written(
        path, size, cells(), b"<html><head><title>My Activity History</title></head><body>", b"</body></html>"
    )


def llm(path: Path, size: int) -> int:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT)")
        db.execute(
            "CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, response TEXT,"
            " conversation_id TEXT, datetime_utc TEXT)"
        )
        written = 0
        for number, title, said in sessions():
            db.execute("INSERT INTO conversations VALUES (?, ?, 'gpt-5')", (f"c{number}", title))
            for place, (asked, answered) in enumerate(zip(said[::2], said[1::2], strict=False)):
                row = (f"r{number}-{place:03}", asked["content"], answered["content"], f"c{number}", asked["timestamp"])
                db.execute("INSERT INTO responses VALUES (?, 'gpt-5', ?, NULL, ?, ?, ?)", row)
                written += len(asked["content"].encode()) + len(answered["content"].encode()) + 100
            if written >= size:
                break
        db.commit()
    return number + 1


def mbox(path: Path, size: int) -> int:
    """Threads of six to fourteen mails, one in three with an attachment, answers quoting what they answer."""
    attached = base64.encodebytes(bytes(range(256)) * 60).decode()

    def thread(number: int, title: str, said: list[dict[str, Any]]) -> bytes:
        mails = []
        for place, message in enumerate(said):
            at = datetime.fromisoformat(message["timestamp"])
            references = " ".join(f"<{number}.{earlier}@x>" for earlier in range(place))
            quoted = "".join(f"> {line}\n" for line in said[place - 1]["content"].splitlines()) if place else ""
            body = f"{message['content']}\n\nOn Mon, Jan 5, 2026 at 9:00 AM Ann <ann@example.com> wrote:\n{quoted}"
            kind = "text/plain; charset=utf-8"
            if place % 3 == 1:
                kind = 'multipart/mixed; boundary="b"'
                file = f"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n{attached}"
                body = f"--b\nContent-Type: text/plain; charset=utf-8\n\n{body}\n--b\n{file}\n--b--\n"
            mails.append(
                f"From ann@example.com {at:%a %b %d %H:%M:%S %Y}\n"
                f"From: {message.get('name', _role(message))} <a@example.com>\n"
                f"Subject: Re: {title}\nDate: {at:%a, %d %b %Y %H:%M:%S} +0000\nMessage-ID: <{number}.{place}@x>\n"
                f"References: {references}\nContent-Type: {kind}\n\n{body}\n\n"
            )
        return "".join(mails).encode()

    return generate.written(path, size, itertools.starmap(thread, sessions()))


def table(path: Path, size: int) -> int:
    def rows(number: int, _: str, said: list[dict[str, Any]]) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out)
        for m in said:
            writer.writerow([f"T-{number}", m["role"], m.get("name", ""), m["content"], m["timestamp"]])
        return out.getvalue().encode()

    header = b"session_id,role,name,content,timestamp\n"
    return generate.written(path, size, itertools.starmap(rows, sessions()), header)


def plaintext(path: Path, size: int) -> int:
    words = {"user": "User", "assistant": "Assistant"}
    generate.written(
        path,
        size,
        ("".join(f"{words[_role(m)]}: {m['content']}\n" for m in said).encode() for _, _, said in sessions()),
    )
    return 1


def aider(path: Path, size: int) -> int:
    def history(number: int, _: str, said: list[dict[str, Any]]) -> bytes:
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        lines = [f"\n# aider chat started at {start:%Y-%m-%d %H:%M:%S}\n\n> Aider v0.86.0  \n"]
        for m in said:
            typed = "".join(f"\n#### {line}  " for line in m["content"].splitlines())
            lines.append(f"{typed}\n" if _role(m) == "user" else f"\n{m['content']}\n\n\n> Tokens: 1k sent.  \n")
        return "".join(lines).encode()

    return generate.written(path, size, itertools.starmap(history, sessions()))


WRITERS: dict[str, Writer] = {
    "native": native,
    "openai": openai,
    "sharegpt": sharegpt,
    "chatgpt": chatgpt,
    "claude": claude,
    "claude_code": claude_code,
    "codex": codex,
    "gemini_cli": gemini_cli,
    "aistudio": aistudio,
    "gemini_takeout": gemini_takeout,
    "llm": llm,
    "mbox": mbox,
    "csv": table,
    "aider": aider,
    "plaintext": plaintext,
    **rooms.WRITERS,
}
SUFFIXES = {"chatgpt": ".json", "claude": ".json", "sharegpt": ".json", "aistudio": "", "gemini_takeout": ".html",
            "llm": ".db", "mbox": ".mbox", "csv": ".csv", "plaintext": ".txt", "aider": ".md",
            **rooms.SUFFIXES}  # fmt: skip
"""Of a format's file; the others are JSON Lines."""
