"""What are the captions of a file, and who speaks in each: by a ``<v>`` tag, a name with a colon, one in brackets?"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ion_summary.transcripts.lines import TextLine
from ion_summary.transcripts.reader import Rejected

_MOMENT = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMING = re.compile(rf"\s*{_MOMENT}\s*-->\s*{_MOMENT}(?:\s|$)")
_NO_CUE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:[ \t]|$)")
_MAX_BLOCK = 200
"""Lines of one caption; nobody could read more of it on a screen."""
_VOICE = re.compile(r"<v(?:\.[^ \t>]*)?[ \t]+([^>\n]{1,200})>")
_TAG = re.compile(r"</?(?:v|c|i|b|u|s|ruby|rt|lang|font|\d)[^<>\n]{0,200}>|\{\\[^}\n]{0,60}\}", re.I)
_NAMED = re.compile(r"(?P<name>[^\s:<>\-–—(\[][^:<>\n]{0,59}?) ?[:：]\s+(?P<text>\S.*)$")
_BRACKETED = re.compile(r"\((?P<name>[^()\n]{1,60})\)$")
_SOUNDS = re.compile(r"music|applause|laugh|inaudible|silence|cheer|noise|음악|박수|웃음|소음|환호|침묵", re.I)
_DASH = re.compile(r"[-–—] ?(?=\S)")
_MAX_WORDS = 6
_USUAL = 0.4
"""Where so many captions begin with a name, every caption may."""


class Cue(NamedTuple):
    """One caption: seconds from the beginning, who speaks (None: nobody says), its lines.

    ``begins_turn``: somebody else speaks than before, whoever that is.
    """

    start: float
    end: float
    name: str | None
    lines: list[str]
    begins_turn: bool = False


def is_timing(line: str) -> bool:
    """Whether ``line`` is ``00:00:08.000 --> 00:00:12.000``, hours optional, with a comma in SRT."""
    return _TIMING.match(line) is not None


def cues(lines: Iterable[TextLine | Rejected]) -> Iterator[Cue | Rejected]:
    """The captions in order, with tags in their text. Lines without times go on with the caption before them."""
    pending: Cue | None = None
    for block in _blocks(lines):
        if isinstance(block, Rejected):
            yield block
            continue
        at = next((number for number, line in enumerate(block[:2]) if is_timing(line)), None)
        if at is None and pending and not _is_aside(block):
            if len(pending.lines) > _MAX_BLOCK:
                yield pending
                pending = pending._replace(lines=[])
            pending = pending._replace(lines=[*pending.lines, *block])
        elif at is not None and (at == 0 or not _NO_CUE.match(block[0])):
            if pending:
                yield pending
            begin, end = _times(block[at])
            pending = Cue(begin, end, None, block[at + 1 :])
    if pending:
        yield pending


def _is_aside(block: list[str]) -> bool:
    """A note, a style, or the number of a caption that is missing."""
    return _NO_CUE.match(block[0]) is not None or (len(block) == 1 and block[0].strip().isdecimal())


def _blocks(lines: Iterable[TextLine | Rejected]) -> Iterator[list[str] | Rejected]:
    """The lines between blank ones. Times also begin a block where the blank line before them is missing."""
    block: list[str] = []
    for item in lines:
        if isinstance(item, Rejected):
            yield item
            continue
        text = item[2].removeprefix("\ufeff")
        again = is_timing(text) and (len(block) > 1 or any(map(is_timing, block)))
        if block and (again or not text.strip() or len(block) >= _MAX_BLOCK):
            number = [block.pop()] if again and block[-1].strip().isdecimal() else []
            yield block
            block = number
        if text.strip():
            block.append(text)
    if block:
        yield block


def _times(line: str) -> tuple[float, float]:
    """The seconds that a line of times names."""
    begin, end = (
        int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction) / 10 ** len(fraction)
        for hours, minutes, seconds, fraction in re.findall(_MOMENT, line)[:2]
    )
    return begin, end


@dataclass(frozen=True, slots=True)
class Speakers:
    """Which words before a colon are names in a file: any (``usual``), or those that its beginning has repeatedly."""

    usual: bool
    names: frozenset[str]

    @classmethod
    def of(cls, lines: Iterable[str]) -> Speakers:
        """What the first ``lines`` of a file show."""
        found = Counter[str]()
        total = 0
        before_is_timing = False
        for line in lines:
            if before_is_timing:
                total += 1
                named = _named(_DASH.sub("", _plain(line), count=1))
                found.update([named[0]] if named else [])
            before_is_timing = is_timing(line)
        repeated = frozenset(name for name, count in found.items() if count > 1)
        return cls(found.total() >= max(2, _USUAL * total), repeated)

    def spoken(self, cue: Cue, before: str | None) -> Iterator[Cue]:
        """``cue`` by speakers, without tags. A caption that names nobody is of who spoke ``before``."""
        text = "\n".join(cue.lines)
        if _VOICE.search(text):
            parts = _VOICE.split(text)
            for name, said in zip([None, *parts[1::2]], parts[::2], strict=True):
                yield from self._of_lines(cue, said.split("\n"), name and (_plain(name) or None), tagged=True)
        else:
            yield from self._of_lines(cue, cue.lines, before, tagged=False)

    def _of_lines(self, cue: Cue, lines: list[str], name: str | None, *, tagged: bool) -> Iterator[Cue]:
        said: list[str] = []
        begins = False
        texts = list(filter(None, map(_plain, lines)))
        dialogue = not tagged and sum(map(bool, map(_DASH.match, texts))) > 1
        for number, text in enumerate(texts):
            speaker, rest, turns = (None, text, False) if tagged else self._speaker(text, dialogue, number, len(texts))
            if turns or speaker:
                if said:
                    yield cue._replace(name=name, lines=said, begins_turn=begins)
                name, said, begins = speaker, [], turns and speaker is None
            if rest:
                said.append(rest)
        if said:
            yield cue._replace(name=name, lines=said, begins_turn=begins)

    def _speaker(self, text: str, dialogue: bool, number: int, lines: int) -> tuple[str | None, str, bool]:
        """Who speaks in a line (None: as before), what is said, and whether somebody else begins."""
        turns = False
        if dialogue and (dash := _DASH.match(text)):
            text, turns = text[dash.end() :], True
        named = _named(text)
        if named and (self.usual or named[0] in self.names):
            return named[0], named[1], True
        alone = _BRACKETED.match(text)
        if alone and number == 0 and lines > 1 and not _SOUNDS.search(alone["name"]):
            return alone["name"].strip(), "", True
        return None, text, turns


def _named(text: str) -> tuple[str, str] | None:
    """Name and words of ``Name: words``; a name is short, and no sentence."""
    match = _NAMED.match(text)
    if not match or len(match["name"].split()) > _MAX_WORDS or match["name"][-1] in ".,?!;":
        return None
    return match["name"], match["text"]


def _plain(text: str) -> str:
    """``text`` without tags, with its entities as characters."""
    return html.unescape(_TAG.sub("", text)).replace("\u00a0", " ").strip()
