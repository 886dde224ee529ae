"""How is the history of aider read (``.aider.chat.history.md``), to which each of its sessions is appended?

The shape is that of ``InputOutput`` in aider's ``io.py``: ``user_input``, ``ai_output`` and ``tool_output``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, sniff
from ion_summary.transcripts.lines import TextLine, byte_lines, decoded_lines
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.rooms import MAX_CHARACTERS
from ion_summary.transcripts.stamps import stamp

_BEGUN = re.compile(r"# aider chat started at (?P<when>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\s*$")
_TYPED = "#### "
"""Before every line that the user typed; what aider itself prints begins with a quotation mark."""
_PRINTED = ">"
_PRINTED_END = "  "
"""Behind what aider prints, so that Markdown breaks the line; a quotation in somebody's code has none."""
_NOTHING_TYPED = "<blank>"


class AiderReader:
    """One session each time that aider was started."""

    name = "aider"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """The line with which a session begins."""
        look = sniff.look(head)
        if look.kind == "text" and any(map(_BEGUN.match, look.top)):
            return Evidence(97, "the line `# aider chat started at …`")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The sessions in the order of the file, without those in which nothing was said."""
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            with stream:
                yield from _sessions(decoded_lines(byte_lines(stream), "utf-8", source.name), options.tz)


def _sessions(lines: Iterable[TextLine | Rejected], tz: tzinfo) -> Iterator[Session | Rejected]:
    begun, place, part = None, "0", 1
    turns: list[tuple[str, list[str]]] = []
    size, fenced, answered = 0, False, False
    for item in lines:
        if isinstance(item, Rejected):
            yield item
            continue
        text = item[2]
        match = _BEGUN.match(text)
        if match or size > MAX_CHARACTERS:
            yield from _session(turns, begun, f"{place}.{part}" if part > 1 else place)
            turns, size, part = [], 0, 1 if match else part + 1
        if match:
            begun, place = stamp(match["when"], tz), match["when"]
        if match or (text.startswith(_PRINTED) and (not fenced or text.endswith(_PRINTED_END))):
            fenced = False  # a code block without an end ends here at the latest
            answered = True
        else:
            fenced ^= text.startswith("```")
            typed = text.startswith(_TYPED) and not fenced
            role = "user" if typed or (turns and turns[-1][0] == "user" and not text.strip()) else "assistant"
            if not turns or turns[-1][0] != role or (typed and answered):
                turns.append((role, []))
            answered = answered and not typed
            turns[-1][1].append((text.removeprefix(_TYPED) if typed else text).rstrip())
            size += len(text)
    yield from _session(turns, begun, f"{place}.{part}" if part > 1 else place)


def _session(turns: list[tuple[str, list[str]]], begun: datetime | None, place: str) -> Iterator[Session]:
    said = [(role, "\n".join(lines).strip()) for role, lines in turns]
    # When aider was started is all that is known of times.
    messages = [Message(role, text, begun) for role, text in said if text and (role, text) != ("user", _NOTHING_TYPED)]
    if messages:
        yield Session(None, None, messages, {}, place)


READER = AiderReader()
