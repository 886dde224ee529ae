"""Commands that take something away, to be killed: what goes is gone in the end, and nothing else with it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from ion_summary.operations.forget import Forgotten, finish, forget
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.prune import prune
from ion_summary.operations.reindex import compact, reindex
from ion_summary.operations.verify import repair
from ion_summary.progress import Silent
from ion_summary.store.pruning import Expiry
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.faults.scenes import Scene
from tests.faults.tracing import ion_summary

KIM = {f"s-{number}" for number in range(0, 16, 4)}
OTHERS = {f"s-{number}" for number in range(16)} - KIM
#: The first of three days has expired.
CUTOFF = datetime(2026, 1, 5, tzinfo=UTC)


def _begun(place: Path) -> Path:
    """A store of sixteen sessions of three days, a quarter of them Kim's, some saved twice; the file they came from."""
    source = place / "in.jsonl"
    sessions = [
        session(
            number % 3,
            *(("비밀 xylophone", "네") if f"s-{number}" in KIM else ()),
            session_id=f"s-{number}",
            user_id="kim" if f"s-{number}" in KIM else "u-1",
        )
        for number in range(16)
    ]
    source.write_bytes(lines(*sessions))
    with SessionSummaryStorage(place / "start", tz=UTC) as storage:
        ingest(storage, IngestRequest([source], workers=1), Silent())
        storage.save("app-1", "u", "- 환불 Refund")
        storage.save("app-1", "u", "- 환불 Refund")
        with storage.writing() as writer:
            writer.fill_segments()
        storage.save("app-2", "u", "- 하나")
    return source


def pruning(place: Path) -> Scene:
    """The oldest day goes, and no ingest brings it back."""
    source = _begun(place)
    days = (datetime.now(UTC).date() - date(2026, 1, 5)).days
    words = ("prune", "--older-than", f"{days}d", "--yes", "--force", "--lock-timeout", 1)
    expiry = Expiry(int(CUTOFF.timestamp() * 1000))

    def again(storage: SessionSummaryStorage) -> None:
        prune(storage, expiry, force=True)
        report = ingest(storage, IngestRequest([source], workers=1, source="again"), Silent())
        assert (report.new, report.updated, report.forgotten) == (0, 0, 6), report

    left = {f"s-{number}" for number in range(16) if number % 3}
    return Scene("pruning", place, ion_summary(*words, "--store", place / "store"), again, left | {"app-1", "app-2"})


def _check_forgotten(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(word in data for word in (b'"kim"', b'"s-4"', "비밀".encode(), b"xylophone")), path.name


def forgetting(place: Path) -> Scene:
    """A user is forgotten; again by his name."""
    source = _begun(place)

    def again(storage: SessionSummaryStorage) -> None:
        forget(storage, Forgotten(user="kim"))
        _check_forgotten(storage.path)
        assert ingest(storage, IngestRequest([source], workers=1, source="again"), Silent()).forgotten == len(KIM)

    command = ion_summary("forget", "--user", "kim", "--yes", "--store", place / "store", "--lock-timeout", 1)
    return Scene("forgetting", place, command, again, OTHERS | {"app-1", "app-2"})


def forgetting_unnamed(place: Path) -> Scene:
    """A user is forgotten, and if there is a tombstone, what is left is erased without his name."""
    scene = forgetting(place)
    scene.name = "forgetting_unnamed"

    def again(storage: SessionSummaryStorage) -> None:
        if not (storage.path / "tombstones.jsonl").exists():
            forget(storage, Forgotten(user="kim"))
        finish(storage)
        if {one.session_id for one in storage.list_recent(100)} & KIM:  # only a part of the tombstones was written
            forget(storage, Forgotten(user="kim"))
        _check_forgotten(storage.path)

    scene.again = again
    return scene


def repairing(place: Path) -> Scene:
    """A store with a rotten line, a lost newline and torn tails is repaired."""
    _begun(place)
    for name in ("2026-01/session_summaries_20260104.jsonl", "transcripts/2026-01/transcripts_20260105.jsonl"):
        path = place / "start" / name
        data = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join([b'{"session_id":"rotten"}', data[0] + data[1], *data[2:], b'{"session_id":"to']))

    def again(storage: SessionSummaryStorage) -> None:
        assert repair(storage, Silent(), workers=1).ok
        assert repair(storage, Silent(), workers=1).repaired == []

    command = ion_summary("verify", "--repair", "--store", place / "store", "--lock-timeout", 1)
    return Scene("repairing", place, command, again, OTHERS | KIM | {"app-1", "app-2"})


def compacting(place: Path) -> Scene:
    """Superseded lines go, and transcripts are compressed."""
    _begun(place)

    def again(storage: SessionSummaryStorage) -> None:
        compact(storage)
        reindex(storage, Silent(), workers=1)
        assert compact(storage).lines == 0

    command = ion_summary("reindex", "--compact", "--store", place / "store", "--workers", 1, "--lock-timeout", 1)
    return Scene("compacting", place, command, again, OTHERS | KIM | {"app-1", "app-2"})


SCENES = {scene.__name__: scene for scene in (pruning, forgetting, forgetting_unnamed, repairing, compacting)}
