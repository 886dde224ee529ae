"""Every format with the traps that exports of it are known to hold: what is read is exactly what is written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from ion_summary.transcripts.detect import READERS
from tests.transcripts.helpers import GOLDEN, format_of, golden_inputs, items, shown


@pytest.mark.parametrize("path", golden_inputs(), ids=lambda path: path.name)
def test_golden(path: Path) -> None:
    expected = json.loads((GOLDEN / f"{path.name}.expected.json").read_text("utf-8"))
    assert {"format": format_of(path), "items": [shown(item) for item in items(path)]} == expected


def test_every_format_has_a_golden_file() -> None:
    assert {format_of(path) for path in golden_inputs()} == set(READERS)


def test_the_same_export_in_three_encodings_says_the_same() -> None:
    def said(name: str) -> list[object]:
        return [item for item in map(shown, items(GOLDEN / name)) if "resume" not in item]

    assert said("kakaotalk-windows.txt") == said("kakaotalk-cp949.txt") == said("kakaotalk-utf16.txt")


@pytest.mark.parametrize("path", [path for path in golden_inputs() if path.is_file()], ids=lambda path: path.name)
def test_decomposed_hangul_as_macs_write_it_says_the_same(path: Path, tmp_path: Path) -> None:
    """In the file and in its name; where nothing is composed of anything the file is the same."""
    raw = path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        pytest.skip("no UTF-8")
    if raw.startswith(b"SQLite"):
        pytest.skip("no text")

    def said(form: Literal["NFC", "NFD"]) -> list[object]:
        copy = tmp_path / form / "room" / normalize(form, path.name)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(normalize(form, text).encode())
        return [item for item in map(shown, items(copy)) if "resume" not in item]

    assert said("NFD") == said("NFC")
