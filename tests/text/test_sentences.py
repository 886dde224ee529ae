from __future__ import annotations

import unicodedata

import pytest

from ion_summary.text.graphemes import whole
from ion_summary.text.language import language
from ion_summary.text.sentences import ends_sentence, goes_on, split_clauses, split_sentences


@pytest.mark.parametrize(
    "text",
    [
        "It broke.| Can you fix it?| Yes!|",
        "결제가 안 돼요.| 언제 되나요?|",
        "Version 3.5.1 costs 1,200.50 dollars.|",
        "See https://a.example/b.html?c=d.| It helps.|",
        "Mr. Kim met Dr. Lee at 5 p.m. today.|",
        'He said "no."| Then he left.|',
        "주문했어요| 언제 오나요| 급해요|",
        "좋아ㅋㅋ| 그럼 내일 보자",
        "비가 오니까 우산을 챙기세요| 그러니까 우산은 어디 있습니까| 몰라ㅠ| 응",
        "1. first 2. second",
        "?!| ) …| .|",
    ],
)
def test_which_words_end_a_sentence(text: str) -> None:
    assert " ".join(word + "|" * ends_sentence(word) for word in text.replace("|", "").split()) == text


def test_a_full_stop_that_ends_no_sentence_is_told_from_no_full_stop() -> None:
    assert [goes_on(word) for word in ("Mr.", "(Mr.", "3.", "A.", "e.g.", "it.", "it", "…", "2025.")] == [
        True, True, True, True, True, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("one\ntwo\n\nthree", ["one", "two", "three"]),
        ("It costs  5 USD.\nNo.\n7 is free", ["It costs 5 USD.", "No. 7 is free"]),
        ("はい。ですか？違う", ["はい。", "ですか？", "違う"]),
        ("   ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_nothing_of_a_text_is_lost() -> None:
    text = "First one, e.g. this. Second?! 셋째 문장입니다. 넷째예요 다섯째"
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_only_long_sentences_come_in_clauses() -> None:
    short = "If it rains, we stay."
    assert split_clauses(short) == [short]
    long = (
        "If it rains on Saturday we will stay at home and play games, "
        "but if the sun comes out after all, we take the bus to the lake and swim."
    )
    clauses = split_clauses(long)
    assert len(clauses) > 1 and " ".join(clauses) == long and min(map(len, clauses)) >= 36


@pytest.mark.parametrize("cluster", ["e\u0301", "👨‍👩‍👧", "🇰🇷", "👍🏽", "각", "❤️", "1️⃣", "\r\n"])
def test_a_cut_is_never_inside_a_grapheme(cluster: str) -> None:
    text = "ab" + cluster + "cd"
    for position in range(len(text) + 1):
        at = whole(text, position)
        assert at <= position
        assert not 2 < at < 2 + len(cluster)


def test_flags_are_cut_in_pairs() -> None:
    text = "🇰🇷🇺🇸🇯🇵"
    assert [whole(text, n) for n in range(7)] == [0, 0, 2, 2, 4, 4, 6]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("환불해 주세요", "ko"),
        ("refund please", "en"),
        ("git push 했는데 rejected 나와요 왜죠", "ko"),
        ("", "en"),
        ("12:30", "en"),
        (unicodedata.normalize("NFD", "환불"), "ko"),
    ],
)
def test_language(text: str, expected: str) -> None:
    assert language(text) == expected
