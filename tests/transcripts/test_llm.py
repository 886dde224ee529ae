"""The log of llm is a database of somebody else's: it is read as it is, wherever it lies, and never changed."""

from __future__ import annotations

import io
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from ion_summary.model import Session
from ion_summary.transcripts import llm, read
from ion_summary.transcripts.detect import READERS, detect
from ion_summary.transcripts.reader import Rejected, Source
from ion_summary.transcripts.sources import find
from tests.transcripts.helpers import GOLDEN, OPTIONS, items, sessions

LOG = (GOLDEN / "llm-logs.db").read_bytes()


def test_a_database_in_use_is_read_with_what_is_not_in_its_file_yet(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    path.write_bytes(LOG)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO responses (id, prompt, response, conversation_id) VALUES ('z', 'new', 'yes', 'c9')")
        writer.commit()
        assert "c9" in [session.session_id for session in sessions(path)]
    # Closed, the file holds everything, is still in the mode of that log, and reading leaves nothing beside it.
    assert "c9" in [session.session_id for session in sessions(path)]
    assert [each.name for each in tmp_path.iterdir()] == ["logs.db"]


def test_reading_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    path.write_bytes(LOG)
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        assert len(sessions(path)) == 3
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == LOG


def test_a_database_in_an_archive_and_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("logs.db", LOG)

    class Pipe:
        buffer = io.BytesIO(LOG)

    monkeypatch.setattr(sys, "stdin", Pipe)
    for path in (str(tmp_path / "x.zip"), "-"):
        [source] = find([path])
        assert isinstance(source, Source)
        reader = detect(source).reader
        assert reader is READERS["llm"]
        assert sum(isinstance(item, Session) for item in read(source, reader, OPTIONS)) == 3
    monkeypatch.setattr(llm, "MAX_IN_MEMORY", 1000)
    [source] = find([tmp_path / "x.zip"])
    assert isinstance(source, Source)
    [refused] = read(source, READERS["llm"], OPTIONS)
    assert isinstance(refused, Rejected)
    assert "in an archive or a pipe" in refused.reason


def test_views_in_the_place_of_tables_are_not_asked(tmp_path: Path) -> None:
    """A view may compute for ever; so may whatever else a schema holds."""
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE conversations (id, name)")
        db.execute(
            "CREATE VIEW responses AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
            " SELECT id, id AS prompt, id AS response, id AS conversation_id FROM n"
        )
    assert [each.reason for each in items(path, format_name="llm") if isinstance(each, Rejected)] == [
        "a SQLite database without the tables of llm"
    ]


def test_other_databases_are_called_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a)")
    detection = detect(Source("other.db", path))
    assert detection.reader is None
    assert detection.reason.startswith("unknown format: a SQLite database; the nearest is llm")


def test_a_row_whose_number_was_seen_but_that_is_not_found_by_it(tmp_path: Path) -> None:
    damaged = bytearray(LOG)
    damaged[1549] = 52
    (tmp_path / "logs.db").write_bytes(damaged)
    reasons = [each.reason for each in items(tmp_path / "logs.db") if isinstance(each, Rejected)]
    assert reasons == ["a SQLite database that cannot be read: row 2 cannot be found again"]
