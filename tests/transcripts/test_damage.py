"""Whatever happens to a file: the rest of it is read or it is rejected with a reason, and nothing raises."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ion_summary.model import Session
from ion_summary.text.clean import clean
from ion_summary.transcripts.detect import READERS
from ion_summary.transcripts.reader import Rejected, Resume
from tests.conftest import examples
from tests.transcripts.helpers import GOLDEN, format_of, golden_files, golden_inputs, items, sessions, shown

INPUTS = golden_files()
GROWING = [path for path in INPUTS if any(isinstance(item, Resume) for item in items(path))]
QUIET = [HealthCheck.function_scoped_fixture]
STRESS = settings(max_examples=examples(300), deadline=None, suppress_health_check=QUIET)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("damage")


def check(path: Path, format_name: str | None) -> None:
    for item in items(path, format_name=format_name):
        assert isinstance(item, Session | Rejected | Resume)
        if isinstance(item, Session):
            assert item.messages
            assert all(
                message.content.strip() and message.content == clean(message.content) for message in item.messages
            )
        if isinstance(item, Rejected):
            assert item.reason


@STRESS
@given(st.sampled_from(INPUTS), st.data())
def test_cut_anywhere(scratch: Path, path: Path, data: st.DataObject) -> None:
    raw = path.read_bytes()
    (scratch / path.name).write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    check(scratch / path.name, data.draw(st.sampled_from([None, format_of(path)])))


@STRESS
@given(st.sampled_from(INPUTS), st.data())
def test_any_byte_changed(scratch: Path, path: Path, data: st.DataObject) -> None:
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b'"\\[]{},:\n\r\x00 ')))
    (scratch / path.name).write_bytes(raw)
    check(scratch / path.name, data.draw(st.sampled_from([None, format_of(path)])))


@pytest.mark.parametrize("rounds", [6, pytest.param(600, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_damage_of_many_kinds(scratch: Path, path: Path, rounds: int) -> None:
    """Cut, several bytes changed, and a piece of the file written once more in another place: of every format, other
    ones each day. Drawn without hypothesis, which takes more time than the readers.
    """
    whole, name = path.read_bytes(), format_of(path)
    draw = random.Random(f"{path.name} {date.today()}")
    for number in range(rounds):
        raw = bytearray(whole if number % 3 else whole[: draw.randrange(2, len(whole))])
        for _ in range(draw.randrange(12)):
            raw[draw.randrange(len(raw))] = draw.choice((draw.randrange(256), *b'"\\[]{},:\n\r\x00 <>='))
        begin, at = draw.randrange(len(raw)), draw.randrange(len(raw))
        raw[at:at] = raw[begin : begin + draw.randrange(200)]
        (scratch / path.name).write_bytes(raw)
        check(scratch / path.name, draw.choice((None, name)))


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=300), st.sampled_from([*READERS, None]))
def test_any_bytes_as_any_format(raw: bytes, format_name: str | None) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / "ion-summary-any-bytes"
    path.write_bytes(raw)
    try:
        check(path, format_name)
    finally:
        path.unlink()


DIRECTORIES = [path for path in golden_inputs() if path.is_dir()]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=QUIET)
@given(st.sampled_from(DIRECTORIES), st.data())
def test_a_damaged_file_of_an_export_of_several(scratch: Path, path: Path, data: st.DataObject) -> None:
    copy = scratch / "export"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    file = data.draw(st.sampled_from(sorted(each for each in copy.rglob("*") if each.is_file())))
    raw = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw = raw[:at]
    else:
        raw[at] = data.draw(st.integers(0, 255))
    file.write_bytes(raw)
    check(copy, None)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=QUIET)
@given(st.data())
def test_a_damaged_line_costs_only_itself(scratch: Path, data: st.DataObject) -> None:
    path = GOLDEN / "native.jsonl"
    lines = path.read_bytes().split(b"\n")
    number = data.draw(st.integers(0, len(lines) - 2))
    if not lines[number]:
        return
    line = bytearray(lines[number])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 10))
    damaged = scratch / path.name
    damaged.write_bytes(b"\n".join([*lines[:number], bytes(line), *lines[number + 1 :]]))

    def others(found: list[Session]) -> list[Session]:
        return [session for session in found if session.place != str(number + 1)]

    assert others(sessions(damaged, format_name="native")) == others(sessions(path, format_name="native"))


@STRESS
@given(st.sampled_from(GROWING), st.data())
def test_a_growing_file_read_in_parts_gives_what_reading_it_whole_gives(
    scratch: Path, path: Path, data: st.DataObject
) -> None:
    """As ``ingest`` does: a later reading replaces what an earlier one said of the same place."""
    raw, name = path.read_bytes(), format_of(path)
    grown = scratch / path.name
    found: dict[tuple[str | None, str], object] = {}
    start: Resume | None = None
    for end in [*sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=4))), len(raw)]:
        grown.write_bytes(raw[:end])
        for item in items(grown, format_name=name, start=start):
            if isinstance(item, Session):
                found[item.room, item.place] = shown(item)
            elif isinstance(item, Resume):
                assert item.offset <= end
                start = item
    assert found == {(each.room, each.place): shown(each) for each in sessions(path, format_name=name)}


def test_a_torn_last_line_is_left_for_the_next_reading(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    whole = b'{"session_id": "a", "messages": [{"role": "user", "content": "x"}]}\n'
    path.write_bytes(whole + whole[:30])
    first = items(path)
    assert [type(item) for item in first] == [Session, Resume]
    assert first[-1] == Resume(len(whole), {"line": 1})
    path.write_bytes(whole + whole[:30] + b"\n")
    assert [shown(item).get("line") for item in items(path, format_name="native")[1:]] == [2, None]


def test_an_unterminated_last_line_that_is_whole_is_delivered_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    line = b'{"session_id": "a", "messages": [{"role": "user", "content": "x"}]}'
    path.write_bytes(line)
    session, resume = items(path)
    assert isinstance(session, Session)
    assert resume == Resume(0, {"line": 0})
