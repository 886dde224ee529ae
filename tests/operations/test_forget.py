"""After somebody was forgotten nothing of him is left by a raw search, and nothing brings him back."""

from __future__ import annotations

import base64
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.errors import StoreNotFoundError, UsageError
from ion_summary.operations.forget import ForgetPlan, Forgotten, finish, forget, plan
from ion_summary.operations.ingest import IngestReport, IngestRequest, ingest
from ion_summary.operations.reindex import compact
from ion_summary.operations.verify import repair, verify
from ion_summary.progress import Silent
from ion_summary.store import repairing, sealing, tombstones
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones, forget_fields, mark_of
from tests.conftest import lines, session
from tests.store import oracle

#: What nobody else says, in either language, and how the index cuts it up.
SECRETS = ("뷁쀍괣", "xylophonist7", "kim.minsu@example.com", "비밀의김민수")


def run(storage: SessionSummaryStorage, *paths: Path, **more: Any) -> IngestReport:
    return ingest(storage, IngestRequest(list(paths), workers=1, **more), Silent())


def ids(storage: SessionSummaryStorage) -> set[str]:
    return {one.session_id for one in storage.list_recent(1_000)}


def traces(root: Path, *texts: str) -> list[str]:
    """Where in the files of a store there is anything of the texts: of their words and pairs of syllables too."""
    words = {text[at : at + 2] for text in texts for at in range(len(text) - 1) if not text.isascii()} | set(texts)
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.parent.name == "quarantine":
                data += base64.b64decode(orjson.loads(data)["bytes_base64"])
            found += [f"{path.name}: {word}" for word in sorted(words) if word.encode() in data]
    return found


