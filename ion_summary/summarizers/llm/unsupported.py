"""What does a bullet say that the messages it cites do not: numbers, dates, names, codes?

A flag is a question to the reader, no proof: a model may have counted, or have put "morgen" as a date. What can be
told apart by spelling alone is not flagged: ``3만 원`` and ``30,000원``, ``두 번`` and ``2번``, ``Jan 4`` and ``1/4``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import NamedTuple
from unicodedata import normalize

from ion_summary.model import Message
from ion_summary.summarizers.llm import Flag, FlagKind
from ion_summary.text.tokens import fold

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH_WORDS = frozenset(word for name in _MONTHS for word in (name, name[:3]))
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_DAY_WORDS = frozenset(word for name in _DAYS for word in (name, f"{name}s"))
_EN_NUMBERS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_KO_NUMBERS = {
    "한": 1,
    "하나": 1,
    "첫": 1,
    **{word: value for value, word in enumerate("두 세 네 다섯 여섯 일곱 여덟 아홉 열 열한 열두".split(), 2)},
    "스무": 20,
}
_KO_SCALES = {"천": 10**3, "만": 10**4, "억": 10**8}
_EN_SCALES = {"k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "billion": 10**9}
# Capitalised words that name nobody.
_NO_NAMES = frozenset(
    "i i'm i'll i've i'd ok okay user customer agent assistant system tool speaker person client patient doctor "
    "the a an this that these those it they he she we you there no yes not and or but if when while after before both "
    "all one two three mr mrs ms dr prof am pm".split()
)
_KO_TITLES = tuple("님 씨 대리 과장 차장 부장 팀장 실장 사장 교수 원장 매니저".split())
_NOT_A_KO_NAME = frozenset(
    "고객 상담 담당 사용 이용 판매 구매 선생 사장 부장 과장 팀장 기사 회원 손님 의사 환자 학생 어머 아버 할머 "
    "할아버 부모 상대 본인 택배 배달 상담원 담당자 사용자 이용자 판매자 구매자 작성자 관리자 개발자 참여자".split()
)


class _Found(NamedTuple):
    kind: FlagKind
    text: str


def flags_of(
    bullets: Sequence[str], evidence: Sequence[Sequence[int]], messages: Sequence[Message]
) -> tuple[Flag, ...]:
    """What each bullet says and none of the messages it cites (numbers from 1) does, in order, each thing once."""
    flags: list[Flag] = []
    for number, (bullet, cites) in enumerate(zip(bullets, evidence, strict=True), 1):
        said = "\n".join(_source(messages[cited - 1]) for cited in cites)
        flags += [Flag(number, found.kind, found.text) for found in unsupported(bullet, said)]
    return tuple(flags)


def unsupported(bullet: str, said: str) -> list[_Found]:
    """The facts of ``bullet`` that do not occur in the text ``said``."""
    known = _Known(said)
    missing = [found for found in _facts(bullet) if not known.holds(found)]
    return list(dict.fromkeys(missing))


def _source(message: Message) -> str:
    return f"{message.name or message.role}: {message.content}"


@cache  # what a match begins with comes first, then what must not stand before it: so it is looked for quickly
def _patterns() -> dict[str, re.Pattern[str]]:
    months = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
    return {
        "code": re.compile(
            r"https?://[^\s<>\"']+[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # addresses
            r"|(?<![\w.-])[\w-]+\.(?:py|js|ts|json|toml|ya?ml|txt|csv|pdf|md|sh|sql|log|exe|zip|jpg|png|xlsx?|docx?)\b"
            # letters and digits, but no number with its unit (10k, 3rd, 5kg)
            r"|(?<![A-Za-z0-9.])(?!\d+[A-Za-z]{1,2}(?![A-Za-z0-9_-]))(?=[A-Za-z0-9_-]*[A-Za-z])(?=[A-Za-z0-9_-]*\d)"
            r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*(?![A-Za-z0-9])"
        ),
        "date": re.compile(
            r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}월\s*\d{1,2}일|\d{4}년(?:\s*\d{1,2}월)?(?:\s*\d{1,2}일)?"
            rf"|\b(?:{months})\b\.?\s+\d{{1,2}}(?:st|nd|rd|th)?\b|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{months})\b"
            rf"|\b(?:{'|'.join(_DAYS)})s?\b|[월화수목금토일]요일|(?<![\d/])\d{{1,2}}/\d{{1,2}}(?![\d/])",
            re.IGNORECASE,
        ),
        "number": re.compile(
            r"\d(?<![\w.].)[\d,]*(?:[.:]\d+)*(?:\s?(?:천만|백만|천|만|억)|\s?(?:k|thousand|million|billion|m)\b)?",
            re.IGNORECASE,
        ),
        "name": re.compile(r"[A-Z](?<![\w'-].)[a-z]+(?:['-][A-Za-z]+)*(?![\w])"),
        "ko_name": re.compile(rf"(?<![가-힣])([가-힣]{{2,4}}?)\s?(?:{'|'.join(_KO_TITLES)})"),
    }


def _facts(bullet: str) -> Iterator[_Found]:
    """Every code, date, number and name of ``bullet``; what one kind has taken is not looked at again."""
    rest = _MARK.sub(_blank, bullet) if "[" in bullet else bullet
    patterns = _patterns()
    for kind in _likely(rest):
        found = list(patterns[kind].finditer(rest))
        for match in found:
            yield _Found(kind, match[0].strip(" ,.:"))
            rest = rest[: match.start()] + _blank(match) + rest[match.end() :]
    if not rest.islower():
        for match in patterns["name"].finditer(rest):
            if match[0].lower() not in _NO_NAMES and not _begins_sentence(bullet, match.start()):
                yield _Found("name", match[0])
    if not rest.isascii() and any(title in rest for title in _KO_TITLES):
        for match in patterns["ko_name"].finditer(rest):
            if match[1] not in _NOT_A_KO_NAME:
                yield _Found("name", match[1])


_MARK = re.compile(r"\[[^\[\]]{1,24} \d+\]")  # of removed personal data


def _likely(text: str) -> Iterator[FlagKind]:
    """The kinds of facts that a quick look at ``text`` does not rule out: it does most kinds in most bullets."""
    signs, lower = _signs(), text.lower()
    has_digit = signs["digit"].search(text) is not None
    if (has_digit and signs["code"].search(text)) or signs["address"].search(text):
        yield "code"
    if "요일" in lower or (has_digit and signs["date"].search(text)):
        yield "date"
    elif has_digit or "day" in lower:
        words = signs["word"].findall(lower)
        if (has_digit and not _MONTH_WORDS.isdisjoint(words)) or not _DAY_WORDS.isdisjoint(words):
            yield "date"
    if has_digit:
        yield "number"


@cache
def _signs() -> dict[str, re.Pattern[str]]:
    """What must stand somewhere in a text that holds a fact of that kind."""
    return {
        "digit": re.compile(r"\d"),
        "code": re.compile(r"\d(?:(?<=[A-Za-z_-].)|[-_]*[A-Za-z])"),
        "address": re.compile(r"[:@.](?:(?<=:)//|(?<=@)|(?<=\.)[a-z])"),
        "date": re.compile(r"\d(?:[-./]\d|[월년])"),
        "word": re.compile("[a-z]+"),
    }


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _begins_sentence(text: str, position: int) -> bool:
    before = text[:position].rstrip(" \"'“‘([")
    return not before or before[-1] in ".!?:;。…-"


class _Known:
    """What a text says, in forms that do not depend on spelling. Most facts stand there literally."""

    def __init__(self, said: str) -> None:
        self._said = normalize("NFC", said)

    @cached_property
    def _folded(self) -> str:
        return fold(self._said)

    @cached_property
    def _dense(self) -> str:
        return re.sub(r"[\s,]", "", self._folded)

    @cached_property
    def _numbers(self) -> set[float | str]:
        values = _in_words(self._folded)
        values |= {_value(match[0]) for match in _patterns()["number"].finditer(self._said)}
        # A number in a code (E-42, DR-2400) is known as well: bullets name it without the letters.
        return values | {_value(digits) for digits in re.findall(r"\d+", self._folded)}

    @cached_property
    def _dates(self) -> set[frozenset[str]]:
        return {_parts(match[0]) for match in _patterns()["date"].finditer(self._said)}

    def holds(self, found: _Found) -> bool:
        if self._stands_there(found):
            return True
        folded = fold(found.text)
        if re.sub(r"[\s,]", "", folded) in self._dense and (found.kind != "number" or len(folded) > 3):
            return True
        if found.kind == "number":
            return _value(found.text) in self._numbers
        if found.kind == "date":
            return self._holds_date(_parts(found.text))
        return folded.replace("-", "").replace("_", "") in re.sub(r"[\s,_-]", "", self._folded)

    def _stands_there(self, found: _Found) -> bool:
        """Whether it occurs as it is; a number not as a part of another one."""
        if found.kind != "number":
            return found.text in self._said
        start = self._said.find(found.text)
        while start >= 0:
            around = self._said[max(start - 1, 0) : start] + self._said[start + len(found.text) :][:2]
            if not re.search(r"\d|[.,]\d", around):
                return True
            start = self._said.find(found.text, start + 1)
        return False

    def _holds_date(self, parts: frozenset[str]) -> bool:
        """A date is known if a said one has all its parts, or its numbers all stand there."""
        if any(parts <= said for said in self._dates):
            return True
        return bool(parts) and all(part.isdigit() and float(part) in self._numbers for part in parts)


def _value(text: str) -> float | str:
    """A number's value, by which spellings are compared: ``3만`` is 30000. Times (10:30) are their own text."""
    match = re.fullmatch(r"([\d,]+(?:\.\d+)?)\s?([a-z천백만억]*)", text.strip(" ,.:").lower())
    if match is None:
        return text.strip(" ,.:")
    scale = 1.0
    for part in re.findall(r"백(?=만)|[천만억]|[a-z]+", match[2]):
        scale *= 100 if part == "백" else _KO_SCALES.get(part) or _EN_SCALES.get(part, 1)
    digits = match[1].replace(",", "")
    return float(digits) * scale if digits else text


