"""What applications import, and how it is called."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import ion_summary
from ion_summary import Message, RunningSummary, SessionSummaryStorage, get_session_storage, summarize
from ion_summary.errors import UsageError

ROOT = Path(__file__).parents[1]
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "주문번호 12345 환불하고 싶어요."},
    {"role": "assistant", "content": "Your refund of 12,000 won will arrive on Monday."},
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ION_SUMMARY_STORE", "ION_SUMMARY_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_every_name_is_there() -> None:
    for name in ion_summary.__all__:
        assert getattr(ion_summary, name) is not None
    assert set(ion_summary.__all__) <= set(dir(ion_summary))
    wanted = {"Message", "Session", "SessionSummary", "summarize", "RunningSummary", "SessionSummaryStorage"}
    assert wanted | {"get_session_storage"} <= set(ion_summary.__all__)
    with pytest.raises(AttributeError):
        ion_summary.nonsense  # noqa: B018


def test_importing_costs_nothing() -> None:
    code = "import sys, ion_summary; print([name for name in sys.modules if name.startswith('ion_summary.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("save", "session_id user_id summary summary_type='llm' message_count=0 metadata=None"),
        ("load", "session_id"),
        ("list_recent", "limit=10"),
        ("delete", "session_id"),
        ("get_stats", ""),
    ],
)
def test_signatures_that_applications_call(name: str, signature: str) -> None:
    parameters = list(inspect.signature(getattr(SessionSummaryStorage, name)).parameters.values())[1:]
    shown = [str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters]
    assert shown == signature.split()


def test_search_takes_keywords() -> None:
    parameters = list(inspect.signature(SessionSummaryStorage.search).parameters.values())[1:]
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters)
    defaults = {each.name: each.default for each in parameters}
    none = dict.fromkeys(("user_id", "start_date", "end_date", "summary_type", "query_text"))
    assert defaults == none | {"limit": 100}


def test_a_storage_from_saving_to_deleting(store: Path) -> None:
    storage = SessionSummaryStorage(store)
    assert storage.get_stats()["total_sessions"] == 0
    assert storage.load("s-1") is None
    assert storage.search(query_text="환불") == []
    assert storage.delete("s-1") is False
    assert not store.exists()

    assert storage.save("s-1", "u-1", "- 전액환불요청", message_count=4, metadata={"tags": ["환불"]}) is True
    assert storage.save("s-2", "u-2", "- Refund policy", "rule_based") is True
    found = storage.load("s-1")
    assert found is not None
    assert (found.user_id, found.summary, found.summary_type) == ("u-1", "- 전액환불요청", "llm")
    assert (found.message_count, found.summary_length, found.metadata["tags"]) == (4, 8, ["환불"])
    assert [one.session_id for one in storage.list_recent()] == ["s-2", "s-1"]
    assert [one.session_id for one in storage.list_recent(limit=1)] == ["s-2"]
    today = datetime.now(UTC).date()
    for query in (
        {"user_id": "u-1"},
        {"query_text": "환불"},
        {"summary_type": "llm"},
        {"query_text": "환불", "start_date": today.replace(year=today.year - 1, day=1)},
        {"query_text": "환불", "end_date": str(today.replace(year=today.year + 1, day=1)), "limit": 1},
    ):
        assert [one.session_id for one in storage.search(**query)] == ["s-1"], query  # type: ignore[arg-type]
    assert storage.search(start_date=date(today.year + 1, 1, 2)) == []
    stats = storage.get_stats()
    assert (stats["total_sessions"], stats["llm_summaries"], stats["rule_based_summaries"]) == (2, 1, 1)
    assert (stats["recent_24h"], stats["storage_path"]) == (2, str(store))
    assert storage.delete("s-1") is True
    assert storage.load("s-1") is None
    assert storage.get_stats()["total_sessions"] == 1
    storage.close()


def test_a_date_that_is_none_is_a_usage_error(store: Path) -> None:
    with SessionSummaryStorage(store) as storage, pytest.raises(UsageError) as error:
        storage.search(start_date="someday")
    assert "someday" in error.value.message
    assert "2026-01-04" in error.value.hint


@pytest.mark.parametrize("wrong", [{"summary_type": "better"}, {"limit": -1}])
def test_what_no_search_takes_is_a_usage_error(wrong: dict[str, Any], store: Path) -> None:
    with SessionSummaryStorage(store) as storage:
        storage.save("s-1", "u-1", "- 환불")
        with pytest.raises(UsageError):
            storage.search(**wrong)


def test_a_storage_is_shared_by_threads(store: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with SessionSummaryStorage(store, lock_timeout=60) as storage:

        def use(number: int) -> int:
            storage.save(f"s-{number}", "u", f"- 환불 {number}")
            assert storage.load(f"s-{number}") is not None
            return len(storage.search(query_text="환불"))

        with ThreadPoolExecutor(4) as pool:
            counts = list(pool.map(use, range(24)))
        assert all(1 <= count <= 24 for count in counts)
        assert storage.get_stats()["total_sessions"] == 24


def test_summaries_of_messages_and_mappings() -> None:
    as_values = [Message(message["role"], message["content"]) for message in TALK]
    assert summarize(as_values) == summarize(TALK)
    assert summarize(TALK).startswith("- ")
    assert "12345" in summarize(TALK) or "12,000" in summarize(TALK)
    assert len(summarize(TALK, max_bullets=1, max_chars=60)) <= 60
    running = RunningSummary()
    for message in TALK:
        running.add(message)
    assert running.summary(max_bullets=6, max_chars=600).startswith("- ")


# -- the factory resolves its settings as the command line does -------------------------------------------------------


def test_the_store_is_that_of_the_command_line(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_session_storage().path == home / ".local/share/ion-summary"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert get_session_storage().path == tmp_path / "data" / "ion-summary"
    settings = tmp_path / "config.toml"
    settings.write_text('store = "from-file"\n')
    monkeypatch.setenv("ION_SUMMARY_CONFIG", str(settings))
    assert get_session_storage().path == tmp_path / "from-file"
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "from-environment"))
    assert get_session_storage().path == tmp_path / "from-environment"
    assert get_session_storage(tmp_path / "given").path == tmp_path / "given"


def test_the_same_settings_give_the_same_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "one"))
    assert get_session_storage() is get_session_storage()
    assert get_session_storage() is not get_session_storage(tmp_path / "two")


def test_what_the_command_line_stores_the_application_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ION_SUMMARY_STORE", str(tmp_path / "store"))
    (tmp_path / "talk.jsonl").write_text(
        '{"session_id": "s-1", "messages": [{"role": "user", "content": "환불 문의"}]}\n'
    )
    command = [sys.executable, "-m", "ion_summary", "ingest", str(tmp_path / "talk.jsonl")]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    with get_session_storage() as storage:
        assert [one.session_id for one in storage.search(query_text="환불")] == ["s-1"]