def minsu(number: int, **more: Any) -> dict[str, Any]:
    return session(
        number, "뷁쀍괣 환불 xylophonist7", "네", session_id=f"kim-{number}", user_id="kim.minsu@example.com", **more
    )


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Three sessions of a person among those of others; a room in which he speaks, and one in which he does not."""
    path = tmp_path / "inbox"
    path.mkdir()
    (path / "a.jsonl").write_bytes(lines(*map(session, range(40)), *map(minsu, (1, 2, 35))))
    for name, third in (("his", "비밀의김민수"), ("theirs", "하린")):
        said = [
            {"name": who, "content": f"{who} 환불 {name}", "timestamp": f"2026-01-0{day}T01:00:00Z"}
            for day in (4, 5)
            for who in ("지우", third)
        ]
        (path / f"{name}.jsonl").write_bytes(lines({"session_id": f"room-{name}", "user_id": name, "messages": said}))
    return path


def filled(storage: SessionSummaryStorage, inbox: Path) -> set[str]:
    """A store in which the person is everywhere; the sessions that are not his."""
    run(storage, inbox / "a.jsonl")
    with storage.writing() as writer:
        writer.fill_segments()
    for number in range(3):  # older lines, a hot tail, pages that were free
        storage.save("kim-1", "kim.minsu@example.com", f"- 뷁쀍괣 {number}")
    with storage.writing() as writer:
        writer.append([], {})
        writer.fill_segments()
    record = {"user_id": "his", "metadata": {"participants": ["지우", "비밀의김민수"]}}
    storage.save("room-his", record["user_id"], "- 비밀의김민수 환불", metadata=record["metadata"])  # type: ignore[arg-type]
    storage.save("room-theirs", "theirs", "- 하린 환불", metadata={"participants": ["지우", "하린"]})
    partition = next(storage.path.glob("2026-01/*05.jsonl"))
    data = partition.read_bytes()
    his = next(line for line in data.split(b"\n") if b'"kim-1"' in line)
    partition.write_bytes(data + his.replace("뷁".encode(), "뷂".encode()) + b"\n")  # a line that has rotten
    with storage.writing():
        pass
    assert list((storage.path / "quarantine").iterdir())
    (storage.path / "2026-01" / ".session_summaries_20260106.jsonl.new").write_bytes(his)  # left by a kill
    return {f"s-{number}" for number in range(40)} | {"room-theirs"}


def test_nothing_is_left_of_a_user(storage: SessionSummaryStorage, inbox: Path) -> None:
    others = filled(storage, inbox)
    assert traces(storage.path, *SECRETS)
    who = Forgotten(user="kim.minsu@example.com")
    planned = plan(storage, who)
    assert (planned.sessions, planned.partitions) == (3, 4)
    assert forget(storage, who) == planned
    assert traces(storage.path, *SECRETS[:3], "kim-1", "kim-35") == []
    assert ids(storage) == others | {"room-his"}
    assert {one.session_id for one in storage.search(query_text="환불", limit=100)} == others | {"room-his"}
    assert all(storage.messages(one) for one in others if one.startswith("s-"))
    assert verify(storage, Silent()).findings == []
    assert not Tombstones.read(storage.path).pending()
    assert forget(storage, who) == ForgetPlan(0, 0, 0)


def test_without_new_pages_that_test_fails(
    storage: SessionSummaryStorage, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ion_summary.store.index.vacuum", lambda db: None)
    filled(storage, inbox)
    forget(storage, Forgotten(user="kim.minsu@example.com"))
    assert traces(storage.path, *SECRETS[:3])


def test_rooms_in_which_he_spoke_go_too(storage: SessionSummaryStorage, inbox: Path) -> None:
    others = filled(storage, inbox)
    forget(storage, Forgotten(user="비밀의김민수"))
    assert traces(storage.path, "비밀의김민수", "room-his") == []
    assert "room-theirs" in ids(storage) >= others


def test_nothing_is_left_of_a_session(storage: SessionSummaryStorage, inbox: Path) -> None:
    filled(storage, inbox)
    assert forget(storage, Forgotten(session="kim-1")).sessions == 1
    assert traces(storage.path, "kim-1") == []
    assert {"kim-2", "kim-35"} <= ids(storage)
    assert run(storage, inbox / "a.jsonl", source="again").forgotten == 1
    assert "kim-1" not in ids(storage)


def test_no_ingest_and_no_save_brings_him_back(storage: SessionSummaryStorage, inbox: Path, tmp_path: Path) -> None:
    others = filled(storage, inbox)
    forget(storage, Forgotten(user="kim.minsu@example.com"))
    forget(storage, Forgotten(user="비밀의김민수"))
    report = run(storage, inbox, source="again")
    assert report.forgotten == 4
    named = inbox / "kim.minsu@example.com"
    named.mkdir()
    (named / "비밀의김민수.jsonl").write_bytes(lines(session(3)) + b"{}\n")
    assert run(storage, named, user="kim.minsu@example.com").unchanged == 1
    assert not storage.save("new", "kim.minsu@example.com", "- 뷁쀍괣")
    assert not storage.save("kim-2", "somebody else", "- 뷁쀍괣")
    (tmp_path / "more.jsonl").write_bytes(lines(minsu(99), session(2, session_id="kim-2", user_id="x")))
    assert run(storage, tmp_path / "more.jsonl").forgotten == 2
    assert ids(storage) == others
    assert traces(storage.path, *SECRETS) == []


def test_a_session_without_an_id_is_known_by_its_content(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_bytes(lines(session(0, "뷁", "네", session_id=None), session(1)))
    run(storage, path)
    one = next(name for name in ids(storage) if name != "s-1")
    forget(storage, Forgotten(session=one))
    (tmp_path / "renamed.jsonl").write_bytes(lines(session(0, "뷁", "네", "더", session_id=None)))
    assert run(storage, tmp_path / "renamed.jsonl").forgotten == 1


def test_somebody_unknown_is_kept_out_too(storage: SessionSummaryStorage, inbox: Path) -> None:
    storage.save("s", "u", "- 환불")
    assert forget(storage, Forgotten(user="kim.minsu@example.com")) == ForgetPlan(0, 0, 0)
    assert run(storage, inbox / "a.jsonl").forgotten == 3


def test_names_are_the_same_in_either_form(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    from unicodedata import normalize

    storage.save("s", normalize("NFD", "김민수"), "- 환불")
    storage.save("t", "u", "- 환불")
    assert forget(storage, Forgotten(user=normalize("NFD", "김민수"))).sessions == 1
    assert ids(storage) == {"t"}


def test_what_an_archive_says_is_erased_here_too(storage: SessionSummaryStorage, inbox: Path, tmp_path: Path) -> None:
    others = filled(storage, inbox)
    (other := tmp_path / "other").mkdir()
    salt = b"s" * 16
    marks = [mark_of("user", "kim.minsu@example.com", salt), mark_of("user", "비밀의김민수", salt)]
    tombstones.append(other, [forget_fields(mark) for mark in marks])
    with storage.writing():
        assert tombstones.merge(storage.path, Tombstones.read(other)) == 2
    assert finish(storage) == 4
    assert ids(storage) == others
    assert traces(storage.path, *SECRETS) == []
    assert finish(storage) == 0


def test_an_adopted_store(store: Path) -> None:
    (store / "2025-10").mkdir(parents=True)
    record = {
        "session_id": "세션하나", "user_id": "김민수", "summary": "뷁", "summary_type": "llm",
        "created_at": "2025-10-26T01:02:03", "message_count": 1, "summary_length": 1, "metadata": {},
    }  # fmt: skip
    path = store / "2025-10" / "session_summaries_20251026.jsonl"
    path.write_text(json.dumps(record) + "\n" + json.dumps({**record, "user_id": "b", "session_id": "2"}) + "\n")
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert forget(storage, Forgotten(user="김민수")).sessions == 1
        assert list(oracle.scan(store)) == ["2"]
        assert traces(store, "세션하나", json.dumps("김민수")[1:-1]) == []


def test_the_index_of_the_original_system_goes_if_he_is_in_it(storage: SessionSummaryStorage, inbox: Path) -> None:
    filled(storage, inbox)
    original = storage.path / "index.json"
    original.write_text(json.dumps({"sessions": {"s-1": {"user_id": "u-1"}}}))
    forget(storage, Forgotten(user="비밀의김민수"))
    assert original.exists()
    original.write_text(json.dumps({"sessions": {"room-his": {"user_id": "비밀의김민수"}}}))
    forget(storage, Forgotten(user="비밀의김민수"))
    assert not original.exists()


def test_compressed_days_that_are_damaged_hide_nobody(storage: SessionSummaryStorage, inbox: Path) -> None:
    filled(storage, inbox)
    compact(storage)
    sealed = sorted(storage.path.glob("transcripts/*/*.zst"))
    for path in sealed:
        path.write_bytes(path.read_bytes()[:-1])  # its checksum is broken, and all lines can still be read
    with storage.locked():
        repairing.repair(storage.path, UTC)  # which keeps the compressed bytes
    for path in sealed[1::2]:
        path.write_bytes(path.read_bytes()[:-1])
    forget(storage, Forgotten(user="kim.minsu@example.com"))
    assert repair(storage, Silent(), workers=1).ok
    texts = [sealing.readable_of(_kept(path)) for path in (storage.path / "quarantine").iterdir()]
    texts += [sealing.read(path) for path in storage.path.glob("transcripts/*/*.zst")]
    assert texts
    assert not [text for text in texts if b"xylophonist7" in text]


def _kept(path: Path) -> bytes:
    return base64.b64decode(orjson.loads(path.read_bytes())["bytes_base64"])


def test_one_of_the_two_must_be_named(storage: SessionSummaryStorage) -> None:
    with pytest.raises(StoreNotFoundError):
        forget(storage, Forgotten(user="u"))
    storage.save("s", "u", "- 환불")
    for who in (Forgotten(), Forgotten("u", "s"), Forgotten("", None), Forgotten("\u202e", None)):
        with pytest.raises(UsageError):
            forget(storage, who)
