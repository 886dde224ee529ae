"""Where in a text does personal data stand, and of which kind?

Every kind is found by its form, sometimes by a word before it, in Korean and English texts. Texts are looked at in a
folded form that has one character for one: full-width digits, other scripts' digits, dashes and spaces.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple
from unicodedata import normalize

#: Kind: its Korean and its English label.
LABELS = {
    "mark": ("표시", "MARK"),
    "secret": ("비밀값", "SECRET"),
    "email": ("이메일", "EMAIL"),
    "resident": ("주민등록번호", "RESIDENT NUMBER"),
    "birth": ("생년월일", "BIRTH DATE"),
    "passport": ("여권번호", "PASSPORT"),
    "licence": ("면허번호", "LICENCE"),
    "ssn": ("사회보장번호", "SSN"),
    "card": ("카드번호", "CARD"),
    "account": ("계좌번호", "ACCOUNT"),
    "phone": ("전화번호", "PHONE"),
    "network": ("네트워크 주소", "NETWORK ADDRESS"),
}
#: Stands between texts that are looked at together; nothing is found across it.
BETWEEN = "\n\0\n"
# Without one of these in its line nothing is found.
_WORTH = re.compile(r"[\d@:=_]|--")


class _Finder(NamedTuple):
    """How one kind is found: group 1 (or all) of ``pattern``, if ``fits`` agrees, where ``hint`` stands anywhere."""

    kind: str
    pattern: re.Pattern[str]
    fits: Callable[[str], bool]
    hint: str


@cache
def mark_pattern() -> re.Pattern[str]:
    """Matches every mark, also as models may have respelled it."""
    labels = {label for pair in LABELS.values() for label in pair}
    spelled = labels | {normalize("NFD", label) for label in labels}
    alternatives = "|".join(re.escape(label).replace(r"\ ", r"\s*") for label in sorted(spelled, key=len, reverse=True))
    return re.compile(rf"\[\s*(?:{alternatives})\s*\d{{1,6}}\s*\]", re.IGNORECASE)


def spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of everything to be replaced; spans do not overlap."""
    folded, places = _worth_a_look(_folded(text))
    for finder in _finders():
        if finder.hint not in folded:
            continue
        taken: list[tuple[int, int]] = []
        for match in finder.pattern.finditer(folded):
            start, end = match.span(finder.pattern.groups and 1)
            if end > start and finder.fits(folded[start:end]):
                at = places[bisect_right(places, (start, len(text))) - 1]
                yield start - at[0] + at[1], end - at[0] + at[1], finder.kind
                taken.append((start, end))
        # What one kind has taken is no part of another one: a card is not an account as well.
        folded = _blanked(folded, taken)


def _blanked(text: str, taken: list[tuple[int, int]]) -> str:
    if not taken:
        return text
    pieces: list[str] = []
    done = 0
    for start, end in taken:
        pieces += text[done:start], "\0" * (end - start)
        done = end
    return "".join((*pieces, text[done:]))


