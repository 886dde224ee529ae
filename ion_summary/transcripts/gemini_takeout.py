"""How is the Gemini activity of a Google Takeout archive read, in English or Korean?

An activity names no conversation: each prompt is a session of its own, with its answer where the archive has it. What
is what is told by the place around the time, not by words, because the words differ by language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from hashlib import blake2b
from typing import IO
from unicodedata import normalize

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, html_text, json_stream, sniff
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.pieces import pieces
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.stamps import localised, stamp

MAX_CELL = 8 << 20
"""Bytes of one activity. A longer one is passed over and not held in memory."""
_LONGEST_TAG = 400
_CELL = re.compile(rb"<div[^<>]{0,300}\bouter-cell\b")
_ACTIVITY = re.compile(r"My ?Activity|내 ?활동")
_PRODUCT = re.compile(r"Gemini|Bard|제미나이", re.I)
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
_ZONE = r"(?:\s*(?P<zone>GMT[+-]\d{1,2}(?::\d{2})?|[A-Za-z]{1,5}))?"
_MONTH = r"(?P<month>[A-Z][a-z]{2})[a-z]*\.?"
_DAY, _YEAR = r"(?P<day>\d{1,2})", r"(?P<year>\d{4})"
_TIMES = (
    re.compile(rf"{_MONTH} {_DAY}, {_YEAR},? {_CLOCK}\s*(?P<half>[AP]M)?{_ZONE}"),
    re.compile(rf"{_DAY} {_MONTH} {_YEAR},? {_CLOCK}\s*(?P<half>[AP]M)?{_ZONE}"),
    re.compile(rf"{_YEAR}[.년] ?(?P<month>\d{{1,2}})[.월] ?{_DAY}[.일]\s*(?P<half>오전|오후|AM|PM)? ?{_CLOCK}{_ZONE}"),
)
_HOURS = {
    "KST": 9, "JST": 9, "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "SGT": 8, "AEST": 10, "AEDT": 11,
}  # fmt: skip
# What stands before or behind the prompt in the line that tells of it.
_PROMPTED = re.compile(r"^(?:Prompted|Asked|Said|프롬프트|질문)(?:\s*[:：]\s*|\s+|$)")
_PROMPTED_KO = re.compile(
    r"\s*(?:항목을 검색함"
    r"|(?:을\(를\)|을|를)?\s*(?:프롬프트(?:로|를)?)\s*(?:입력|요청|전송|사용)\s*(?:함|했음|했습니다)?)\.?$"
)
_ATTACHED = re.compile(r"^(?:Attached \d+ files?|파일 \d+개 첨부됨)\.?$", re.M)
_OTHER = re.compile(
    r"(?:Used|Created|Shared|Visited) Gemini\b|Gave feedback\b|Selected preferred\b|"
    r"(?:Canvas|Feedback|캔버스|피드백|의견)$|"
    r"Gemini (?:앱|Apps)[을를]? ?사용(?:함|했습니다)\.?$"
)


class GeminiTakeoutReader:
    """``My Activity/Gemini Apps/MyActivity.html`` (``내활동.html``), or ``.json`` where that was asked for."""

    name = "gemini_takeout"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:
        """A page of My Activity, or its records in JSON, that are Gemini's."""
        look = sniff.look(head)
        records = [value for value in look.objects if {"header", "title", "time"} <= value.keys()]
        if records:
            gemini = any(_PRODUCT.search(str(value["header"])) for value in records)
            return Evidence(96 if gemini else 35, f"records of My Activity{'' if gemini else ', but none of Gemini'}")
        start = encoding.decoded_head(head).lstrip()[:15].lower()
        if look.kind != "text" or not start.startswith((b"<!doctype html", b"<html", b"<div")):
            return None
        text = "\n".join(look.lines)
        if "outer-cell" in text:
            gemini = _PRODUCT.search(text) is not None
            return Evidence(96 if gemini else 35, f"a page of My Activity{'' if gemini else ', of another product'}")
        # Styles alone may fill what is looked at.
        if _ACTIVITY.search(text[:2000]) and (_PRODUCT.search(name) or "mdl-" in text):
            return Evidence(85, "a page called My Activity")
        return Evidence(20, "a page of HTML, but not of My Activity")

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """One session for each prompt."""
        with source.open() as raw:
            is_json = encoding.decoded_head(raw.read(sniff.HEAD)).lstrip()[:1] in (b"[", b"{")
            raw.seek(0)
            stream, _ = encoding.as_utf8(raw)
            yield from (_json(source, stream, options.tz) if is_json else _page(source, stream, options.tz))


def _json(source: Source, stream: IO[bytes], tz: tzinfo) -> Iterator[Item]:
    for ordinal, element in enumerate(json_stream.elements(stream), 1):
        value = an_object(element.value)
        if element.problem:
            yield Rejected(source.name, element.line, element.problem)
        elif _PRODUCT.search(str(value.get("header"))) and (title := a_text(value.get("title"))):
            answers = [an_object(item).get("html") for item in a_list(value.get("safeHtmlItem"))]
            answer = "\n".join(block for html in answers if isinstance(html, str) for block in html_text.blocks(html))
            if prompt := _prompt(normalize("NFC", title)):
                files = [f"[{name}]" for name in a_list(value.get("attachedFiles")) if isinstance(name, str)]
                prompt = normalize("NFC", "\n".join([prompt, *files]))
                yield _session(prompt, answer, stamp(value.get("time"), tz), str(ordinal))


