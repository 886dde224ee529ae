"""What in a message is not meant to be read?

Mentions, markup, sign-offs, fillers, greetings, and all of a code block but its point.
"""

from __future__ import annotations

import re
from functools import cache

from ion_summary.text.clean import clean, is_inert

LONGEST = 20_000  # characters of one message that are looked at: its beginning, and a fifth from its end

# One look decides that a message needs none of the slow substitutions.
_SUSPECT = r"[`*#@|<&^\[~_•▶\n/–]"
_UNTIDY = rf"{_SUSPECT}|[。？！]|[UMH]m|Uh"  # in one word of a text
_UNTIDY_HEADS = (",", ".", "?", "!", "uh", "um", "mm", "hm")
_LIST_SIGNS = frozenset("-+·0123456789")
_FILLERS = (" uh", " um", " mm", " hm", "Uh", "Um", "Mm", "Hm")

# (where one of these characters is, the pattern, what comes in its place)
_SUBSTITUTIONS = (
    ("@", r"^(?:\s*\.?@(?![가-힣])[\w.]+[:,]?)+\s*", ""),  # accounts that a message is addressed to
    # links that say nothing, with what announces them
    ("/", r"(?:[:：] ?)?https?://(?:t\.co|bit\.ly|goo\.gl|tinyurl\.com|ow\.ly|me2\.do|buff\.ly)/\S*", ""),
    ("[", r"!?\[([^\]\n]{1,200})\]\((?:[^()\s]|\([^()\s]*\))*\)", r"\1"),  # a link's text without its target
    # tags, and what stands for a photo
    ("<", r"</?[a-zA-Z][^<>\n]{0,200}>|<!--.*?-->|<[^<>\n]{1,20}(?:않음|제외됨|생략됨)>", " "),
    ("[", r"\[(?:[A-Z]?[a-z]+|[a-z ]+)\.?\]", " "),  # [Laughter], [inaudible]
    # headings, lists, quotes, checkboxes
    ("#-*+•·▶>.)[", r"^\s{0,8}(?:#{1,6}|[-*+•·▶]|>+|\d{1,2}[.)]|\[[ xX]\])\s+", ""),
    ("|", r"^\s*\|?[\s:|-]{4,}\|?\s*$", ""),  # the rule of a table
    ("|", r"\s*\|\s*", ", "),  # its cells
    ("*_~", r"(\*\*|__|~~)(?=\S)(.{1,400}?)(?<=\S)\1", r"\2"),
    ("*", r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,300})(?<=\S)\*(?![\w*])", r"\1"),
    # who signed: ^LB, *AMC, TY - Paul, with the part 1/2 of a long tweet
    (
        "^*/~-–—",
        r"(?<=\S)(?:\s+\(?\d/\d\)?)?\s*"
        r"(?:[\^*/~][A-Z][A-Za-z]{0,9}|(?:(?:TY|Regards|Cheers|Thanks)\s?)?[-–—] ?[A-Z][a-z]{1,10})"
        r"[.]?(?:\s+\(?\d/\d\)?)?\s*$",
        "",
    ),
    ("/", r"\s+\(?\d/\d\)?\s*$", ""),
    (",.?!;:", r"[ \t]+([,.?!;:])(?=\s|$)", r"\1"),
)
# Strings, because few messages need them and an import should not compile them.
_FILLER = r"(?<![\w'])(?:[Uu][hm]+|[Mm]m+|[Hh]mm+|[Ee]rm?|mm-hmm|Mm-hmm)(?![\w'-])(?:\s*[,.])?\s*"
_STUTTER = r"\b(\w+)(?:\s+\1\b)+"  # the the
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"))
# What apps write in place of something that is no text.
_PLACEHOLDERS = frozenset(
    """
    사진|동영상|이모티콘|음성메시지|(이모티콘)|(사진)|삭제된 메시지입니다|삭제된 메시지입니다.
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
        return [(_without_fillers(_plain(text)), False)]
    from ion_summary.summarizers.codeblocks import split_code

    return [(part if is_code else _without_fillers(_plain(part)), is_code) for part, is_code in split_code(text)]


@cache
def _substitutions() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Compiled when the first message needs them."""
    return tuple((signs, re.compile(pattern, re.M), replacement) for signs, pattern, replacement in _SUBSTITUTIONS)


def _plain(text: str) -> str:
    # First of all short runs of white space: every pattern below looks at them from each of their characters.
    if "  " in text or "\n\n" in text or "\t" in text:
        text = re.sub(r"\n\s*\n", "\n", re.sub(r"[^\S\n]{2,}", " ", text))
    if "&" in text:
        for entity, char in _ENTITIES:
            text = text.replace(entity, char)
    for signs, pattern, replacement in _substitutions():
        for sign in signs:
            if sign in text:
                text = pattern.sub(replacement, text)
                break
    return text


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
