"""Text from outside becomes inert, with all that it says kept; and the quick look never says so wrongly."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.text.clean import clean, is_inert, one_line
from tests.conftest import examples

ACTING = [
    *("\x1b[31m", "\x1b]8;;http://x\x07", "\x9b31m", "\x07", "\x08", "\x7f", "\x9d", "\u202e", "\u2066", "\u2069"),
    *("\u200e", "\u200b", "\ufeff", "\u061c", "\U000e0041", "\ufff9"),
]


@pytest.mark.parametrize("acting", ACTING, ids=ascii)
def test_what_acts_is_removed(acting: str) -> None:
    assert clean(f"a{acting}b") == "ab"
    assert not is_inert(f"a{acting}b")


@pytest.mark.parametrize(
    "kept", ["[red]x[/red]", "=1+2", "<b>", "👨‍👩‍👧", "ㅋㅋㅋ", "a\tb\nc", "soft\u00adhyphen", "한글"]
)
def test_what_only_says_something_is_kept(kept: str) -> None:
    assert clean(kept) == kept


def test_every_kind_of_line_end_is_one() -> None:
    assert clean("a\r\nb\rc\u2028d\u2029e\x85f") == "a\nb\nc\nd\ne\nf"


def test_korean_typed_on_a_mac_is_the_same_korean() -> None:
    assert clean(unicodedata.normalize("NFD", "환불 요청 café")) == "환불 요청 café"


def test_half_a_pair_becomes_the_replacement_character() -> None:
    assert clean("cut \ud83d") == "cut \ufffd"


@settings(max_examples=examples(300))
@given(st.text(st.characters()))
def test_cleaning_is_final(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    if is_inert(text):
        assert once == text
    assert one_line(one_line(text)) == one_line(text)
    assert "\n" not in one_line(text)


def test_every_character_that_needs_no_look_needs_none() -> None:
    plain = [chr(code) for code in range(0x110000) if is_inert(chr(code))]
    assert len(plain) > 30_000
    for each in plain:
        assert unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Mn") or each in "\t\n\u00ad", ascii(each)
    # Nothing composes with what stands before it: any text of these is in NFC.
    decomposed = (unicodedata.decomposition(chr(code)).split() for code in range(0x110000))
    seconds = {chr(int(parts[1], 16)) for parts in decomposed if len(parts) == 2 and not parts[0].startswith("<")}
    assert not seconds & set(plain)
    assert unicodedata.is_normalized("NFC", "".join(plain))
