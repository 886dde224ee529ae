"""What in a message is not meant to be read?

Fillers, placeholders, all of a code block but its point, and what ``markup`` finds; never what stands in backticks.
"""

from __future__ import annotations

import re
from functools import cache

from ion_summary.summarizers.markup import put_back, set_aside, without_markup
from ion_summary.text.clean import clean, is_inert

LONGEST = 20_000  # characters of one message that are looked at: its beginning, and a fifth from its end

# One look decides that a message needs none of the slow substitutions.
_SUSPECT = r"[`*#@|<&^\[~_•▶\n/–]"
_UNTIDY = rf"{_SUSPECT}|[。？！]|[UMH]m|Uh"  # in one word of a text
_UNTIDY_HEADS = (",", ".", "?", "!", "uh", "um", "mm", "hm")
_LIST_SIGNS = frozenset("-+·0123456789")
_FILLERS = (" uh", " um", " mm", " hm", "Uh", "Um", "Mm", "Hm")

# Strings, because few messages need them and an import should not compile them.
_FILLER = r"(?<![\w'])(?:[Uu][hm]+|(?<!\d )[Mm]m+|[Hh]mm+|[Ee]rm?|mm-hmm|Mm-hmm)(?![\w'-])(?:\s*[,.])?\s*"
# "the the", "w w". Only what carries nothing: "had had", "that that", "very very" and 천천히 천천히 are meant so.
_STUTTER = (
    r"\b((?i:an?|and|any|are|as|at|be|because|been|being|between|but|by|can|could|did|do|does|eh|for|from|has|have|he|her"
    r"|his|how|i|if|in|into|is|it|its|just|like|maybe|might|my|not|of|on|or|our|she|should|since|some|than|th|the|their"
    r"|then|there|these|they|this|those|through|to|until|w|was|we|were|what|when|where|whether|which|while|who|why|will"
    r"|with|would|you|your))(?:\s+\1\b)+"
)
# What apps write in place of something that is no text.
_PLACEHOLDERS = frozenset(
    """
    사진|동영상|이모티콘|음성메시지|(이모티콘)|(사진)|(웃음)|[사진]|[동영상]|[이모티콘]
    삭제된 메시지입니다|삭제된 메시지입니다.
    image omitted|video omitted|sticker omitted
    audio omitted|gif omitted|document omitted|photo|sticker|emoticon|emoticons|voice message|this message was deleted
    this message was deleted.|(emoticon)|(photo)
    """.strip()
    .replace("\n", "|")
    .replace("    ", "")
    .split("|")
)


def is_untidy(word: str) -> bool:
    """Whether ``tidy`` may change a text that has ``word`` between two spaces."""
    return word.startswith(_UNTIDY_HEADS) or _untidy().search(word) is not None or not is_inert(word)


@cache  # not at import; and not asked of ``re`` for each word
def _untidy() -> re.Pattern[str]:
    return re.compile(_UNTIDY)


def is_tidy(text: str) -> bool:
    """Whether ``tidy`` leaves ``text`` as it is, if no word of it is untidy."""
    return text.isprintable() and len(text) <= LONGEST and "-" not in text[-14:] and text[:1] not in _LIST_SIGNS


def tidy(text: str) -> list[tuple[str, bool]]:
    """The parts of a message that are worth reading, as ``(text, is code)``; texts may hold several lines."""
    text = clean(text)
    if len(text) > LONGEST:
        text = text[: LONGEST * 4 // 5] + "\n" + text[-LONGEST // 5 :]
    if re.search(_SUSPECT, text) is None and not _is_loose(text):
        return [(_without_fillers(text), False)]
    if "```" not in text and "~~~" not in text:
        return [(_readable(text), False)]
    from ion_summary.summarizers.codeblocks import split_code

    return [(part if is_code else _readable(part), is_code) for part, is_code in split_code(text)]


def _readable(text: str) -> str:
    if "`" not in text:
        return _without_fillers(without_markup(text))
    text, codes = set_aside(text)
    return put_back(_without_fillers(without_markup(text)), codes)


def _is_loose(text: str) -> bool:
    """Whether ``text`` has white space before punctuation, begins as a list does, or ends in a name behind a dash."""
    return " ," in text or " ." in text or " ?" in text or " !" in text or "-" in text[-14:] or text[:1] in _LIST_SIGNS


def _without_fillers(text: str) -> str:
    for filler in _FILLERS:
        if filler in text:
            return re.sub(_STUTTER, r"\1", re.sub(_FILLER, "", text))
    return text


def is_placeholder(sentence: str) -> bool:
    """Whether ``sentence`` only stands where a photo, sticker or deleted message was."""
    return len(sentence) < 30 and sentence.lower() in _PLACEHOLDERS
