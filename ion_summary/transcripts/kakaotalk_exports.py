"""Which exports of KakaoTalk does a file hold, in which dialect, of which rooms? People join several in one file."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from ion_summary.transcripts import kakaotalk_lines as shapes
from ion_summary.transcripts.lines import TextLine
from ion_summary.transcripts.reader import Rejected

HEADER_LINES = 5
_AHEAD = 300
"""Lines behind a header that show the dialect of what it heads."""
_NAMED_FILE = re.compile(r"KakaoTalk(?:_Chats?)?_(?:\d{8}_\d{4}_\d{2}_\d{3}_)?")
_DATED_FILE = re.compile(r"[_ -]\d{4}[-.]\d{1,2}[-.]\d{1,2}.*$|-\d+$")
_EVERY_ROOM = frozenset({"", "Talk", "KakaoTalk", "KakaoTalkChats", "group"})
"""What is left of file names that name no room."""


class Exports:
    """The lines of a file, one export at a time. ``room`` and ``offset`` are what the last header said, and where."""

    def __init__(self, lines: Iterable[TextLine | Rejected]) -> None:
        self._lines = iter(lines)
        self._ahead: deque[TextLine | Rejected] = deque()
        self.room: str | None = None
        self.offset = 0

    def of_one(self) -> Iterator[TextLine | Rejected]:
        """The lines up to the next header, which is passed over; at the end of the file ``room`` is None."""
        self.room = None
        while (item := self._take()) is not None:
            if not isinstance(item, Rejected) and self._is_header(item[2]):
                self.room, self.offset = shapes.room(item[2]) or "", item[1]
                self._take()
                return
            yield item

    def dialect(self) -> str | None:
        """The dialect of the lines that follow."""
        while len(self._ahead) < _AHEAD and (item := next(self._lines, None)) is not None:
            self._ahead.append(_unmarked(item))
        texts = [item[2] for item in self._ahead if not isinstance(item, Rejected)]
        ends = [number for number, text in enumerate(texts) if shapes.SAVED.match(text)]
        return dialect(texts[: ends[0]] if ends else texts)[0]

    def _is_header(self, text: str) -> bool:
        """Whether ``text`` names a room and the next line says when that was saved: one of them alone is text."""
        if shapes.room(text) is None:
            return False
        if not self._ahead and (item := next(self._lines, None)) is not None:
            self._ahead.append(_unmarked(item))
        following = self._ahead[0] if self._ahead else None
        return following is not None and not isinstance(following, Rejected) and bool(shapes.SAVED.match(following[2]))

    def _take(self) -> TextLine | Rejected | None:
        if self._ahead:
            return self._ahead.popleft()
        item = next(self._lines, None)
        return None if item is None else _unmarked(item)


def _unmarked(item: TextLine | Rejected) -> TextLine | Rejected:
    """``item`` without the byte order mark that a joined file has in its middle."""
    if isinstance(item, Rejected) or not item[2].startswith("\ufeff"):
        return item
    return item[0], item[1], item[2][1:]


def dialect(lines: Iterable[str]) -> tuple[str | None, int]:
    """The dialect that most of the lines are messages of, and how many."""
    counts: Counter[str] = Counter()
    for line in lines:
        if shapes.windows(line):
            counts["windows"] += 1
        elif shapes.csv(line):
            counts["csv"] += 1
        else:
            for each in shapes.PHONES:
                found = shapes.phone(line, each)
                counts[each] += bool(found and found.name)
    best = counts.most_common(1)
    return (best[0][0], best[0][1]) if best and best[0][1] else (None, 0)


def room(lines: list[str], name: str) -> str:
    """The room's name from the export's header, else from the file's ``name``; that name itself if it names no room."""
    for line in lines[:HEADER_LINES]:
        if found := shapes.room(line):
            return found
    stem = re.sub(r"\.(?:txt|csv|eml)$", "", re.split(r"[/\\:]", name)[-1], flags=re.I)
    found = _DATED_FILE.sub("", _NAMED_FILE.sub("", stem, count=1)).strip(" _-")
    return (re.sub(r"-\d+$", "", stem) if found in _EVERY_ROOM else found) or "KakaoTalk"
