"""What all tests share: a store, transcripts to fill it with, and how long hypothesis may try."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import settings

from ion_summary.store.storage import SessionSummaryStorage

# The machine's load decides how long an example takes: no deadline. `make faults` runs these tests with all their
# examples; HYPOTHESIS_PROFILE=long is for a night.
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("full", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=2_000, deadline=None)
settings.load_profile(_PROFILE)


# A shell has what it starts in the background ignore Ctrl-C, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def examples(count: int) -> int:
    """How many examples hypothesis is to try of ``count``: in the quick profile a quarter, at night many more."""
    return {"quick": max(10, count // 4), "long": 20 * count}.get(_PROFILE, count)


START = datetime(2026, 1, 4, 6, 10, tzinfo=UTC)


def session(
    number: int, *texts: str, session_id: str | None = "", user_id: str | None = "u-1", start: datetime | None = None
) -> dict[str, Any]:
    """A session in the native format: user and assistant take turns, a minute apart; one day a number by default.

    ``session_id`` empty: made from the number; None: the file does not say it. Likewise None for ``user_id``.
    """
    begun = START + timedelta(days=number) if start is None else start
    said = texts or (f"환불 번호 {number}번을 요청합니다.", f"Refund number {number} has been requested.")
    fields: dict[str, Any] = {"messages": []}
    if session_id is not None:
        fields["session_id"] = session_id or f"s-{number}"
    if user_id is not None:
        fields["user_id"] = user_id
    for turn, text in enumerate(said):
        when = (begun + timedelta(minutes=turn)).isoformat().replace("+00:00", "Z")
        fields["messages"].append({"role": ("user", "assistant")[turn % 2], "content": text, "timestamp": when})
    return fields


def lines(*sessions: dict[str, Any]) -> bytes:
    """Sessions as JSON Lines."""
    return b"".join(orjson.dumps(each) + b"\n" for each in sessions)


@pytest.fixture(scope="session", autouse=True)
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test leaves the machine: the hundreds of certificates, read for each client and process, are left unread."""
    import certifi

    first, end, _ = Path(certifi.where()).read_text("ascii", "replace").partition("-----END CERTIFICATE-----\n")
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(first + end)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(autouse=True)
def closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test itself opens and leaves open is closed with it. What the package opens, the package must close:
    Python 3.13 warns of every connection that nobody has closed.
    """
    begin, opened = SessionSummaryStorage.__init__, list[SessionSummaryStorage]()

    def watched(storage: SessionSummaryStorage, *given: Any, **named: Any) -> None:
        begin(storage, *given, **named)
        if "tests" in Path(sys._getframe(1).f_code.co_filename).parts:
            opened.append(storage)

    monkeypatch.setattr(SessionSummaryStorage, "__init__", watched)
    yield
    for storage in opened:
        storage.close()


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says what a test has counted, at the end of the run, from whichever process it ran in."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures of the tests that passed."""
    figures = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for each in sorted(figures):
            terminalreporter.write_line(each)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a store may be; there is none yet."""
    return tmp_path / "store"


@pytest.fixture
def storage(store: Path) -> Iterator[SessionSummaryStorage]:
    """A storage over ``store``; naive times are UTC."""
    with SessionSummaryStorage(store, tz=UTC) as opened:
        yield opened


def files_of(root: Path) -> dict[str, bytes]:
    """Every file below a store with its bytes, but for the index and the lock."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in ("index", ".lock")
    }
