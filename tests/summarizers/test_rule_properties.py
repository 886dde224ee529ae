"""The hard limits hold for any input."""

from __future__ import annotations

import json
import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.summarizers.rule import RunningSummary, digest_session, summarize
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
def test_never_empty_for_a_session_with_words(said: list[dict[str, str]]) -> None:
    words = any(
        re.search(r"[가-힣A-Za-z]", m["content"].replace("code", ""))
        and "```" not in m["content"]
        and "<" not in m["content"]
        for m in said
    )
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
