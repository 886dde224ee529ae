"""Does personal data leave a text, all of it and nothing else, and does it come back?"""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.text.language import language
from ion_summary.text.personal_data import LABELS, mark_pattern
from ion_summary.text.redaction import Redactor

FULL_WIDTH = str.maketrans("0123456789-@.", "０１２３４５６７８９－＠．")

# Kind, text, datum.
CASES = [
    ("phone", "제 번호는 010-1234-5678이에요.", "010-1234-5678"),
    ("phone", "01012345678로 전화 주세요", "01012345678"),
    ("phone", "회사는 02-123-4567, 팩스 없음", "02-123-4567"),
    ("phone", "인터넷전화 070-1234-5678", "070-1234-5678"),
    ("phone", "해외에서는 +82 10-1234-5678 입니다", "+82 10-1234-5678"),
    ("phone", "My number is (415) 555-2671.", "(415) 555-2671"),
    ("phone", "or 415-555-2671 after six", "415-555-2671"),
    ("phone", "mobile 07911123456, thanks", "07911123456"),
    ("phone", "Ring +44 20 7946 0958 please", "+44 20 7946 0958"),
    ("resident", "주민번호 900101-1234567 입니다", "900101-1234567"),
    ("resident", "2101013456789 맞나요?", "2101013456789"),
    ("resident", "주민등록번호는 201130-4111111", "201130-4111111"),  # issued after October 2020: no checksum
    ("resident", "외국인등록번호 880229-5******", "880229-5******"),
    ("card", "카드 4111 1111 1111 1111로 결제했어요", "4111 1111 1111 1111"),
    ("card", "card 5500-0000-0000-0004, exp 12/29", "5500-0000-0000-0004"),
    ("card", "amex 378282246310005.", "378282246310005"),
    ("email", "hong.gil+dong@example.co.kr로 보내 주세요", "hong.gil+dong@example.co.kr"),
    ("email", "Write to JANE_DOE@mail.example.com!", "JANE_DOE@mail.example.com"),
    ("account", "신한은행 110-123-456789로 입금해 주세요", "110-123-456789"),
    ("account", "카카오뱅크 3333-01-1234567 홍길동", "3333-01-1234567"),
    ("account", "계좌번호는 12345678901234예요", "12345678901234"),
    ("account", "my account number is 000123456789", "000123456789"),
    ("account", "IBAN DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
    ("secret", "비밀번호는 qwer1234! 이에요", "qwer1234!"),
    ("secret", "비번: abcd99", "abcd99"),
    ("secret", "password: hunter2", "hunter2"),
    ("secret", "My PIN is 4711.", "4711."),
    ("secret", "인증번호는 483920 입니다", "483920"),
    ("secret", "key AIzaSyA1234567890abcdefghijklmnopqrstuv ok", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
    ("secret", "export OPENAI=sk-proj-abcDEF123456ghiJKL7890", "sk-proj-abcDEF123456ghiJKL7890"),
    ("secret", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("secret", "AWS: AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "Authorization: Bearer abcdef.ghijkl-mnopqr_1", "abcdef.ghijkl-mnopqr_1"),
    ("secret", "postgres://me:pa55w0rd@db/x", "pa55w0rd"),
    ("secret", "cookie eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc_DEF-1", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc_DEF-1"),
    ("birth", "생년월일은 1990년 1월 4일이에요", "1990년 1월 4일"),
    ("birth", "생년월일 900104입니다", "900104"),
    ("birth", "date of birth: 1990-01-04", "1990-01-04"),
    ("passport", "여권번호 M12345678", "M12345678"),
    ("passport", "passport no. M123A4567", "M123A4567"),
    ("licence", "면허 11-22-123456-78입니다", "11-22-123456-78"),
    ("ssn", "SSN 078-05-1120", "078-05-1120"),
    ("network", "접속 203.0.113.7에서요", "203.0.113.7"),
    ("network", "from 2001:db8::8a2e:370:7334 today", "2001:db8::8a2e:370:7334"),
    ("network", "주소는 00:1a:2b:3c:4d:5f예요", "00:1a:2b:3c:4d:5f"),
    ("network", "MAC 00:1a:2b:3c:4d:5e", "00:1a:2b:3c:4d:5e"),
]
HARMLESS = [
    "주문번호 20240101-123456, 송장 612345678901을 확인해 주세요.",
    "2026-01-04 10:30:45에 3만 원, 총 1,234,567원이에요.",
    "버전 1.2.3.4-beta, Python 3.11.7, 오류 E-42, 부품 DR-2400",
    "대표번호 1588-1234로 문의하세요.",
    "The meeting is at 10:30:45 on 2026-01-04, room 12-34, ratio 3:1.",
    "std::vector and a::b, 127.0.0.1:8080, 100-200-300",
    "I want to change my password. Please reset the token today.",
    "비밀번호 변경하고 싶어요. 암호가 뭐예요? 토큰 3개 남았어요.",
    "1234567890123 is a tracking number",
    "계좌 개설은 2026-01-04부터 가능해요.",
    "생일 파티는 3시예요. He was born in Seoul.",
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("kind", "text", "datum"), CASES)
def test_personal_data_becomes_a_mark_and_comes_back(kind: str, text: str, datum: str, form: str) -> None:
    text, datum = normalize(form, text), normalize(form, datum)
    redactor = Redactor()
    (redacted,) = redactor.redact([text])
    label = LABELS[kind][0 if language(text) == "ko" else 1]
    assert redacted == text.replace(datum, f"[{label} 1]")
    assert redactor.restore(redacted) == text
    assert redactor.found == {LABELS[kind][1].lower(): 1}


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_not_personal_stays(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert Redactor().redact([normalize(form, text)]) == [normalize(form, text)]


@pytest.mark.parametrize(
    ("kind", "text", "datum"), [case for case in CASES if case[0] in ("phone", "resident", "email", "account")]
)
def test_full_width_characters_hide_nothing(kind: str, text: str, datum: str) -> None:
    wide = text.replace(datum, datum.translate(FULL_WIDTH))
    redactor = Redactor()
    (redacted,) = redactor.redact([wide])
    assert datum.translate(FULL_WIDTH) not in redacted
    assert redactor.restore(redacted) == wide


@st.composite
def sessions(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Texts with personal data between other text, and the data."""
    words = st.text("가나다라마바사 abcXYZ.,!?\n[]()'\"", max_size=30)
    texts, data = [], []
    for _ in range(draw(st.integers(1, 6))):
        parts = [draw(words)]
        for _, text, datum in draw(st.lists(st.sampled_from(CASES), max_size=3)):
            written = draw(st.sampled_from([datum, normalize("NFD", datum)]))
            parts += ["\n" + text.replace(datum, written) + "\n", draw(words)]
            data.append(written)
        texts.append("".join(parts))
    return texts, data


@given(sessions())
def test_nothing_that_was_found_survives_anywhere(given_session: tuple[list[str], list[str]]) -> None:
    texts, data = given_session
    redactor = Redactor()
    redacted = redactor.redact(texts)
    for datum in data:
        assert not any(datum in text for text in redacted if len(datum) > 5)
    assert [redactor.restore(text) for text in redacted] == texts


ANYTHING = st.characters() | st.sampled_from("0123456789-.@:[] 전화번호PHONE\0\n")


@given(st.lists(st.text(ANYTHING, max_size=80), max_size=5))
def test_any_text_comes_back(texts: list[str]) -> None:
    redactor = Redactor()
    assert [redactor.restore(text) for text in redactor.redact(texts)] == texts


@given(st.from_regex(r"(?:0[0-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])-?[1-8][0-9]{6}", fullmatch=True))
def test_no_checksum_saves_a_resident_number(number: str) -> None:
    if number[:2] == "00":
        return
    assert number not in Redactor().redact([f"번호 90{number} 입니다"])[0]


def test_the_same_datum_has_the_same_mark_and_is_known_without_its_context() -> None:
    redactor = Redactor()
    first, second, third = redactor.redact(
        ["계좌번호는 12345678901234예요. 010-1234-5678", "12345678901234 맞죠?", "01012345678, 010-9999-8888"]
    )
    assert first == "계좌번호는 [계좌번호 1]예요. [전화번호 1]"
    assert second == "[계좌번호 1] 맞죠?"
    assert third == "[전화번호 2], [전화번호 3]"
    assert redactor.redact(["다시 010-1234-5678"]) == ["다시 [전화번호 1]"]


def test_a_longer_number_is_not_the_same_one() -> None:
    redactor = Redactor()
    assert redactor.redact(["전화 010-1234-5678", "주문 번호 77001012345678007"])[1] == "주문 번호 77001012345678007"
    assert redactor.found == {"phone": 1}


def test_a_thousand_data_are_all_replaced_wherever_they_stand() -> None:
    numbers = [f"010-{number:04}-{number * 7 % 10_000:04}" for number in range(1_000)]
    redactor = Redactor()
    texts = [*(f"전화 {number}입니다" for number in numbers), " / ".join(number.replace("-", "") for number in numbers)]
    redacted = redactor.redact(texts)
    assert not any(number in text or number.replace("-", "") in text for text in redacted for number in numbers[:50])
    assert len(set(redacted[:-1])) == len(numbers)
    assert list(map(redactor.restore, redacted)) == texts


def test_marks_in_a_summary_are_restored_as_models_respell_them() -> None:
    redactor = Redactor()
    redactor.redact(["call +1 415 555 2671"])
    assert redactor.restore("They left [Phone 1], [PHONE1] and [PHONE 2].") == (
        "They left +1 415 555 2671, +1 415 555 2671 and [PHONE 2]."
    )


def test_a_mark_that_somebody_wrote_reveals_nothing() -> None:
    redactor = Redactor()
    texts = ["제 전화는 010-1234-5678", "그 [전화번호 1] 알려줘", "[ 전화번호 1 ]"]
    redacted = redactor.redact(texts)
    assert redacted[1:] == ["그 [표시 1] 알려줘", "[표시 2]"]
    assert [redactor.restore(text) for text in redacted] == texts


def test_a_key_of_many_lines_goes_as_one() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nabcd/+==\n-----END RSA PRIVATE KEY-----"
    redactor = Redactor()
    (redacted,) = redactor.redact([f"here:\n{key}\nthanks"])
    assert redacted == "here:\n[SECRET 1]\nthanks"
    assert redactor.restore(redacted).count("PRIVATE") == 2


def test_marks_of_all_kinds_are_recognised() -> None:
    for pair in LABELS.values():
        for label in pair:
            assert mark_pattern().fullmatch(f"[{label} 12]")
