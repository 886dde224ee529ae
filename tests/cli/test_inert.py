from __future__ import annotations

import csv
import io
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.cli.output.inert import json_text, plain_cell
from ion_summary.text.cells import csv_cell
from ion_summary.text.clean import clean

ACTING = ["\x1b[31m", "\x1b]0;x\x07", "\x07", "\x9b2J", "\x7f", "\u202e", "\u2066", "\u200f", "\ufeff", "\U000e0041"]
ANY_TEXT = st.text(max_size=30) | st.lists(st.sampled_from([*ACTING, "가", "\t", "\n", "=", "-", " ", "a"])).map(
    "".join
)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+82 10", "'+82 10"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\n=1"),
        ("-1", "'-1"),
        ("-", "'-"),
        ("- a bullet", "- a bullet"),
        ("- 요점", "- 요점"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("", ""),
        (None, ""),
        ("\x1b[31m=1", "'=1"),
        ("\u200b=1", "'=1"),
        (-5, -5),
        (1.5, 1.5),
    ],
)
def test_spreadsheets_execute_nothing(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


@given(ANY_TEXT)
def test_no_csv_cell_begins_like_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert cell[:1] not in tuple("=+@\t\r")
    assert not cell.startswith("-") or cell.startswith("- ")
    assert cell.removeprefix("'") in (clean(text), clean(text).removeprefix("'"))


@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_csv_rows_are_read_back(texts: list[str]) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow([*map(csv_cell, texts), "end"])
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [*map(csv_cell, texts), "end"]


@given(ANY_TEXT)
def test_a_plain_cell_ends_neither_its_cell_nor_its_line(text: str) -> None:
    cell = plain_cell(text)
    assert len(cell.splitlines()) <= 1
    assert "\t" not in cell
    assert clean(cell) == cell


def test_a_plain_cell_shows_what_it_escapes() -> None:
    assert plain_cell("one\ttwo\nthree\r\nfour") == "one\\ttwo\\nthree\\nfour"
    assert plain_cell(None) == ""
    assert plain_cell("가" * 5000) == "가" * 5000


@pytest.mark.parametrize("acting", ACTING)
def test_json_says_the_same_without_characters_that_act(acting: str) -> None:
    value = {"text": f"before{acting}after", acting: ["환불"]}
    text = json_text(value)
    assert orjson.loads(text) == value
    assert clean(text) == text
    assert "환불" in text
    assert json_text(value, ascii_only=True).isascii()
    assert json.loads(json_text(value, ascii_only=True)) == value


@given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers() | st.none(), max_size=4))
def test_json_is_lossless(value: dict[str, object]) -> None:
    for ascii_only in (False, True):
        for indent in (False, True):
            assert json.loads(json_text(value, ascii_only=ascii_only, indent=indent)) == value


def test_json_takes_file_names_that_are_no_utf8_and_large_integers() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert json.loads(json_text({"path": name, "n": 1 << 70})) == {"path": name, "n": 1 << 70}
