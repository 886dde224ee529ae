"""Commands to be killed, each with the state of the store from which it starts and what must hold afterwards."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.reindex import reindex
from ion_summary.operations.show import messages
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.faults.tracing import Ended, ion_summary
from tests.store import oracle

SAVE = """
import sys
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=1)
for number in range(4):
    storage.save(f"saved-{number}", "u", f"- 환불 {number}")
    print(f"saved-{number}", flush=True)
"""
DELETE = """
import sys
from ion_summary.store.storage import SessionSummaryStorage
print(SessionSummaryStorage(sys.argv[1], lock_timeout=1).delete("s-1"))
"""
# The first command of a store that was copied without its times: so much is new that all is made anew at once.
WRITE = """
import sys
from ion_summary.store import index
from ion_summary.store.storage import SessionSummaryStorage
index._BULK_BYTES = 0
with SessionSummaryStorage(sys.argv[1], lock_timeout=1) as storage, storage.writing():
    pass
"""


@dataclass
class Scene:
    """``command`` is to be run on a copy of ``start``, by name at ``store``, as often as there are calls to be met.

    ``again`` does the same once more, unharmed. ``expected`` are the sessions that are then there, ``kept`` the bytes
    of the partitions that were there before.
    """

    name: str
    place: Path
    command: list[str]
    again: Callable[[SessionSummaryStorage], object]
    expected: set[str]
    kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.place / "store"

    @property
    def start(self) -> Path:
        return self.place / "start"

    def reset(self) -> None:
        """Puts the store back to where the command starts from."""
        shutil.rmtree(self.store, ignore_errors=True)
        if self.start.is_dir():
            shutil.copytree(self.start, self.store, copy_function=shutil.copy2)

    def complete(self) -> None:
        """What must hold if the command said that all went well."""
        there = set(oracle.scan(self.store))
        assert there >= self.expected, f"said to be done without {sorted(self.expected - there)}"

    def after(self, ended: Ended) -> None:
        """What must hold once the command was killed or refused, at once and after it was run again."""
        acknowledged = {line for line in ended.stdout.splitlines() if line.startswith("saved-")}
        self.check_old_bytes()
        with SessionSummaryStorage(self.store, lock_timeout=1, tz=UTC) as storage:
            self.again(storage)
        with SessionSummaryStorage(self.store, lock_timeout=1, tz=UTC) as storage:
            live = oracle.scan(self.store)
            there = [one.session_id for one in storage.list_recent(1_000)]
            assert sorted(there) == sorted(live)
            assert set(there) >= self.expected | acknowledged, self.expected | acknowledged - set(there)
            # A save may have been done but for saying so; nothing else can be there.
            extra = set(there) - self.expected - acknowledged
            assert extra <= {f"saved-{len(acknowledged)}"}, extra
            report = verify(storage, Silent())
            assert report.findings == []
            assert storage.damage == []
            for one in there:
                if one.startswith("s-"):
                    assert len(messages(storage, one)) == live[one].fields["message_count"]
            self.check_once()
            for text in ("환불", "Refund", "하나"):
                query = storage.search(query_text=text, limit=1_000)
                assert sorted(one.session_id for one in query) == sorted(
                    oracle.search(self.store, oracle.Query(text=text))
                )
        self.check_old_bytes()
        self.check_index()

    def check_old_bytes(self) -> None:
        for name, data in self.kept.items():
            path = self.store / name
            now = path.read_bytes() if path.exists() else b""
            assert now.startswith(data), name

    def check_once(self) -> None:
        """No line that an ingest wrote says what another one of its session says."""
        said = Counter(
            (fields["session_id"], fields["metadata"].get("content_hash"))
            for path in self.store.glob("????-??/*.jsonl")
            for line in path.read_bytes().split(b"\n")
            if (fields := oracle.parse(line))
        )
        twice = {key for key, count in said.items() if count > 1 and key[1]}
        assert not twice

    def check_index(self) -> None:
        copy = self.place / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.store, copy, ignore=shutil.ignore_patterns("index"))
        with SessionSummaryStorage(self.store, tz=UTC) as storage, storage.writing():
            pass
        with SessionSummaryStorage(copy, tz=UTC) as storage, storage.writing():
            pass
        assert oracle.catalog(self.store) == oracle.catalog(copy)


def _inputs(place: Path) -> Path:
    """Twenty sessions of three days, in files that make three batches: some sessions grow from file to file."""
    path = place / "in"
    path.mkdir()
    (path / "a.jsonl").write_bytes(lines(*[session(n % 3, session_id=f"s-{n}") for n in range(16)]))
    grown = [session(n % 3, "환불 하나", "둘", "Three", session_id=f"s-{n}") for n in range(4)]
    (path / "b.jsonl").write_bytes(lines(*grown, session(1, session_id="s-16")))
    more = [session(n % 3, "환불 하나", "둘", "Three", "넷", session_id=f"s-{n}") for n in range(2)]
    (path / "c.jsonl").write_bytes(lines(*more, *[session(n % 3, session_id=f"s-{n}") for n in (17, 18, 19)]))
    return path


EVERYTHING = {f"s-{number}" for number in range(20)}


def _ingest(place: Path, source: Path) -> tuple[list[str], Callable[[SessionSummaryStorage], object]]:
    command = ion_summary("ingest", source, "--store", place / "store", "--workers", 1, "--lock-timeout", 1)

    def again(storage: SessionSummaryStorage) -> None:
        report = ingest(storage, IngestRequest([source], workers=1), Silent())
        assert report.rejected == []

    return command, again


def fresh(place: Path) -> Scene:
    """An ingest into nothing."""
    command, again = _ingest(place, _inputs(place))
    return Scene("fresh", place, command, again, EVERYTHING)


def fresh_with_workers(place: Path) -> Scene:
    """An ingest into nothing of so much that other processes help."""
    source = place / "in"
    source.mkdir()
    names = [f"s-{number}" for number in range(900)]
    (source / "a.jsonl").write_bytes(lines(*[session(n % 3, session_id=name) for n, name in enumerate(names)]))
    _, again = _ingest(place, source)
    command = ion_summary("ingest", source, "--store", place / "store", "--workers", 2, "--lock-timeout", 5)
    return Scene("fresh with workers", place, command, again, set(names))


def _begun(place: Path) -> tuple[Path, dict[str, bytes]]:
    """A store that holds the first file, and two sessions of an application; its partitions."""
    source = _inputs(place)
    with SessionSummaryStorage(place / "start", tz=UTC) as storage:
        ingest(storage, IngestRequest([source / "a.jsonl"], workers=1), Silent())
        storage.save("app-1", "u", "- 환불 Refund")
        storage.save("app-1", "u", "- 환불 Refund")
        with storage.writing() as writer:
            writer.fill_segments()
        storage.save("app-2", "u", "- 하나")
    kept = {
        path.relative_to(place / "start").as_posix(): path.read_bytes() for path in (place / "start").rglob("*.jsonl")
    }
    return source, kept


def growing(place: Path) -> Scene:
    """An ingest into a store whose last writer was killed in the middle of a line."""
    source, kept = _begun(place)
    command, again = _ingest(place, source)
    for name, torn in (
        ("2026-01/session_summaries_20260105.jsonl", b'{"session_id":"torn"'),
        ("2026-01/session_summaries_20260106.jsonl", b""),
    ):
        with (place / "start" / name).open("ab") as file:
            file.write(torn)
    with (place / "start/transcripts/2026-01/transcripts_20260104.jsonl").open("ab") as file:
        file.write(b'{"session_id":"torn","messages":[')
    return Scene("growing", place, command, again, EVERYTHING | {"app-1", "app-2"}, kept)


def unindexed(place: Path) -> Scene:
    """An ingest into a store without its index."""
    scene = growing(place)
    scene.name = "unindexed"
    shutil.rmtree(place / "start" / "index")
    return scene


def reindexing(place: Path) -> Scene:
    """A rebuild of the index."""
    _, kept = _begun(place)
    command = ion_summary("reindex", "--store", place / "store", "--workers", 1, "--lock-timeout", 1)

    def again(storage: SessionSummaryStorage) -> None:
        assert reindex(storage, Silent(), workers=1).records == 18

    return Scene("reindexing", place, command, again, {f"s-{n}" for n in range(16)} | {"app-1", "app-2"}, kept)


def copied(place: Path) -> Scene:
    """Whoever writes into a store that was copied without its times."""
    _, kept = _begun(place)
    for name in kept:
        os.utime(place / "start" / name, (1_767_225_600, 1_767_225_600))

    def again(storage: SessionSummaryStorage) -> None:
        with storage.writing():
            pass

    command = [sys.executable, "-c", WRITE, str(place / "store")]
    return Scene("copied", place, command, again, {f"s-{n}" for n in range(16)} | {"app-1", "app-2"}, kept)


def saving(place: Path) -> Scene:
    """An application that saves."""
    _, kept = _begun(place)

    def again(storage: SessionSummaryStorage) -> None:
        storage.save("later", "u", "- 나중")

    command = [sys.executable, "-c", SAVE, str(place / "store")]
    before = {f"s-{n}" for n in range(16)} | {"app-1", "app-2", "later"}
    return Scene("saving", place, command, again, before, kept)


def deleting(place: Path) -> Scene:
    """A session is deleted: whenever that is interrupted it can be repeated."""
    _begun(place)

    def again(storage: SessionSummaryStorage) -> None:
        storage.delete("s-1")
        assert not storage.delete("s-1")
        assert not any(b'"s-1"' in path.read_bytes() for path in (place / "store").rglob("*.jsonl*"))

    command = [sys.executable, "-c", DELETE, str(place / "store")]
    return Scene("deleting", place, command, again, {f"s-{n}" for n in range(16) if n != 1} | {"app-1", "app-2"})


SCENES = {scene.__name__: scene for scene in (fresh, growing, unindexed, reindexing, copied, saving, deleting)}
#: Takes seconds each time.
SLOW_SCENES = {"fresh_with_workers": fresh_with_workers}
