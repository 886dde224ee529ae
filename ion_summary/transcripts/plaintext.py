"""How is a conversation read that somebody wrote down as text: ``User: …`` and ``Assistant: …``, or under headings?

Only words that stand for a role begin a turn (``speakers``), never any word with a colon, and none inside a code block
or a quotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from unicodedata import normalize

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, sniff
from ion_summary.transcripts.lines import TOO_LONG, byte_lines
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.rooms import MAX_CHARACTERS
from ion_summary.transcripts.speakers import WORDS, name_of, role_of
from ion_summary.transcripts.stamps import stamp

_WORD = "(?P<word>" + "|".join(sorted(map(re.escape, WORDS), key=len, reverse=True)) + ")"
_TIME = r"(?P<{}>\d{{4}}-\d{{2}}-\d{{2}}[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)"
_BEFORE, _WITHIN, _AFTER = (_TIME.format(name) for name in ("before", "within", "after"))
# "User: …", "**User:** …", "[2026-01-04T10:00:00Z] User: …", "User (2026-01-04 10:00): …", each also as a heading.
_SPEECH = re.compile(
    rf" {{0,3}}(?:#{{1,6}} +)?(?:\d+[.)] +)?[*_]{{0,3}}(?:[\[(]?{_BEFORE}[\])]?,?\s*(?:[-–|] *)?)?"
    rf"[*_]{{0,3}}{_WORD}[*_]{{0,3}}"
    rf"(?: *[\[(]{_WITHIN}[\])])? *[:：][*_]{{0,3}}(?:\s+|$|(?=[^\s/]))(?P<text>.*)$",
    re.I,
)
# "## User", "### 1. human - 2026-01-04T10:00:00Z", "**User**" alone on its line.
_HEADING = re.compile(
    rf" {{0,3}}(?:#{{1,6}} +(?:\d+[.)] +)?[*_]{{0,3}}|[*_]{{2,3}}){_WORD}[*_]{{0,3}}"
    rf"(?:\s*[-–—|,]?\s*[\[(]?{_AFTER}[\])]?)?\s*#*\s*$",
    re.I,
)
# "_**User (2026-01-04 10:00:00Z)**_", "_**Agent (some model)**_": a line in bold, as SpecStory writes it.
_BOLD = re.compile(rf"[*_]{{2,3}}{_WORD}(?: \((?:{_AFTER}|[^()\n]{{1,80}})\))?[*_]{{2,3}}\s*$", re.I)
_RULE_AT_END = re.compile(r"\n\s*\n(?:-{3,}|\*{3,}|_{3,})$")
_TITLE = re.compile(r"# +(?P<title>.+?)\s*#*\s*$")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_FRONT = re.compile(r"(?P<key>[A-Za-z_]+)\s*:\s*(?P<value>.+?)\s*$")
_FRONT_END = ("---", "...")
_MAX_FRONT = 100


@dataclass(slots=True)
class _Turn:
    role: str
    name: str | None
    when: datetime | None
    texts: list[str]
    size: int = 0


class PlainTextReader:
    """One session for the file. It has no Resume: whatever is added belongs to that session."""

    name = "plaintext"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Turns of a user and an assistant, or a beginning with such a turn."""
        look = sniff.look(head)
        if look.kind != "text":
            return None
        script = _Script()
        turns = [turn for turn in map(script.turn, look.lines) if turn]
        roles = {turn.role for turn in turns} & {"user", "assistant"}
        if roles and script.preamble > sniff.TOP_LINES:
            return Evidence(20, "turns of a conversation, but only further down, as if they were quoted")
        if len(roles) == 2:
            return Evidence(75, f"{len(turns)} turns of a user and an assistant in the beginning")
        if roles and not script.preamble:
            return Evidence(60, "it begins with a turn of a user or an assistant")
        return Evidence(15, "one line like a turn, with other text before it") if roles else None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The session; a text of more than 4 million characters becomes several."""
        with source.open() as raw:
            head = raw.read(sniff.HEAD)
            raw.seek(0)
            stream, _ = encoding.as_utf8(raw)
            with stream:
                codec = encoding.guess(encoding.decoded_head(head))
                script = _Script(options.tz)
                messages: list[Message] = []
                part, size = 1, 0
                for item in _turns(script, stream_lines(byte_lines(stream), codec, source.name)):
                    if isinstance(item, Rejected):
                        yield item
                        continue
                    messages.append(item)
                    size += len(item.content)
                    if size > MAX_CHARACTERS:
                        yield Session(None, None, messages, dict(script.metadata), str(part))
                        messages, part, size = [], part + 1, 0
                if messages or part == 1:
                    yield Session(None, None, messages, dict(script.metadata), str(part))


def stream_lines(lines: Iterable[tuple[int, int, bytes | None]], codec: str, source: str) -> Iterator[str | Rejected]:
    """The lines as text without their ends; a line that cannot be decoded is Rejected alone."""
    for number, _, raw in lines:
        try:
            text = None if raw is None else normalize("NFC", raw.decode(codec).rstrip("\r\n"))
            yield Rejected(source, number, TOO_LONG) if text is None else text
        except UnicodeDecodeError as error:
            yield Rejected(source, number, f"broken {codec.upper()} at byte {error.start + 1} of the line")


def _turns(script: _Script, lines: Iterable[str | Rejected]) -> Iterator[Message | Rejected]:
    current: _Turn | None = None
    for line in lines:
        if isinstance(line, Rejected):
            yield line
        elif turn := script.turn(line):
            if current:
                yield from _message(current)
            current = turn
        elif current:
            current.texts.append(line)
            current.size += len(line)
            if current.size > MAX_CHARACTERS:  # a turn without an end becomes several
                yield from _message(current)
                current = _Turn(current.role, current.name, current.when, [])
    if current:
        yield from _message(current)


def _message(turn: _Turn) -> Iterator[Message]:
    if text := _RULE_AT_END.sub("", "\n".join(turn.texts).strip()).strip():
        yield Message(turn.role, text, turn.when, turn.name)


@dataclass(slots=True)
class _Script:
    """Where in the document we are. ``preamble``: lines before the first turn, without title and front matter."""

    tz: tzinfo | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    preamble: int = 0
    number: int = 0
    in_front: bool = False
    fence: str = ""
    begun: bool = False

    def turn(self, line: str) -> _Turn | None:
        """The turn that ``line`` begins; None if it continues one, or comes before all."""
        self.number += 1
        if self._front(line) or self._fenced(line):
            return None
        match = _HEADING.match(line) or _BOLD.match(line) or _SPEECH.match(line)
        if match:
            self.begun = True
            groups = match.groupdict()
            time = groups.get("before") or groups.get("within") or groups.get("after")
            word = match["word"]
            when = stamp(time, self.tz) if time and self.tz else None
            text = groups.get("text") or ""
            return _Turn(role_of(word) or "user", name_of(word), when, [text])
        if not self.begun and line.strip():
            if title := _TITLE.match(line):
                self.metadata.setdefault("title", title["title"])
            elif line.strip() not in _FRONT_END:
                self.preamble += 1
        return None

    def _front(self, line: str) -> bool:
        """YAML front matter: ``---`` in the first line, to the next ``---``. Of it, title and model are kept."""
        if self.number == 1 and line.rstrip() == "---":
            self.in_front = True
        elif self.in_front:
            if line.rstrip() in _FRONT_END or self.number > _MAX_FRONT:
                self.in_front = False
            elif (match := _FRONT.match(line)) and match["key"].lower() in ("title", "model"):
                self.metadata[match["key"].lower()] = match["value"].strip("\"'")
        else:
            return False
        return True

    def _fenced(self, line: str) -> bool:
        """Whether ``line`` belongs to a fenced code block, its fences included."""
        match = _FENCE.match(line)
        if self.fence:
            if match and match["fence"].startswith(self.fence) and not match["info"].strip():
                self.fence = ""
            return True
        if match:
            self.fence = match["fence"]
            return True
        return False


READER = PlainTextReader()
