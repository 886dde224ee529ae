from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.text.inflection import bare, forms, stem

FAMILIES = [
    "refund refunds refunded refunding",
    "plan plans planned planning",
    "charge charges charged charging",
    "cancel cancels canceled cancelled cancelling",
    "install installs installed installing",
    "exchange exchanged exchanging",
    "delivery deliveries",
    "reply replies replied",
    "address addresses addressed",
    "ship shipped shipping",
    "close closed closing",
    "update updates updated updating",
    "meet meeting meetings",
    "pass passes passed",
]


@pytest.mark.parametrize("family", FAMILIES)
def test_forms_of_an_english_word_share_a_stem_and_other_words_do_not(family: str) -> None:
    words = family.split()
    (base,) = {stem(word) for word in words}
    assert set(words) <= forms(base)
    others = {stem(word) for other in FAMILIES if other != family for word in other.split()}
    assert base not in others


@pytest.mark.parametrize("word", ["plane", "thing", "agreed", "status", "this", "bus", "need", "string", "café", "a4"])
def test_what_only_looks_like_an_ending_stays(word: str) -> None:
    assert stem(word) == word


@given(st.text("abdegilnrsuy", min_size=1, max_size=9) | st.text(max_size=8))
def test_every_word_is_among_the_forms_of_its_stem(word: str) -> None:
    lowered = word.lower()
    assert lowered in forms(stem(lowered))


@given(st.text("adeilnrs", min_size=1, max_size=7))
def test_every_form_has_the_stem_or_is_it(base: str) -> None:
    assert all(word == base or stem(word) == base for word in forms(base))


@pytest.mark.parametrize(
    ("word", "rest"),
    [
        ("환불을", "환불"),
        ("배송이", "배송"),
        ("주문번호는", "주문번호"),
        ("인터넷에서도", "인터넷"),
        ("학교로", "학교"),
        ("책상으로", "책상"),
        ("서울로", "서울"),
        ("친구들에게", "친구"),
        ("사과했습니다", "사과"),
        ("취소해주세요", "취소"),
        ("취소됐어요", "취소"),
        ("요청한", "요청"),
        ("안내드립니다", "안내"),
        ("환불", "환불"),
        ("회의", "회의"),
        ("전문가", "전문가"),
        ("책으로", "책으로"),
        ("대한민국", "대한민국"),
        ("남북한관계", "남북한관계"),
        ("東京", "東京"),
        ("", ""),
    ],
)
def test_particles_and_endings_of_korean_words(word: str, rest: str) -> None:
    assert bare(word) == rest
