"""What of a model's answer is kept, and what of it is questioned?"""

from __future__ import annotations

import json
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ion_summary.errors import UnusableAnswerError
from ion_summary.model import Message
from ion_summary.summarizers.llm import LlmRequest
from ion_summary.summarizers.llm.answer import check
from ion_summary.summarizers.llm.prompt import build
from ion_summary.summarizers.llm.unsupported import _likely, _patterns, unsupported
from ion_summary.text.clean import is_inert

REQUEST = LlmRequest([Message("user", "My printer E-42 is broken."), Message("assistant", "Replace drum DR-2400.")])


def answered(*bullets: Any, tags: Any = ()) -> str:
    made = [each if not isinstance(each, tuple) else {"text": each[0], "messages": list(each[1])} for each in bullets]
    return json.dumps({"bullets": made, "tags": list(tags)}, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '"text"',
        "{" * 100_000,
        '{"bullets": []}',
        '{"bullets": {}, "tags": []}',
        '{"bullets": [], "tags": []}',
        '{"bullets": [{"text": "x", "messages": [1]}], "tags": "no"}',
        '{"bullets": [{"text": "x", "messages": [1]}], "tags": []',
        "x" * 300_000,
        answered(("cites nothing", ())),
        answered(("cites what is not there", (3,))),
        answered(("cites nought", (0,)), ("cites minus one", (-1,))),
        answered({"text": "cites truth", "messages": [True]}, {"text": "a float", "messages": [1.0]}),
        answered({"text": "a text", "messages": ["1"]}, {"text": "no list", "messages": 1}, {"messages": [1]}),
        answered(("  - * ", (1,)), ("…", (1,)), 3, None, "bullet"),
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(UnusableAnswerError) as caught:
        check(text, REQUEST)
    assert not caught.value.terminal and caught.value.__context__ is None


def test_a_bullet_with_one_wrong_number_goes_and_the_others_stay() -> None:
    answer = check(answered(("Kept.", (2, 1, 2)), ("Dropped.", (1, 3)), ("Kept too.", (2,))), REQUEST)
    assert answer.text == "- Kept.\n- Kept too."
    assert answer.evidence == ((1, 2), (2,))


def test_text_is_one_inert_line_without_list_marks() -> None:
    answer = check(answered(("- 1. \x1b[31mred\x1b[0m\n\tline\u202e", (1,)), ("• 둘째 ", (2,))), REQUEST)
    assert answer.text == "- red line\n- 둘째"


def test_the_same_bullet_twice_is_one() -> None:
    assert check(answered(("Once.", (1,)), ("once.", (2,))), REQUEST).text == "- Once."


def test_tags_are_short_distinct_and_few() -> None:
    tags = ["#printer", "Printer", " drum\n unit ", 3, "", "x" * 60, *(f"t{n}" for n in range(9))]
    assert check(answered(("x", (1,)), tags=tags), REQUEST).tags == ("printer", "drum unit", "t0", "t1", "t2", "t3")


LONG = "환불은 3일 안에 됩니다. 택배 기사가 월요일에 물건을 가지러 옵니다. 영수증을 함께 넣어 주세요."


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_what_is_too_long_is_cut_between_sentences_and_the_last_bullet_stays(form: str) -> None:
    bullets = [(f"{number}번. {normalize(form, LONG)}", (1,)) for number in range(6)]
    request = LlmRequest(REQUEST.messages, max_bullets=4, max_chars=160)
    answer = check(answered(*bullets), request)
    lines = answer.text.splitlines()
    assert len(lines) == 4 == len(answer.evidence) and len(answer.text) <= 160
    assert lines[-1].startswith("- 5번.") and lines[0].startswith("- 0번.")
    assert all(line.endswith((".", "…")) for line in lines)


BULLETS = st.lists(st.tuples(st.text(max_size=300), st.lists(st.integers(0, 3), max_size=4)), max_size=12)


@given(BULLETS, st.integers(1, 10), st.integers(5, 900))
@example([("0000", [1])], 1, 5)
def test_limits_hold_and_evidence_stays_with_its_bullet(
    bullets: list[tuple[str, list[int]]], max_bullets: int, max_chars: int
) -> None:
    request = LlmRequest(REQUEST.messages, max_bullets=max_bullets, max_chars=max_chars)
    try:
        answer = check(answered(*bullets), request)
    except UnusableAnswerError:
        return
    lines = answer.text.split("\n")
    assert len(lines) == len(answer.evidence) <= max_bullets and len(answer.text) <= max_chars
    assert all(line.startswith("- ") and len(line) > 2 for line in lines)
    assert all(cites and set(cites) <= {1, 2} for cites in answer.evidence)
    assert all(is_inert(line) or "\x1b" not in line for line in lines)


SCALARS = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(SCALARS, lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_any_json_is_an_answer_or_refused(value: Any) -> None:
    for text in (json.dumps(value), json.dumps({"bullets": value, "tags": value})):
        with pytest.raises(UnusableAnswerError):
            check(text, REQUEST)


SUPPORTED = [
    ("3만 원을 환불했다", "30,000원 환불해 드릴게요"),
    ("30,000원을 환불했다", "3만원 환불해 드릴게요"),
    ("두 번 전화했다", "2번 전화했어요"),
    ("2번 전화했다", "두 번 전화했어요"),
    ("It costs $1,500", "that is 1500 dollars"),
    ("It costs 1.5k dollars", "that is 1500 dollars"),
    ("Two parcels: 2 were lost", "both of the two were lost"),
    ("Delivery on January 4", "on 2026-01-04"),
    ("Delivery on 4 January", "on Jan 4th"),
    ("1월 4일에 배송", "2026-01-04 배송 예정"),
    ("2026-01-04에 배송", "2026년 1월 4일 배송 예정"),
    ("월요일에 온다", "월요일 오후요"),
    ("On Mondays Smith replaces DR-2400", "mr. smith: dr2400, every monday"),
    ("김민수 님이 확인했다", "담당자 김민수: 확인했습니다"),
    ("고객님이 상담사에게 문의했다", "안녕하세요"),
    ("User asks Agent for help", "please"),
    ("At 10:30 it failed", "10:30에 실패"),
    ("Run `pip install foo`", "pip install foo"),
    ("[PHONE 1] called", "[PHONE 1]"),
    ("[전화번호 2]로 연락", "[전화번호 2]"),
    ("Error 42 came back", "error E-42"),
]
UNSUPPORTED = [
    ("4만 원을 환불했다", "30,000원 환불해 드릴게요", "number", "4만"),
    ("It costs 150 dollars", "that is 1500 dollars", "number", "150"),
    ("Delivery on January 5", "on 2026-01-04", "date", "January 5"),
    ("2026-01-05에 배송", "1월 4일 배송", "date", "2026-01-05"),
    ("화요일에 온다", "월요일 오후요", "date", "화요일"),
    ("Part DR-2401 fits", "DR-2400", "code", "DR-2401"),
    ("See https://evil.example/x", "see the page", "code", "https://evil.example/x"),
    ("Open config.yaml", "open the file", "code", "config.yaml"),
    ("Then Johnson called", "Smith called", "name", "Johnson"),
    ("담당은 박철수 과장이다", "김민수 과장입니다", "name", "박철수"),
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("bullet", "said"), SUPPORTED)
def test_another_spelling_is_no_invention(bullet: str, said: str, form: str) -> None:
    assert unsupported(normalize("NFC", bullet), normalize(form, said)) == []


@pytest.mark.parametrize(("bullet", "said", "kind", "text"), UNSUPPORTED)
def test_what_nobody_said_is_flagged(bullet: str, said: str, kind: str, text: str) -> None:
    assert unsupported(bullet, said) == [(kind, text)]


PIECES = (
    "January may jan. 4 4th 31 of Mondays day today friday 월 요일 월요일 / - . 2026 년 1월 E 42k a.py @ ://".split()
)


@given(st.lists(st.sampled_from([*PIECES, " ", ","]), max_size=9))
def test_a_quick_look_rules_out_nothing_that_is_there(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert {kind for kind in ("code", "date", "number") if _patterns()[kind].search(text)} <= set(_likely(text))


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5), st.text(max_size=8))
def test_nobody_can_end_the_data_or_speak_for_somebody_else(texts: list[str], name: str) -> None:
    prompt = build(LlmRequest([Message("user", text, name=name or None) for text in texts]))
    lines = prompt.text.split("\n")
    mark = lines[0].split()[1]
    assert lines[-1] == f"END {mark}" and prompt.text.count(mark) == 2
    assert sum(line.startswith("[") for line in lines[1:-1]) == len(texts)
    assert all(line.startswith(("[", "| ")) for line in lines[1:-1])
    assert not any(text and text in prompt.system for text in texts if len(text) > 20)