def _worth_a_look(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The lines of ``text`` in which something can stand, and for where they begin, where they begin in ``text``."""
    if "-----BEGIN" in text:  # a key of many lines
        return text, [(0, 0)]
    kept: list[str] = []
    places: list[tuple[int, int]] = []
    length = start = 0
    follows = False
    for line in text.split("\n"):
        worth = _WORTH.search(line) is not None
        if worth:
            between = "\n" if follows else BETWEEN
            kept += between, line
            length += len(between)
            places.append((length, start))
            length += len(line)
        follows = worth
        start += len(line) + 1
    return "".join(kept), places


# Digits, letters and punctuation of full width, the dashes, the spaces: one character for one, so that places stay.
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u30fc"
_SPACES = "\xa0\u2002\u2003\u2007\u2009\u202f\u3000"
_DIGITS = (0x0660, 0x06F0, 0x0966, 0xFF10, *range(0x1D7CE, 0x1D800, 10))


@cache
def _folding() -> tuple[re.Pattern[str], dict[int, str]]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= {zero + digit: str(digit) for zero in _DIGITS for digit in range(10)}
    table |= {ord(dash): "-" for dash in _DASHES} | {ord(space): " " for space in _SPACES}
    return re.compile("[" + "".join(map(chr, table)) + "]"), table


def _folded(text: str) -> str:
    if text.isascii():
        return text
    pattern, table = _folding()
    return text.translate(table) if pattern.search(text) else text


def _either(words: str) -> str:
    """An alternative of Korean words in both normal forms."""
    spelled = [form for word in words.split() for form in dict.fromkeys((word, normalize("NFD", word)))]
    return "|".join(map(re.escape, spelled))


_SEPARATOR = r"[-. ]?"
_NO_DIGIT_BEFORE, _NO_DIGIT_AFTER = r"(?<![\d])(?<!\d[-.])", r"(?![-.]?\d)"


@cache
def _finders() -> list[_Finder]:
    """Everything that is looked for; what comes first takes what both would match."""
    return [
        _finder("mark", mark_pattern(), hint="["),
        *_secrets(),
        _finder("email", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", hint="@"),
        # Six digits of a date and seven that begin with 1 to 8. The last one checks nothing since October 2020.
        _finder("resident", rf"(?<!\d)\d{{6}}{_SEPARATOR}[1-8](?:\d{{6}}|\*{{6}})(?!\d)", _begins_with_a_date),
        _finder("birth", _after("생년월일 생일", "birth(?:day| date)|date of birth|dob|born(?: on)?", _date())),
        _finder("passport", _after("여권", "passport", r"[A-Z]{1,2}\d{3}[A-Z\d]\d{4,5}")),
        _finder("licence", r"(?<![\d-])[12]\d-\d{2}-\d{6}-\d{2}(?![\d-])"),
        _finder("ssn", r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
        _finder("card", r"(?<![\d-])\d(?:[- ]?\d){12,18}(?![\d-]?\d)", _luhn),
        *_accounts(),
        *_phones(),
        # Three groups as Korean banks write them, ten digits and more.
        _finder("account", r"(?<![\d-])\d{3,6}-\d{2,6}-\d{3,8}(?:-\d{1,3})?(?![\d-])", _as_long_as_accounts, hint="-"),
        *_addresses(),
    ]


def _secrets() -> Iterator[_Finder]:
    block = r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-\0]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
    yield _finder("secret", block, hint="-----BEGIN")
    yield _finder(
        "secret", r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", hint="eyJ"
    )  # a JSON Web Token
    prefixes = (
        r"sk-(?:ant-|proj-)?[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}|gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9_]{20,}"
        r"|xox[abprs]-[A-Za-z0-9_-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|ya29\.[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9_]{30,}|[rs]k_(?:live|test)_[A-Za-z0-9_]{16,}"
    )
    yield _finder("secret", rf"(?<![A-Za-z0-9_-])(?:{prefixes})")
    yield _finder("secret", r"(?<![A-Za-z])[Bb]earer\s+([A-Za-z0-9_.~+/=-]{16,})")
    yield _finder("secret", r"://[^\s/:@]*:([^\s/:@]+)@", hint="://")
    words = "password|passwd|passcode|pwd|pin|otp|api[ _-]?key|access[ _-]?token|token|secret(?:[ _-]?key)?"
    korean = _either("비밀번호 비번 암호 패스워드 인증번호 인증코드 토큰 시크릿")
    yield _finder("secret", rf"(?i:(?<![A-Za-z])(?:{words})|(?:{korean}))[\"']?\s*[:=]\s*[\"']?([!-&(-~]{{4,}})")
    linked = rf"(?i:(?<![A-Za-z])(?:{words})\s+is|(?:{korean})(?:\S{{0,3}})?)\s+"
    yield _finder("secret", rf"{linked}((?=[!-~]*[\d!-/:-@])[!-~]{{4,}})", _no_sentence)


def _accounts() -> Iterator[_Finder]:
    words = _either("계좌 계좌번호 입금 송금 이체 은행 통장 뱅크 농협 신협 새마을금고")
    named = rf"(?i:{words}|account|acct|a/c|routing|bank)[^\d\n]{{0,24}}"
    yield _finder("account", rf"{named}(\d(?:{_SEPARATOR}\d){{8,15}})(?!\d)", _no_date)
    yield _finder(
        "account",
        r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
        _some_digits,
    )


def _phones() -> Iterator[_Finder]:
    korean = r"0(?:1[016789]|2|[3-6][1-5]|70|50\d?|80)[-. )]{0,2}\d{3,4}[-. ]?\d{4}"
    yield _finder("phone", rf"{_NO_DIGIT_BEFORE}\(?{korean}{_NO_DIGIT_AFTER}")
    yield _finder(
        "phone", rf"(?<![A-Za-z0-9+])\+\d{{1,3}}(?:[-. ]?\(?\d{{1,4}}\)?){{2,5}}{_NO_DIGIT_AFTER}", _long_enough
    )
    american = r"(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}"
    yield _finder("phone", f"{_NO_DIGIT_BEFORE}{american}{_NO_DIGIT_AFTER}")
    words = _either("전화 휴대폰 핸드폰 연락처 폰번호 번호는")
    named = rf"(?i:{words}|phone|mobile|cell|call me at|tel(?![a-z]))[^\d\n]{{0,16}}"
    yield _finder("phone", rf"{named}(\d(?:{_SEPARATOR}\d){{7,11}})(?!\d)", _no_date)


def _addresses() -> Iterator[_Finder]:
    octet = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    yield _finder(
        "network", rf"(?<![A-Za-z0-9.])(?:{octet}\.){{3}}{octet}(?![A-Za-z0-9-]|\.\d)", lambda text: text not in _NOBODY
    )
    yield _finder("network", r"(?<![A-Za-z0-9:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![A-Za-z0-9:])")
    yield _finder("network", r"(?<![A-Za-z0-9:.])[0-9A-Fa-f:]{6,39}(?![A-Za-z0-9:])", _ipv6, hint=":")


_NOBODY = ("127.0.0.1", "0.0.0.0", "255.255.255.255")  # noqa: S104 - an address that is no one's, nothing is bound


def _finder(
    kind: str, pattern: str | re.Pattern[str], fits: Callable[[str], bool] = bool, *, hint: str = ""
) -> _Finder:
    return _Finder(kind, re.compile(pattern), fits, hint)


def _after(korean: str, english: str, wanted: str) -> str:
    return rf"(?i:{_either(korean)}|(?<![A-Za-z])(?:{english}))[^\d\n]{{0,16}}?((?<![\d])(?:{wanted}))"


def _date() -> str:
    year, month, day = map(_either, "년월일")
    parted = rf"(?:19|20)?\d{{2}}\s?(?:[-./]|{year})\s?\d{{1,2}}\s?(?:[-./]|{month})\s?\d{{1,2}}(?:\s?(?:{day}))?"
    return rf"{parted}|(?:19|20)\d{{6}}(?!\d)|\d{{6}}(?!\d)"


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _begins_with_a_date(text: str) -> bool:
    return "01" <= text[2:4] <= "12" and "01" <= text[4:6] <= "31"


def _luhn(text: str) -> bool:
    """The checksum of cards (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(_digits(text))):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0 and len(set(_digits(text))) > 1


def _as_long_as_accounts(text: str) -> bool:
    return 10 <= len(_digits(text)) <= 16


def _no_date(text: str) -> bool:
    return re.fullmatch(r"(?:19|20)\d\d[-. ]?[01]?\d[-. ]?[0-3]?\d(?: .*)?", text) is None


def _no_sentence(text: str) -> bool:
    return not text.endswith("?") and re.fullmatch(r"[A-Za-z]+[.,!]+", text) is None


def _some_digits(text: str) -> bool:
    return len(_digits(text)) >= 8


def _long_enough(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


def _ipv6(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address

    try:
        address = IPv6Address(text)
    except (AddressValueError, ValueError):
        return False
    # Times (10:30:45) and C++ (a::b) are no addresses of anybody.
    return ("::" in text and len(text) > 6) or (text.count(":") == 7 and not address.is_loopback)
