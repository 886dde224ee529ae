from __future__ import annotations

import sqlite3
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ion_summary.store.segments import Segments, Stretch, create, document, match_expression
from ion_summary.text.terms import Term, first_match, parse_terms
from ion_summary.text.tokens import fold, tag_token, tokens
from tests.conftest import examples

DAY = 739_000
KOREAN = [
    "전액환불요청",
    "환불을",
    "주문번호는",
    "배송이",
    "늦어서",
    "취소했어요",
    "가각갂",
    "ㅋㅋㅋ",
    "값이",
    "닭",
    "한글",
    "영수증",
]
ENGLISH = [
    "refund",
    "Refunds",
    "plan",
    "plane",
    "café",
    "CAFÉ",
    "naïve",
    "user_id",
    "order-12345",
    "C++",
    "v2.0",
    "Straße",
    "I'm",
    "e-mail",
]
MIXED = [
    "PDF로",
    "iPhone15를",
    "A4용지",
    "환불refund",
    "50%할인",
    "東京",
    "ひらがな",
    "カタカナ",
    "2026년",
    "①번",
    "😀",
    "👨\u200d👩\u200d👧",
    "İstanbul",
    "ΟΔΟΣ",
]
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs",))


def texts() -> st.SearchStrategy[str]:
    word = st.sampled_from(KOREAN + ENGLISH + MIXED) | st.text(LETTERS, max_size=6)
    gap = st.sampled_from([" ", "  ", "\n", "\t", ", ", "-", "", "\u3000", '"', "*", "(", ":"])
    parts = st.lists(st.tuples(word, gap), max_size=12)
    return parts.map(lambda pairs: "".join(word + gap for word, gap in pairs))


