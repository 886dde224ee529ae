"""In which messages of the stored sessions does a text occur? All transcripts asked about are read for it: there is no
index of messages, which would take as much room as all else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ion_summary.store import layout, sealing
from ion_summary.store.matching import folded
from ion_summary.store.partition import DamagedLineError, Finding, decode_with_digest
from ion_summary.store.probing import probes
from ion_summary.text.terms import Term, first_match

_AFTER_ID = b',"user_id":'  # no id holds these bytes: its own quotes are escaped


class Said(NamedTuple):
    """A session that says it: its id, and the first message with one of the words: its number (from 1) and text."""

    session_id: str
    message: int
    text: str


def said_on(root: Path, day: int, terms: Sequence[Term]) -> tuple[list[Said], list[Finding]]:
    """The sessions of a day whose messages together have all the terms; and what could not be read for its damage."""
    wanted = probes(terms)
    seen: set[bytes] = set()
    found: list[Said] = []
    damage: list[Finding] = []
    for path, data in _parts(root, day, damage):
        for line in reversed(data.split(b"\n")):  # the last line of a session is the one that counts
            own = line[: line.find(_AFTER_ID)]
            if own in seen:
                continue
            seen.add(own)
            try:
                if all(probe.may_be_in(line) for probe in wanted) and (said := _said(line, terms)):
                    found.append(said)
            except DamagedLineError as error:
                damage.append(Finding(path, None, str(error)))
    return found, damage


def _parts(root: Path, day: int, damage: list[Finding]) -> Iterator[tuple[str, bytes]]:
    for path in (layout.transcripts_path(root, day), layout.sealed_path(root, day)):
        name = path.relative_to(root).as_posix()
        try:
            yield name, sealing.read(path)
        except FileNotFoundError:
            continue
        except DamagedLineError as error:
            damage.append(Finding(name, None, str(error)))
            yield name, sealing.readable(path)


def _said(line: bytes, terms: Sequence[Term]) -> Said | None:
    fields = decode_with_digest(line)
    try:
        texts = [each["content"] for each in fields["messages"]]
        session_id = fields["session_id"]
    except (KeyError, TypeError) as error:
        raise DamagedLineError("it has no messages") from error
    whole = folded(texts)
    if not all(term.occurs_in(whole) for term in terms):
        return None
    number = next(number for number, text in enumerate(texts) if first_match(text, terms))
    return Said(session_id, number + 1, texts[number])
