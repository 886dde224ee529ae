"""How is the log of the ``llm`` command read, a SQLite database of which there are two generations?

The newer keeps messages by their hashes, each with its parent, so that threads share what they have in common; the
older keeps prompts with their responses. A database may hold both, and a conversation in both is one.

The file is somebody else's and may be made to harm: it is opened for reading only, its schema is not trusted, and what
is no plain table is not asked.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ion_summary.model import Message, Session
from ion_summary.transcripts.agents import Growing
from ion_summary.transcripts.chat_messages import done
from ion_summary.transcripts.json_value import JsonError, a_list, a_text, an_object, loads
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.stamps import stamp

if TYPE_CHECKING:
    from sqlite3 import Connection

MAGIC = b"SQLite format 3\x00"
MAX_IN_MEMORY = 256 << 20
"""Bytes of a database that lies in an archive, or came through a pipe."""
_MAX_VALUE = 64 << 20
_NEW = {"threads": "id tip_message_hash", "turns": "id thread_id tip_message_hash", "messages": "hash parent_hash role",
        "parts": "message_hash position type"}  # fmt: skip
_OLD = {"responses": "id prompt response conversation_id"}
_CREATED = re.compile(r'create\s+table\s+["`\[]?(\w+)', re.I)


class LlmReader:
    """``logs.db``, which ``llm logs path`` names."""

    name = "llm"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:
        """A SQLite database with the tables of a log."""
        if not head.startswith(MAGIC):
            return None
        tables = {found.lower() for found in _CREATED.findall(head.decode("utf-8", "replace"))}
        if _NEW.keys() <= tables:
            return Evidence(97, "a SQLite database with threads, turns, messages and parts")
        if {"responses", "conversations"} <= tables:
            return Evidence(97, "a SQLite database with conversations and responses")
        if re.search(r"(?:^|[/\\:])logs[^/\\:]*\.db$", name):
            return Evidence(55, "a SQLite database called as the log of llm is")
        return Evidence(20, "a SQLite database, in whose beginning no tables of llm were seen")

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The conversations, one after the other."""
        import sqlite3

        try:
            with closing(_opened(source)) as db:
                yield from _sessions(source, _Log(db))
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            yield Rejected(source.name, None, f"a SQLite database that cannot be read: {error}")


def _opened(source: Source) -> Connection:
    """The database, which nothing that follows can change. Raises OSError or sqlite3.Error."""
    import sqlite3

    if source.path is not None and source.member is None:
        with source.open() as file:  # a regular file, and no link
            in_wal_mode = file.read(20)[18:20] == b"\x02\x02"
        uri = source.path.absolute().as_uri()
        wal = Path(f"{source.path}-wal")
        # A log of changes beside it must be read too. Without one nobody is writing, and reading need write nothing.
        immutable = "&immutable=1" if in_wal_mode and not (wal.exists() and wal.stat().st_size) else ""
        db = sqlite3.connect(f"{uri}?mode=ro{immutable}", uri=True, timeout=5)
    else:
        with source.open() as file:
            data = file.read(MAX_IN_MEMORY + 1)
        if len(data) > MAX_IN_MEMORY:
            raise OSError(f"a SQLite database of more than {MAX_IN_MEMORY >> 20} MiB in an archive or a pipe: name it")
        db = sqlite3.connect(":memory:")
        db.deserialize(data)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
        db.execute(f"PRAGMA {pragma}")
    return db


def _sessions(source: Source, log: _Log) -> Iterator[Item]:
    new, old = log.has(_NEW), log.has(_OLD)
    if not new and not old:
        yield Rejected(source.name, None, "a SQLite database without the tables of llm")
        return
    read: set[str] = set()
    if new:
        for session in log.threads():
            read.add(str(session.session_id))
            yield session
    if old:
        yield from log.conversations(read)