def _in_words(folded: str) -> set[float | str]:
    values = [_EN_NUMBERS[word] for word in re.findall(r"[a-z]+", folded) if word in _EN_NUMBERS]
    values += [_KO_NUMBERS[match[1]] for match in _ko_number().finditer(folded)]
    return set(map(float, values))


@cache
def _ko_number() -> re.Pattern[str]:
    words = "|".join(sorted(_KO_NUMBERS, key=len, reverse=True))
    return re.compile(rf"(?<![가-힣])({words})(?=\s|째|개|명|번|시|달|살|분|장|권|대|마리|사람|가지)")


def _parts(date: str) -> frozenset[str]:
    """What a date says, whatever its spelling: its numbers without leading zeros, months as numbers, days by name."""
    words = re.findall(r"\d+|[a-z]+|[월화수목금토일]요일", date.lower())
    parts = set()
    for word in words:
        month = next((n for n, name in enumerate(_MONTHS, 1) if word in (name, name[:3])), 0)
        if word.isdigit():
            parts.add(str(int(word)))
        elif month:
            parts.add(str(month))
        elif word.rstrip("s") in _DAYS or word.rstrip("s") + "s" in _DAYS or word.endswith("요일"):
            parts.add(word.rstrip("s"))
    return frozenset(parts)
