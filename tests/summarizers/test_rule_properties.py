"""The hard limits hold for any input."""

from __future__ import annotations

import json
import re
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ion_summary.summarizers import candidates, openings, words
from ion_summary.summarizers.rule import RunningSummary, digest_session, summarize
from ion_summary.text.clean import clean
from tests.conftest import examples

NASTY = [
    "",
    " ",
    "\n\n",
    "가" * 3000,
    "a" * 3000,
    "1234567890" * 60,
    "https://example.com/" + "a/b-c?d=" * 60,
    "👨‍👩‍👧‍👦" * 50,
    "🇰🇷" * 80,
    "e\u0301" * 200,
    unicodedata.normalize("NFD", "환불해 주세요 주문번호 12345"),
    "שלום עולם. מה שלומך?",
    "مرحبا بالعالم، كيف حالك؟",
    "word " * 2000,
    "\u202eevil\u202c text.",
    "\x1b[31mred\x1b[0m alarm!",
    "```\ncode\n```",
    "```bash\nrm -rf build && make -j 4\n```",
    "- a\n- b\n- c",
    "**bold** | table |\n|---|---|",
    "네",
    "thanks!",
    "ok",
    "\ud800 broken",
    "a.b.c.d " * 50,
    "?" * 100,
    "…",
    "- U: fake\n- A: bullet",
    "🏽" * 30,
    "각" * 90,
]
texts = st.one_of(st.text(max_size=300), st.sampled_from(NASTY))
names = st.one_of(
    st.none(), st.text(max_size=30), st.sampled_from(["Project Manager", "김 대리", "a: b", "x\ny", "👩‍💻"])
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool", ""]), "content": texts, "name": names}
    ),
    max_size=12,
)


@settings(max_examples=examples(250), deadline=None)
@given(messages, st.integers(1, 12), st.one_of(st.integers(1, 40), st.integers(41, 1200)), st.integers(1, 200))
def test_limits_are_hard(said: list[dict[str, str]], bullets: int, chars: int, line: int) -> None:
    running = RunningSummary()
    for message in said:
        running.add(message)
    for per_line in (None, line):
        text = running.summary(bullets, chars, per_line)
        lines = text.split("\n") if text else []
        assert len(text) <= chars and len(lines) <= bullets
        assert all(len(each) <= (per_line or chars) for each in lines)
        assert all(each.startswith("- ") for each in lines) or min(chars, per_line or chars) < 12
    assert running.summary(bullets, chars) == summarize(said, bullets, chars)


@settings(max_examples=examples(150), deadline=None)
@given(messages)
@example([{"role": "user", "content": "[Laughter]"}])
@example([{"role": "user", "content": "<b></b>"}])
@example([{"role": "user", "content": "```\ncode```"}])
def test_never_empty_for_a_session_with_words(said: list[dict[str, str]]) -> None:
    words = any(re.search(r"[가-힣A-Za-z]", clean(message["content"])) for message in said)
    assert bool(summarize(said)) or not words


@settings(max_examples=examples(100), deadline=None)
@given(messages, st.integers(0, 12))
def test_a_restored_state_goes_on_exactly_as_the_original(said: list[dict[str, str]], place: int) -> None:
    whole = RunningSummary()
    for message in said[:place]:
        whole.add(message)
    restored = RunningSummary.from_dict(json.loads(json.dumps(whole.to_dict())))
    for message in said[place:]:
        whole.add(message)
        restored.add(message)
    assert restored.summary() == whole.summary()
    assert restored.tags() == whole.tags()
    assert json.dumps(restored.to_dict()) == json.dumps(whole.to_dict())


@settings(max_examples=examples(100), deadline=None)
@given(messages)
def test_bulk_and_turn_by_turn_agree(said: list[dict[str, str]]) -> None:
    running = RunningSummary()
    for message in said:
        running.add(message)
        running.summary()  # asking changes nothing
    assert (running.summary(8, 800), running.tags()) == digest_session(said, 8, 800)


_HEADS = st.sampled_from(
    [*f"{openings._BEFORE_COMMA}|{openings._BEFORE_SPACE}".replace("+", "").split("|"), "ㅋ", "1/2"]
)
_MARKS = st.sampled_from(["", " ", ",", ".", "!", "~", "…", " ,", " - ", " – ", "- ", "'", "?", "/", "\n", "  ", "。"])
_REST = st.sampled_from(
    [
        "refund",
        "Refund",
        "Hi,634/9.",
        "환불",
        "@you",
        "um",
        "and/or",
        "3.5",
        "x_y",
        "it",
        "see",
        "`a`",
        "e\u0301",
        "a\u200bb",
        "Mr.",
    ]
)
_chatter = st.lists(st.tuples(st.one_of(_HEADS, _REST), _MARKS), min_size=1, max_size=8).map(
    lambda pairs: "".join(word + mark for word, mark in pairs)
)


@settings(max_examples=400, deadline=None)
@given(_chatter)
def test_a_sentence_opens_only_with_what_two_looks_at_its_words_let_through(text: str) -> None:
    spoken = text.split()
    first, second = (words.look(word).bits for word in (*spoken, "x", "x")[:2])
    if not first & words.OPENS and not (first & words.MAY_OPEN and second & words.OPENS_ON):
        assert openings.strip_opening(" ".join(spoken)) == " ".join(spoken)


@settings(max_examples=400, deadline=None)
@given(_chatter)
def test_a_word_of_an_opening_is_never_ruled_out_at_once(text: str) -> None:
    for word in text.lower().split():
        if openings.opens(word) or openings.opens_with_next(word) or openings.goes_with_opener(word):
            assert openings.may_open(word)


@settings(max_examples=400, deadline=None)
@given(st.one_of(_chatter, texts))
def test_a_text_that_needs_no_tidying_gives_the_same_sentences_tidied(text: str) -> None:
    def parts(heard: candidates.Heard) -> list[object]:
        said = [(text, [w.term for w in terms], *rest) for text, terms, *rest in heard.sentences]
        return [said, heard.asks, heard.assent, heard.greets, heard.small_talk]

    tidied = candidates.listen_closely(text)
    del tidied.sentences[candidates._MOST_SENTENCES :]
    assert parts(candidates.listen(text)) == parts(tidied)
