"""Which forms of a word are the same word to somebody who searches? English endings, Korean particles and endings.

Light on purpose: what is taken off changes the grammar of a word, never its meaning. English after the first step of
Porter's algorithm (An algorithm for suffix stripping, 1980), with the final e of longer words left out instead of his
fifth. Korean by the particles that agree with the sound before them, and by the forms of two verbs, 하다 and 되다,
which make verbs of nouns.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

_VOWELS = frozenset("aeiouy")
_LOST_E = ("c", "v", "z", "u", "dg", "rg")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What the forms of an English word share: ``refund`` for refund, refunds, refunded, refunding. Words of fewer than
    four letters, and what is not all of ASCII letters, are their own stem. ``word`` is in lower case.
    """
    if len(word) < 4 or not (word.isascii() and word.isalpha()):
        return word
    base = _base(_singular(word))
    if len(base) > 5 and base.endswith(("e", "ll")):
        return base[:-1]
    return base


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _base(word: str) -> str:
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    root = word[:-2] if word.endswith("ed") else word[:-3] if word.endswith("ing") else ""
    if len(root) < 3 or root.endswith("e") or _VOWELS.isdisjoint(root):
        return word
    if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "aeiolsz":  # planned, but called, passed, buzzed
        return root[:-1]
    return root + "e" if root.endswith(_LOST_E) or _is_short(root) else root


def _is_short(root: str) -> bool:
    """Whether it is one of hop(ed), not of open(ed): the only vowel stands before the last letter."""
    return root[-2] in _VOWELS and root[-1] not in "aeiouwxy" and _VOWELS.isdisjoint(root[:-2])


@lru_cache(maxsize=256)
def forms(base: str) -> frozenset[str]:
    """The stem itself and every word that has it: what ``stem`` takes off, put on again."""
    bases = {base, base + "e", base + "l"}
    roots = bases | {word[:-1] for word in bases} | {word + word[-1:] for word in bases}
    verbs = bases | {root + ending for root in roots for ending in ("ed", "ing", "ied")}
    endings = {word + ending for word in verbs for ending in ("", "s", "es")}
    plurals = endings | {word[:-1] + "ies" for word in verbs if word.endswith("y")}
    return frozenset({base} | {word for word in plurals if stem(word) == base})


# After a final consonant, after a vowel, after either. Longest first: 에서는 before 는.
_AFTER_CONSONANT = "이라는 이라고 이라도 으로는 으로도 으로 이나 이랑 은 이 을 과"
_AFTER_VOWEL = "라는 라고 라도 로는 로도 나 랑 는 가 를 와 로"
_AFTER_ANY = (
    "에게서는 에서부터 에게서 한테서 에서는 에서도 에서의 에게는 에게도 까지는 까지도 부터는 들에게 들에서 에서 에게 "
    "에는 에도 한테 께서 부터 까지 보다 처럼 마다 조차 마저 밖에 만큼 만은 만이 들은 들이 들을 들의 들도 의 에 도 만"
)
_VERB_BEGINS = frozenset("하한할함합해했되된될됨됩돼됐드")
_VERB = (
    "(?:하(?:다|는|고|며|면|지|게|기|여|니|자|려고|려면|지만|는데|도록|던|거나|므로|기로|세요|[시십겠였셨][가-힣]*)?"
    "|한(?:다|다고|다는|다면)?|할(?:까|까요|게|게요|지|래|래요|수록)?|함|합(?:니다|니까|시다)"
    "|해(?:요|서|야|도|라|[주드줘줄줬보봐]?[가-힣]*)|했[가-힣]{0,4}"
    "|되(?:다|는|고|며|면|지|게|기|어|니|지만|는데|도록|던|거나|어서|어야|[었셨시겠][가-힣]*)?"
    "|된(?:다|다고|다는|다면)?|될(?:까|까요|지)?|됨|됩(?:니다|니까)|돼(?:요|서|야|도)?|됐[가-힣]{0,4}"
    "|드[려리립렸릴린][가-힣]{0,4})$"
)
_LEAST = 2  # syllables: shorter rests (회 of 회의) are other words


@lru_cache(maxsize=256)
def bare(word: str) -> str:
    """A run of Hangul without its particle (``환불을``: 환불) or verbal ending (``취소했어요``: 취소), if at least two
    syllables are left.
    """
    for place in range(_LEAST, len(word)):
        if word[place] in _VERB_BEGINS and _verb().match(word, place):
            return word[:place]
    for particle, after in _particles():
        rest = word[: -len(particle)]
        if word.endswith(particle) and len(rest) >= _LEAST and _agrees(rest[-1], particle, after):
            return rest
    return word


@cache  # not at import: most searches need nothing of it
def _verb() -> re.Pattern[str]:
    return re.compile(_VERB)


@cache
def _particles() -> list[tuple[str, bool | None]]:
    """Each with whether it stands after a final consonant (None: after any sound), longest first."""
    kinds = ((_AFTER_CONSONANT, True), (_AFTER_VOWEL, False), (_AFTER_ANY, None))
    return sorted(((word, after) for words, after in kinds for word in words.split()), key=lambda pair: -len(pair[0]))


def particle(run: str) -> bool:
    """Whether a run of Hangul is nothing but a particle, as behind a foreign word (``PDF로``)."""
    return any(run == each for each, _ in _particles())


def _agrees(before: str, particle: str, after: bool | None) -> bool:
    if not "가" <= before <= "힣" or before == "으":  # 책으로 is 책 and 으로
        return False
    final = (ord(before) - ord("가")) % 28
    if particle.startswith("로") and final == 8:  # 서울로: ㄹ counts as a vowel before it
        return True
    return after is None or after == bool(final)