class _Log:
    """The database, and which columns its tables have."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._calls: dict[str, list[int]] = {}
        tables = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        names = [name for name, sql in tables if isinstance(sql, str) and _CREATED.match(sql)]
        self._columns = {
            name: {row[1] for row in db.execute("SELECT * FROM pragma_table_info(?)", (name,))} for name in names
        }

    def has(self, tables: dict[str, str]) -> bool:
        """Whether the tables are there, with the columns that are asked for."""
        return all(set(columns.split()) <= self._columns.get(name, set()) for name, columns in tables.items())

    def _column(self, table: str, name: str) -> str:
        return f'{table}."{name}"' if name in self._columns.get(table, ()) else "NULL"

    def threads(self) -> Iterator[Session]:
        """A session for each thread: the messages up to its tip, which it may share with other threads."""
        turns: dict[str, tuple[Any, Any]] = {}
        tips: dict[Any, str] = {}
        extra = f"{self._column('turns', 'model')}, {self._column('turns', 'datetime_utc')}"
        query = f"SELECT thread_id, tip_message_hash, {extra} FROM turns ORDER BY id"
        for thread, tip, model, when in self._db.execute(query):
            if isinstance(tip, str):
                turns[tip] = (model, when)
                tips[thread] = tip
        extra = f"{self._column('threads', 'name')}, {self._column('threads', 'forked_from')}"
        query = f"SELECT id, tip_message_hash, {extra} FROM threads ORDER BY id"
        for place, (thread, tip, title, forked) in enumerate(self._db.execute(query), 1):
            growing = Growing(str(thread), str(place), {"title": a_text(title), "parent_session": a_text(forked)})
            for message_hash, role, model, when in self._chain(tip or tips.get(thread), turns):
                growing.metadata["model"] = a_text(model) or growing.metadata.get("model")
                for message in self._parts(message_hash, role, when):
                    yield from growing.add(message)
            yield from growing.deliver()

    def _chain(self, tip: Any, turns: dict[str, tuple[Any, Any]]) -> list[tuple[str, str, Any, datetime | None]]:
        """The messages from the first to ``tip``, each with model and time of the turn that it belongs to."""
        found: list[tuple[str, str, Any, datetime | None]] = []
        seen: set[str] = set()
        turn: tuple[Any, Any] = (None, None)
        query = "SELECT parent_hash, role FROM messages WHERE hash = ?"
        while isinstance(tip, str) and tip not in seen and (row := self._db.execute(query, (tip,)).fetchone()):
            seen.add(tip)
            turn = turns.get(tip, turn)
            found.append((tip, str(row[1]), turn[0], self._time(turn[1])))
            tip = row[0]
        return found[::-1]

    def _parts(self, message_hash: str, role: str, when: datetime | None) -> Iterator[Message]:
        columns = ", ".join(["type", *(self._column("parts", name) for name in ("text", "payload", "tool_name"))])
        query = f"SELECT {columns} FROM parts WHERE message_hash = ? ORDER BY position"
        texts, calls = [], []
        for kind, text, raw, tool in self._db.execute(query, (message_hash,)).fetchall():
            payload = _payload(raw)
            if kind == "text":
                texts.append(text if isinstance(text, str) else self._referred(payload))
            elif kind == "attachment":
                texts.append("[attachment]")
            elif kind == "tool_call" and (name := a_text(tool) or a_text(payload.get("name"))):
                calls.append(done(name, payload.get("arguments")))
        if role in ("user", "assistant", "system") and (said := "\n".join(filter(None, texts))):
            yield Message(role, said, when)
        for called in calls:
            yield Message("tool", called, when)

    def _referred(self, payload: dict[str, Any]) -> str:
        """A text that is put together of literal pieces and of fragments, which are stored once for all."""
        if isinstance(payload.get("text"), str):
            return str(payload["text"])
        pieces = []
        for piece in map(an_object, a_list(payload.get("text_ref"))):
            number = piece.get("fragment")
            if isinstance(piece.get("literal"), str):
                pieces.append(piece["literal"])
            elif isinstance(number, int) and {"id", "content"} <= self._columns.get("fragments", set()):
                row = self._db.execute("SELECT content FROM fragments WHERE id = ?", (number,)).fetchone()
                pieces.append(row[0] if row and isinstance(row[0], str) else "")
        return "".join(pieces)

    def conversations(self, known: set[str]) -> Iterator[Session]:
        """A session for each conversation of the older tables, but those that are ``known``."""
        # Eight bytes for each response, read at once: nobody who writes the log waits for what follows.
        query = "SELECT rowid FROM responses ORDER BY coalesce(conversation_id, id), id"
        numbers = array("q", (row[0] for row in self._db.execute(query)))
        one = "SELECT rowid, id, coalesce(conversation_id, id) FROM responses WHERE rowid = ?"
        rows = groupby((self._row(one, number) for number in numbers), key=lambda row: str(row[2]))
        if {"response_id", "name", "arguments"} <= self._columns.get("tool_calls", set()):
            for call, response in self._db.execute("SELECT rowid, response_id FROM tool_calls ORDER BY rowid"):
                self._calls.setdefault(str(response), []).append(call)
        titled = {"id", "name"} <= self._columns.get("conversations", set())
        for place, (session_id, responses) in enumerate(rows, 1):
            if session_id in known:
                continue
            growing = Growing(session_id, f"c{place}")
            if titled:
                query = "SELECT name FROM conversations WHERE id = ?"
                growing.metadata["title"] = a_text((self._db.execute(query, (session_id,)).fetchone() or [None])[0])
            system = None
            for rowid, response, _ in responses:
                for message in self._response(rowid, str(response), growing):
                    if message.role != "system" or message.content != system:  # it is repeated with every prompt
                        yield from growing.add(message)
                    system = message.content if message.role == "system" else system
            yield from growing.deliver()

    def _response(self, rowid: int, response: str, growing: Growing) -> Iterator[Message]:
        columns = ", ".join(
            self._column("responses", name) for name in ("system", "prompt", "response", "model", "datetime_utc")
        )
        query = f"SELECT {columns} FROM responses WHERE rowid = ?"
        system, prompt, answer, model, at = self._row(query, rowid)
        when = self._time(at)
        growing.metadata["model"] = a_text(model) or growing.metadata.get("model")
        for role, text in (("system", system), ("user", prompt)):
            if a_text(text):
                yield Message(role, text, when)
        for call in self._calls.get(response, ()):
            query = "SELECT name, arguments FROM tool_calls WHERE rowid = ?"
            name, arguments = self._row(query, call)
            yield Message("tool", done(str(name), arguments), when)
        if a_text(answer):
            yield Message("assistant", answer, when)

    def _row(self, query: str, rowid: int) -> Any:
        """A row whose number was seen; in a damaged database it may not be found by that. Raises sqlite3.Error."""
        import sqlite3

        row = self._db.execute(query, (rowid,)).fetchone()
        if row is None:
            raise sqlite3.DatabaseError(f"row {rowid} cannot be found again")
        return row

    def _time(self, value: Any) -> datetime | None:
        return stamp(value, UTC) if isinstance(value, str) else None


def _payload(raw: Any) -> dict[str, Any]:
    try:
        return an_object(loads(raw.encode("utf-8", "replace"))) if isinstance(raw, str) else {}
    except JsonError:
        return {}


READER = LlmReader()
