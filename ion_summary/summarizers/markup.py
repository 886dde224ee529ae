"""What is markup, a mention or a signature, and what only looks so: code, a placeholder, an address?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

# Inline code is set aside while all else is looked at. In its place stand characters that ``clean`` leaves in no text.
_FIRST_STAND_IN, _STAND_INS = 0xD800, "\ud800-\udfff"
_MOST_STAND_INS = 0x800
_INLINE_CODE = r"(?<!`)(`+)(?!`)[^\n]*?[^`\n]\1(?!`)"
_LONGEST_WORD = 200  # as words are remembered

# Elements that nobody takes for something to be filled in. Of the others, as ``<title>`` may be, a tag is markup where
# it has attributes or the text closes it.
_MARKUP = frozenset(
    "p li ul ol dl dt dd tr td th thead tbody tfoot h1 h2 h3 h4 h5 h6 div span em strong blockquote pre sub sup".split()
)
_STAND_ALONE = frozenset("br hr wbr".split())
_ELEMENTS = (_MARKUP | _STAND_ALONE).union(
    "a abbr address area article aside audio b base bdi bdo big body button canvas caption center cite code col "
    "colgroup data datalist del details dfn dialog embed fieldset figcaption figure font footer form head header "
    "html i iframe img input ins kbd label legend link main map mark meta meter nav nobr noscript object option "
    "output param picture progress q rp rt ruby s samp script section select small source strike style summary "
    "svg table template textarea time title track tt u var video".split()
)
_TAG = (
    # what stands for a photo, what an app remarks, comments; elements
    r"<[^<>\n]{1,20}(?:않음|제외됨|생략됨| omitted| was edited| was deleted)>|<!--.{0,2000}?-->"
    r"|<(/?)([a-zA-Z][a-zA-Z0-9]{0,9})(\s[^<>\n]{0,200})?>|<([a-zA-Z][a-zA-Z0-9]{0,9})\s{0,9}/>"
)
_SOUND = (  # what a transcript remarks of what is heard
    r"\[(?:[A-Z][a-z]+\.|(?i:laugh\w*|chuckl\w*|giggl\w*|inaudible|unintelligible|indiscernible|crosstalk|applau\w+"
    r"|clap\w*|cheer\w*|music|(?:background )?noises?|silence|cough\w*|sigh\w*|snif\w+|groan\w*|clears throat)\.?"
    r"|웃음|폭소|박수|환호|음악|소음|침묵|기침|한숨|안 들림)\]"
)
_WORD = "A-Za-z0-9_"  # not Hangul: particles stand right behind ``**환불**``

_PIPED_LINES = r"(?m)^[^\n|]*\|[^\n]*(?:\n[^\n|]*\|[^\n]*)*"
_Replacement = str | Callable[[re.Match[str]], str]


def _without_tag(found: re.Match[str]) -> str:
    """A space in place of a tag; what is none stays."""
    slash, written, attributes, alone = found.groups()
    name = (written or alone or "").lower()
    if not name:
        return " "
    if name not in _ELEMENTS:
        return found.group()
    if slash or alone or name in _STAND_ALONE or (attributes and "=" in attributes):
        return " "
    text, start = found.string, found.start()
    before = text[start - 1 : start]
    if name in _MARKUP and not attributes and not (before == "/" or (before.isascii() and before.isalnum())):
        return " "
    return " " if text.find(f"</{written}>", found.end()) > 0 else found.group()


def _without_table(found: re.Match[str]) -> str:
    """Lines with pipes, where they are a table as cells with commas."""
    lines = found.group().split("\n")
    rules = [place for place, line in enumerate(lines) if _is_rule(line)]
    head = rules[0] - 1 if rules else len(lines)
    return "\n".join(
        _cells(line) if place >= head or _is_row(line) else line
        for place, line in enumerate(lines)
        if not _is_rule(line)
    )


def _is_rule(line: str) -> bool:
    """Whether ``line`` is ``|---|:-:|``."""
    return "--" in line and not line.strip(" \t|:-")


def _is_row(line: str) -> bool:
    """Whether ``line`` is ``| a | b |``; ``| grep x`` goes on with a command."""
    line = line.strip()
    return line.startswith("| ") and line.endswith(" |") and line.count("|") > 2


def _cells(line: str) -> str:
    cells = re.split(r"(?<![|\\])\|(?!\|)", line)
    return ", ".join(cell.strip().replace("\\|", "|") for cell in cells if cell.strip())


# (where one of these characters is, the pattern, what comes in its place)
_SUBSTITUTIONS: tuple[tuple[str, str, _Replacement], ...] = (
    ("@", r"^(?:\s*\.?@(?![가-힣]|[\w.-]*/)[\w.]+[:,]?)+\s*", ""),  # accounts that a message is addressed to
    # links that say nothing, with what announces them
    ("/", r"(?:[:：] ?)?https?://(?:t\.co|bit\.ly|goo\.gl|tinyurl\.com|ow\.ly|me2\.do|buff\.ly)/\S*", ""),
    # a link's text without its target
    (
        "[",
        rf"(?<![{_WORD}\])])!?\[([^\]\n]{{1,200}})\]\((?=[^\s()/.#:]{{0,99}}[/.#:])(?:[^()\s]|\([^()\s]*\))*\)",
        r"\1",
    ),
    ("<", _TAG, _without_tag),
    ("[", rf"(?<![{_WORD}\])]){_SOUND}", " "),
    # headings, lists, quotes, checkboxes
    ("#-*+•·▶>.)[", r"^\s{0,8}(?:#{1,6}|[-*+•·▶]|>+|\d{1,2}[.)]|\[[ xX]\])\s+", ""),
    # emphasis: signs in pairs around a text, not those of ``**kwargs``, ``src/**``, ``__init__`` or ``네~~``
    (
        "*",
        rf"(?<![{_WORD}*/\\])(\*\*\*?)(?=[^\s*])((?:[^*\n]|\*(?!\*))++)(?<=[^\s/])\1(?![{_WORD}*/])",
        r"\2",
    ),
    (
        "_",
        rf"(?<![\w/\\])__(?=[^\s_])(?![a-z0-9_]+__|[A-Z0-9_]+__)((?:[^_\n]|_(?!_))++)(?<=[^\s/])__(?![{_WORD}/])",
        r"\1",
    ),
    ("~", rf"(?<![\w~/])~~(?=[^\s~])([^~\n]{{1,400}})(?<=\S)~~(?![{_WORD}~/])", r"\1"),
    ("*", rf"(?<![^\s(])\*(?=[\w{_STAND_INS}])([^*\n]{{1,300}})(?<=[^\s(\[{{,/=])\*(?![^\s.,!?;:)…])", r"\1"),
)
# Who signed: ^LB, *AMC, /AB, TY - Paul, with the part 1/2 of a long tweet. Its end is looked for first, because that
# begins with a sign: most texts have none.
_SIGNED_END = r"(?m)[\^*~/–—-] ?[A-Z][A-Za-z]{0,10}\.?(?:\s+\(?\d/\d\)?)?\s*$"
_SIGNED = (
    r"(?m)(?<=\S)(?:\s+\(?\d/\d\)?)?"
    r"(?:\s*(?<!\d)\^[A-Z][A-Za-z]{0,9}|(?:\s+|(?<=[^\w/]))(?:[*~][A-Z][A-Za-z]{0,9}|/[A-Z]{1,3})"
    r"|(?:\s+|(?<=[.!?…)])|\s*(?:TY|Regards|Cheers|Thanks)\s?)[-–—] ?[A-Z][a-z]{1,10})"
    r"[.]?(?:\s+\(?\d/\d\)?)?\s*$"
)
_PART = r"(?m)\s+\(?\d/\d\)?\s*$"
_SPACED = (" ,", " .", " ?", " !", " ;", " :", "\t")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"))


@cache
def _substitutions() -> tuple[tuple[str, re.Pattern[str], _Replacement], ...]:
    """Compiled when the first message needs them."""
    return tuple((signs, re.compile(pattern, re.M), replacement) for signs, pattern, replacement in _SUBSTITUTIONS)


def without_markup(text: str) -> str:
    """``text`` without markup, mentions, links that say nothing and signatures. Inline code is to be set aside."""
    if "|" in text:  # as long as there are the empty lines that end a table
        text = re.sub(_PIPED_LINES, _without_table, text)
    # First of all others short runs of white space: every pattern below looks at them from each of their characters.
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
    return _without_signature(text)


def _without_signature(text: str) -> str:
    if re.search(_SIGNED_END, text):
        text = re.sub(_SIGNED, "", text)
    if "/" in text:
        text = re.sub(_PART, "", text)
    for marked in _SPACED:
        if marked in text:
            return re.sub(r"(?m)[ \t]+([,.?!;:])(?=\s|$)", r"\1", text)
    return text


def set_aside(text: str) -> tuple[str, list[str]]:
    """``text`` with a stand-in for all inline code, and the code."""
    codes: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        if len(codes) == _MOST_STAND_INS:
            return found.group()
        codes.append(found.group())
        return chr(_FIRST_STAND_IN + len(codes) - 1)

    return re.sub(_INLINE_CODE, stand_in, text), codes


def put_back(text: str, codes: list[str]) -> str:
    """``text`` with its code again."""
    return re.sub(f"[{_STAND_INS}]", lambda found: codes[ord(found.group()) - _FIRST_STAND_IN], text)


def words_of(line: str) -> list[str]:
    """What stands between spaces in ``line``; inline code, unless it is long, is one word: no sentence ends in it."""
    words = line.split()
    if "`" not in line:
        return words
    whole = with_whole_code(words)
    return whole if max(map(len, whole)) <= _LONGEST_WORD else words


def with_whole_code(parts: list[str]) -> list[str]:
    """The words or clauses of a line, those together between which inline code was split."""
    whole: list[str] = []
    is_open = False
    for part in parts:
        if is_open:
            whole[-1] += " " + part
        else:
            whole.append(part)
        if "`" in part and (part.count("`") - part.count("``")) % 2:
            is_open = not is_open
    return parts if is_open else whole