@st.composite
def texts_with_a_part(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and what somebody who remembers a part of it might type."""
    text = draw(texts())
    start = draw(st.integers(0, len(text)))
    part = text[start : start + draw(st.integers(1, 12))]
    form = draw(st.sampled_from(["NFC", "NFD"]))
    typed = normalize(form, draw(st.sampled_from([str, str.upper, str.lower, str.title]))(part))
    return text, draw(st.sampled_from(["{}", '"{}"', "{}*", '"{}', "{} 환불", '"{}*"'])).format(typed)


def covers(text: str, term: Term) -> bool:
    """Whether the index lets a text through: every token asked for is one of the text's."""
    there = tokens(text)
    ways, _ = term.index_query()
    return not ways or any(
        all(any(each.startswith(token) if prefix else each == token for each in there) for token, prefix in way)
        for way in ways
    )


def found_by_fts(text: str, typed: str, tag: str | None = None, tags: list[str] | None = None) -> tuple[bool, bool]:
    """Whether a real FTS5 segment finds the text, and whether that is already the answer."""
    expression, enough = match_expression(parse_terms(typed), tag)
    if expression is None:
        return True, False
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        create(db)
        segments = Segments(lambda: db, lambda: {DAY: (1, 1)})
        segments.add([Stretch(DAY, 1, 1, [(DAY << 24, document([text], tags or [], []))])])
        return list(segments.numbers(expression, segments.months()[0])) == [DAY << 24], enough
    finally:
        db.close()


@settings(max_examples=examples(200))
@given(texts_with_a_part())
@example(("우리앱\n을 켜고", '"앱 을"'))
@example(("전액환불, 취소", '"환불, 취소"'))
@example(("환불refund", '"불refund"'))
def test_tokens_miss_no_occurrence(pair: tuple[str, str]) -> None:
    text, typed = pair
    for term in parse_terms(typed):
        if term.occurs_in(fold(text)):
            assert covers(text, term), (text, term, tokens(text), term.index_query())


@settings(max_examples=examples(80))
@given(texts_with_a_part())
def test_full_text_search_answers_as_the_definition(pair: tuple[str, str]) -> None:
    text, typed = pair
    terms = parse_terms(typed)
    occurs = all(term.occurs_in(fold(text)) for term in terms)
    found, enough = found_by_fts(text, typed)
    if occurs:
        assert found, (text, terms)
    if enough and terms:
        assert found == occurs, (text, terms)


@settings(max_examples=examples(80))
@given(texts_with_a_part())
def test_every_slice_of_a_korean_run_occurs(pair: tuple[str, str]) -> None:
    text = "앞말 " + pair[0] + " 전액환불요청드립니다"
    for part in ("환불", "불요청", "환", "다", "전액환불요청드립니다", "요청드립"):
        for typed in (part, normalize("NFD", part), f'"{part}"', f"{part}*"):
            (term,) = parse_terms(typed)
            assert term.occurs_in(fold(text))
            assert covers(text, term)


@settings(max_examples=examples(100))
@given(st.text(LETTERS) | texts_with_a_part().map(lambda pair: pair[1]) | st.text())
def test_no_query_raises_or_is_syntax(typed: str) -> None:
    for term in parse_terms(typed):
        term.occurs_in(fold("환불 refund"))
        assert term.text == fold(term.text).strip()
    if not any("\ud800" <= char <= "\udfff" for char in typed):
        found_by_fts("환불 refund", typed)


@given(texts())
def test_folding_is_done_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(normalize("NFD", text)) == fold(text)
    assert tokens(normalize("NFD", text)) == tokens(text)


@pytest.mark.parametrize(
    ("typed", "text", "occurs"),
    [
        ("환불", "전액환불요청", True),
        ("환불", "환 불", False),
        ("plan", "a plane", False),
        ("plan*", "a plane", True),
        ("lane", "a plane", False),
        ("PLAN", "the plan.", True),
        ("cafe", "café", False),
        ("cafe\u0301", "café", True),
        ("CAFÉ", "cafe\u0301", True),
        ('"주문 번호"', "주문\n번호", True),
        ('"주문 번호"', "주문번호", False),
        ("주문번호", "주문 번호", True),
        ("주문번호를", "주문\n번호는", True),
        ('"주문번호"', "주문 번호", False),
        ("주문 번호", "주문번호", True),
        ("주문번호", "주문, 번호", False),
        ("환불을", "전액환불", True),
        ('"환불을"', "전액환불", False),
        ("취소했어요", "취소되었습니다", True),
        ("회의", "회사", False),
        ("PDF로", "pdf를", True),
        ("refund", "Refunds", True),
        ("refunded", "refunding", True),
        ('"refund"', "refunds", False),
        ("refund*", "refunds", True),
        ("plan", "planning", True),
        ("even", "event", False),
        ('"refund policy"', "refund  policy", True),
        ('"refund policy"', "policy refund", False),
        ("policy refund", "refund policy", True),
        ("refund missing", "refund policy", False),
        ("refund", "refund-policy", True),
        ("user", "user_id", False),
        ("c++", "c++", True),
        ("c++", "c", False),
        ("15를", "iPhone15를", False),
        ("iphone15", "iPhone15를", True),
        ("ㅋ", "ㅋㅋㅋ", True),
        ("ㅎ", "한", False),
        ("東", "東京", True),
    ],
)
def test_occurrences(typed: str, text: str, occurs: bool) -> None:
    assert all(term.occurs_in(fold(text)) for term in parse_terms(typed)) is occurs


@pytest.mark.parametrize(
    "typed",
    ["", " ", "-", "*", '"', '""', '"*"', "NOT", "a AND b", "a OR b", "NEAR(a b, 1)", "body:환불", "a -b", "^a", "a+b",
     "(", "{a b}: c", "'; DROP TABLE record; --", "a\0b", "%", "_", "\\", "[a]", "a*b", "**a**", "\u202e환불"],
)  # fmt: skip
def test_full_text_syntax_is_text(typed: str) -> None:
    terms = parse_terms(typed)
    for text in ("not a AND b near body 환불", "nothing"):
        occurs = all(term.occurs_in(fold(text)) for term in terms)
        found, enough = found_by_fts(text, typed)
        assert found or not occurs
        assert found == occurs or not enough


def test_punctuation_beside_words_asks_for_nothing_and_alone_for_itself() -> None:
    assert parse_terms("- 환불 *") == [Term("환불")]
    assert parse_terms('kim & lee "&"') == [Term("kim"), Term("lee"), Term("&", literal=True)]
    assert parse_terms("- *") == [Term("-"), Term("*")]
    assert parse_terms("😀 환불 <") == [Term("😀"), Term("환불"), Term("<")]
    assert parse_terms(' "" " "') == []


@given(texts(), texts())
def test_a_tag_is_found_by_itself_in_any_form(tag: str, other: str) -> None:
    found, enough = found_by_fts("text", "", normalize("NFD", tag.upper().lower()), [tag.upper().lower()])
    assert found
    assert not enough
    if tag_token(tag) != tag_token(other):
        assert not found_by_fts("text", "", tag, [other])[0]


def test_first_match_is_the_leftmost() -> None:
    assert first_match("반품과 환불", parse_terms("환불 반품")) == (0, 2)
    assert first_match("반품과 환불", parse_terms("교환")) is None