def _page(source: Source, stream: IO[bytes], tz: tzinfo) -> Iterator[Item]:
    others = 0
    cells = 0
    found = pieces(stream, _CELL, _LONGEST_TAG, MAX_CELL)
    for ordinal, (line, cell) in enumerate(found):
        if ordinal == 0 and (cell is None or not _CELL.match(cell)):
            continue  # the head of the page
        cells += 1
        if cell is None:
            yield Rejected(source.name, line, f"activity {ordinal} is larger than {MAX_CELL >> 20} MiB")
            continue
        product, blocks = _zones(normalize("NFC", cell.decode("utf-8", "replace")))
        if not _PRODUCT.search(product):
            others += 1
            continue
        told = _told(blocks, tz)
        if told is None:
            yield Rejected(source.name, line, f"activity {ordinal} has no time that could be read")
        elif prompt := _prompt(told[0]):
            yield _session(prompt, told[1], told[2], str(ordinal))
    if cells == others:
        yield Rejected(source.name, None, "no activity of Gemini in this page")


def _zones(cell: str) -> tuple[str, list[str]]:
    """The product that the cell's head names, and the blocks of head and content in order."""
    zones: list[list[tuple[str, str]]] = []
    depth = zone_depth = 0
    wanted = False
    for before, tag, attributes in html_text.tags(cell):
        if zone_depth and wanted:
            zones[-1].append((before, tag))
        if tag == "div":
            depth += 1
            if not zone_depth and ("header-cell" in attributes or "content-cell" in attributes):
                zone_depth = depth
                # Captions (products, details) and the empty column beside are no content.
                wanted = "caption" not in attributes and "text-right" not in attributes
                zones.append([])
        elif tag == "/div":
            zone_depth = 0 if depth == zone_depth else zone_depth
            depth -= 1
    found = [html_text.joined(zone) for zone in zones]
    head, *rest = next((blocks for blocks in found if blocks), [""])
    return head.partition("\n")[0], [*head.split("\n")[1:], *rest, *(block for zone in found[1:] for block in zone)]


def _told(blocks: list[str], tz: tzinfo) -> tuple[str, str, datetime] | None:
    """Prompt, answer and time: the time stands behind the prompt, or in the cell's head, before it."""
    lines = [(number, line) for number, block in enumerate(blocks) for line in block.split("\n")]
    times = ((at, _time(line, tz)) for at, (_, line) in enumerate(lines))
    at, when = next(((at, when) for at, when in times if when), (0, None))
    if when is None:
        return None
    before, after = [line for _, line in lines[:at]], lines[at + 1 :]
    if len(before) == 1 and (_PROMPTED.fullmatch(before[0]) or _OTHER.match(before[0])) and after:
        block = after[0][0]
        prompt = "\n".join([before[0], *(line for number, line in after if number == block)])
        return prompt, "\n".join(line for number, line in after if number != block), when
    return "\n".join(before), "\n".join(line for _, line in after), when


def _prompt(text: str) -> str:
    """What was asked, without the words that tell of it; empty if the activity is something else."""
    text = text.replace("\xa0", " ").strip()
    if _OTHER.match(text.partition("\n")[0]):
        return ""
    asked, *attached = _ATTACHED.split(text, maxsplit=1)
    prompt = _PROMPTED_KO.sub("", _PROMPTED.sub("", asked.strip(), count=1)).strip()
    names = [name for each in attached for line in each.split("\n") if (name := line.strip(" -"))]
    return "\n".join(filter(None, [prompt, *(f"[{name}]" for name in names)]))


def _time(line: str, tz: tzinfo) -> datetime | None:
    """The time that ``line`` is, if it is nothing else."""
    text = " ".join(line.split())
    match = next((found for shape in _TIMES if (found := shape.fullmatch(text))), None)
    if match is None:
        return None
    month = match["month"]
    hour, half = int(match["hour"]), match["half"]
    if half:
        hour = hour % 12 + (12 if half in ("PM", "오후") else 0)
    try:
        number = int(month) if month.isdecimal() else _MONTHS[month.lower()]
        day = date(int(match["year"]), number, int(match["day"]))
        clock = time(hour, int(match["minute"]), int(match["second"] or 0), tzinfo=_offset(match["zone"]) or tz)
        return localised(datetime.combine(day, clock), tz)
    except (ValueError, KeyError):
        return None


def _offset(zone: str | None) -> tzinfo | None:
    """The zone of an abbreviation; None for one that is not known, or stands for several."""
    if zone is None:
        return None
    if zone.upper().startswith("GMT") and len(zone) > 3:
        hours, _, minutes = zone[4:].partition(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-offset if zone[3] == "-" else offset) if offset < timedelta(days=1) else None
    hours_of = _HOURS.get(zone.upper())
    return None if hours_of is None else timezone(timedelta(hours=hours_of))


def _session(prompt: str, answer: str, when: datetime | None, place: str) -> Session:
    """A session whose id is made of its prompt and time, as no place in the file stays the same."""
    at = when.astimezone(UTC).isoformat(timespec="seconds") if when else ""
    digest = blake2b(f"{at}\x1f{prompt}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    messages = [Message("user", prompt, when)]
    if answer.strip():
        messages.append(Message("assistant", answer, when))
    return Session(f"gemini-{digest}", None, messages, {}, place)


READER = GeminiTakeoutReader()
