"""A compressed day that is broken: what of it goes with a session, and what stays for whoever can read more of it?"""

from __future__ import annotations

import base64
import random
from datetime import UTC
from pathlib import Path

import orjson
import pytest

from ion_summary.operations import forget as forgetting
from ion_summary.operations.forget import forget
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.prune import prune
from ion_summary.operations.reindex import compact
from ion_summary.operations.verify import repair
from ion_summary.progress import Silent
from ion_summary.store import sealing, tombstones
from ion_summary.store.forgotten import Forgotten, erase_forgotten
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones
from tests.conftest import lines, session
from tests.operations.test_prune import before_day


@pytest.fixture
def broken(storage: SessionSummaryStorage, tmp_path: Path) -> Path:
    """A day of nine sessions, compressed and cut off so that some of its lines can be read; a whole one beside it."""
    draw = random.Random(1)
    source = tmp_path / "a.jsonl"
    texts = [draw.randbytes(20_000).hex() for _ in range(9)]  # more than zstd packs in one block
    one_day = [session(0, text, session_id=f"s-{at}", user_id=f"u-{at}") for at, text in enumerate(texts)]
    source.write_bytes(lines(*one_day, session(1, session_id="next", user_id="u-0")))
    ingest(storage, IngestRequest([source], workers=1), Silent())
    compact(storage)
    path = min(storage.path.glob("transcripts/*/*.zst"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert b'"s-0"' in sealing.readable(path)
    assert b'"s-8"' not in sealing.readable(path)
    return path


def quarantined(root: Path) -> list[bytes]:
    kept = sorted((root / "quarantine").glob("*"))
    return [base64.b64decode(orjson.loads(path.read_bytes())["bytes_base64"]) for path in kept]


def forget_in_tombstones(root: Path, user: str) -> None:
    mark = tombstones.mark_of("user", user, Tombstones.read(root).salt)
    tombstones.append(root, [tombstones.forget_fields(mark)])
    erase_forgotten(root, Forgotten(Tombstones.read(root)))


@pytest.mark.parametrize("by", ["delete", "prune"])
def test_who_deletes_or_prunes_loses_nothing_else(storage: SessionSummaryStorage, broken: Path, by: str) -> None:
    data = broken.read_bytes()
    if by == "delete":
        assert storage.delete("s-0")
    else:
        assert prune(storage, before_day(2, user="u-0")).sessions == 2
    assert quarantined(storage.path) == [data]
    assert b'"s-0"' not in sealing.read(broken)
    assert b'"s-1"' in sealing.read(broken)


def test_what_holds_nothing_that_goes_is_left_as_it_is(storage: SessionSummaryStorage, broken: Path) -> None:
    data = broken.read_bytes()
    assert storage.delete("next")
    forget(storage, forgetting.Forgotten(session="next"))
    forget_in_tombstones(storage.path, "nobody")
    assert broken.read_bytes() == data
    assert quarantined(storage.path) == []


@pytest.mark.parametrize("was_repaired", [False, True])
def test_who_is_forgotten_is_not_left_in_what_nobody_can_read(
    storage: SessionSummaryStorage, broken: Path, was_repaired: bool
) -> None:
    data = broken.read_bytes()
    if was_repaired:
        repair(storage, Silent(), workers=1)
        assert quarantined(storage.path) == [data]
    forget(storage, forgetting.Forgotten(session="s-8"))
    assert quarantined(storage.path) == []
    assert b'"s-1"' in sealing.read(broken)


@pytest.mark.parametrize("by", ["delete", "prune"])
def test_nor_who_had_no_session_left_there(storage: SessionSummaryStorage, broken: Path, by: str) -> None:
    if by == "delete":
        assert storage.delete("s-8")
    else:
        assert prune(storage, before_day(2, user="u-8")).sessions == 1
    storage.delete("s-0")  # the day is written anew: what nobody can read of it is in quarantine
    forget(storage, forgetting.Forgotten(user="u-8"))
    assert quarantined(storage.path) == []


@pytest.mark.parametrize("user", ["u-0", "u-8"])
def test_nor_does_he_come_back_with_an_archive(storage: SessionSummaryStorage, broken: Path, user: str) -> None:
    repair(storage, Silent(), workers=1)
    assert len(quarantined(storage.path)) == 1
    forget_in_tombstones(storage.path, user)
    assert quarantined(storage.path) == []
    with SessionSummaryStorage(storage.path, tz=UTC) as again:
        assert again.load("s-1")
