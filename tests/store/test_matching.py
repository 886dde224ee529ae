from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ion_summary.model import SessionSummary
from ion_summary.store import matches
from ion_summary.store.hashing import hash64
from ion_summary.store.matching import folded, has_all, searchable
from ion_summary.store.partition import encode
from ion_summary.store.probing import probes, verdict
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.writing import Entry
from ion_summary.text.clean import clean
from ion_summary.text.terms import parse_terms
from tests.conftest import examples
from tests.text.test_tokens import texts_with_a_part


def line_of(text: str, tag: str = "환불") -> tuple[bytes, dict[str, object]]:
    record = {
        "session_id": "full refund 문의 드려",
        "user_id": "full refund",
        "summary": clean(text),
        "summary_type": "rule_based",
        "created_at": "2026-01-04T06:10:00Z",
        "metadata": {"tags": [tag], "saved_at": "2026-01-04T06:10:00Z"},
    }
    return encode(record)[:-1], record


@settings(max_examples=examples(400))
@given(texts_with_a_part())
@example(("full refund", '"full refund"'))
@example(("the full\nrefund", '"full refund"'))
@example(("\nfull refund", '"full refund"'))
@example(("c:\new", '"new"'))
@example(("c:\\new", '"c:\new"'))
@example(("a\new b", '"ew b"'))
@example(("prefull refund full refunds", '"full refund"'))
@example(("fullé refund 을full refund", '"full refund"'))
@example(("전액환불 \u3000문의", '"전액환불 문의"'))
@example(("환불refund 문의", '"refund 문의"'))
@example(("이refund\n문의, 전액\t환불", '"refund 문의" 전액환불'))
@example(("K\u212aelvin full", '"kelvin full"'))
@example(("À ", "À"))
@example(("Élan Über Straße", "élan über strasse"))
@example(("CAFÉS", "cafés"))
@example(("0A ", "0"))
@example(("A0 ", "0"))
@example(("Ⓐ 환불", "ⓐ"))
@example(("환불 😀", "😀"))
@example(("a<b", "<"))
@example(("a\u226eb", "<"))
@example(('say "x"', 'x"'))
def test_what_bytes_say_of_a_line_is_so(pair: tuple[str, str]) -> None:
    text, typed = pair
    line, record = line_of(text)
    terms = parse_terms(typed)
    data = b"x full refund \xff" + line + b'\n"full refund"'
    said = verdict(data, 15, 15 + len(line), probes(terms))
    assert said is None or said == has_all(folded(searchable(record)[0]), terms)


BLANKS = " \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000"
WORDS = st.sampled_from(["주문", "번호", "full", "Refund", "a1", "café", "É", "é", "(주문", "ㄱ", "각"])


@settings(max_examples=examples(600))
@given(WORDS, st.text(BLANKS, max_size=3), WORDS, st.text(BLANKS, max_size=2), WORDS, st.booleans())
@example("주문", "  ", "번호", "", "번호", False)
@example("주문", " \n", "번호", "", "full", False)
@example("full", " \u3000", "Refund", " ", "Refund", False)
@example("주문", "\u3000\u3000", "번호", " ", "번호", True)
@example("주문", "\x1c", "번호", "\n", "주문", True)
@example("Refund", "\x85", "É", "", "É", False)
@example("É", "\t", "번호", " ", "주문", False)
def test_no_white_space_hides_a_phrase(
    first: str, gap: str, second: str, other: str, third: str, as_one_word: bool
) -> None:
    text = f"{third}{other}{first}{gap}{second}"
    line, record = line_of(text, tag="x")
    terms = parse_terms(f"{first}{second}" if as_one_word else f'"{first} {second}"')
    said = verdict(line, 0, len(line), probes(terms))
    assert said is None or said == has_all(folded(searchable(record)[0]), terms)


def test_a_line_with_both_words_of_a_phrase_apart_needs_no_closer_look() -> None:
    for text in ("주문 확인 후 번호 안내", "번호, 주문 취소"):
        line, _ = line_of(text)
        assert verdict(line, 0, len(line), probes(parse_terms("주문번호"))) is False
        assert verdict(line, 0, len(line), probes(parse_terms('"주문 번호"'))) is False
    line, _ = line_of("the order of a number")
    assert verdict(line, 0, len(line), probes(parse_terms('"order number"'))) is False


PHRASES = {
    "full refund": ("a full refund of it", "refund full", "full\nrefund", "prefull refund", "FULL  Refund!"),
    "불편을 드려": ("큰 불편을 드려 죄송", "드려 불편을", "불편을\n드려", "불편을, 드려", "불편을 드려서"),
}


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize("chunk", [3, 4_000])
def test_phrases_of_many_are_counted_exactly(
    phrase: str, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matches, "_FEW_NUMBERS", chunk)
    start = datetime(2026, 1, 4, tzinfo=UTC)
    with SessionSummaryStorage(tmp_path / "store") as storage:
        for again in range(2):  # every seventh is stored once more, with another text
            entries = []
            for number in range(700):
                if again and number % 7:
                    continue
                text = PHRASES[phrase][(number + again) % 5]
                at = start + timedelta(hours=5 * number)
                ms = round(at.timestamp() * 1000)
                record = SessionSummary(f"s-{number}", "u-1", text, "llm", at.isoformat()[:19] + "Z", 2, len(text), {})
                entries.append(Entry(record, hash64(record.session_id), ms + again, None))
            with storage.writing() as writer:
                writer.append(entries, writer.catalog.stored([entry.session for entry in entries]))
        terms = parse_terms(f'"{phrase}"')
        every = storage.search(limit=1_000)
        there = [record.session_id for record in every if has_all(folded([record.summary]), terms)]
        total, found = storage.find(Query(text=f'"{phrase}"', limit=30, sort="newest"))
        assert len(every) == 700
        assert 300 < total == len(there) < 500
        assert [record.session_id for record, _ in found] == there[:30]
        assert storage.find(Query(text=f'"{phrase}"'))[0] == total
