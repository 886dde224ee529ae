"""What do exports of people's chat rooms look like, of any size? The conversations are those of ``exports``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks import generate

_DIFFERENT = 300
_A_DAY = 60
"""Conversations of a day, so that a gigabyte is a room of decades and not of millennia."""
_FIRST = datetime(2014, 1, 1, tzinfo=UTC)
_NAMES = ("김철수", "이영희", "Anna Lee", "박 과장")


class _Said(NamedTuple):
    when: datetime
    name: str
    text: str


@cache
def _talks() -> list[list[str]]:
    return [[each["content"] for each in generate.session(number)["messages"]] for number in range(_DIFFERENT)]


def _day(number: int) -> list[_Said]:
    """What was said on the day of that number."""
    talks = itertools.chain(*(_talks()[(number * _A_DAY + n) % _DIFFERENT] for n in range(_A_DAY)))
    start = _FIRST + timedelta(days=number)
    return [_Said(start + timedelta(seconds=30 * place), _NAMES[place % 4], text) for place, text in enumerate(talks)]


def _lines(path: Path, size: int, line: Callable[[_Said], str], before: str = "", day: str = "") -> int:
    days = (f"{_FIRST + timedelta(days=n):{day}}" + "".join(map(line, _day(n))) for n in itertools.count())
    return generate.written(path, size, (each.encode() for each in days), before.encode())


def _values(
    path: Path, size: int, value: Callable[[_Said], Any], before: bytes, after: bytes, *, newest_first: bool = False
) -> int:
    def days() -> Iterator[bytes]:
        for number in range(20_000, 0, -1) if newest_first else itertools.count():
            said = _day(number)
            yield b",\n".join(orjson.dumps(value(each)) for each in (reversed(said) if newest_first else said))

    found = days()
    return generate.written(path, size, itertools.chain([next(found)], (b",\n" + day for day in found)), before, after)


def kakaotalk(path: Path, size: int) -> int:
    before = "벤치마크 님과 카카오톡 대화\n저장한 날짜 : 2026-01-20 18:22:05\n\n"
    day = "--------------- %Y년 %-m월 %-d일 월요일 ---------------\n"
    half = {0: "오전", 1: "오후"}
    return _lines(
        path, size,
        lambda said: f"[{said.name}] [{half[said.when.hour // 12]} {said.when:%-I:%M}] {said.text}\n", before, day,
    )  # fmt: skip


def whatsapp(path: Path, size: int) -> int:
    return _lines(path, size, lambda said: f"[{said.when:%d/%m/%Y, %H:%M:%S}] {said.name}: {said.text}\n")


def captions(path: Path, size: int) -> int:
    """One meeting without an end."""
    places = itertools.count()

    def cue(said: _Said) -> str:
        at = next(places) * 5
        clock = f"{at // 3600 % 1000:02}:{at // 60 % 60:02}:{at % 60:02}"
        return f"{clock}.000 --> {clock}.900\n<v {said.name}>{said.text}</v>\n\n"

    _lines(path, size, cue, "WEBVTT\n\n")
    return 1


def slack(path: Path, size: int) -> int:
    def value(said: _Said) -> dict[str, Any]:
        profile = {"real_name": said.name, "display_name": said.name}
        ts = f"{said.when.timestamp():.0f}.000100"
        return {"type": "message", "user": "U1", "text": said.text, "ts": ts, "team": "T1", "user_profile": profile}

    return _values(path, size, value, b"[", b"]")


def discord(path: Path, size: int) -> int:
    def value(said: _Said) -> dict[str, Any]:
        author = {"id": "5", "name": said.name, "discriminator": "0000", "nickname": said.name, "isBot": False}
        about = {"id": f"{said.when.timestamp():.0f}", "type": "Default", "timestamp": said.when.isoformat()}
        lists: dict[str, list[Any]] = {"attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": []}
        return {**about, "timestampEdited": None, "isPinned": False, "content": said.text, "author": author, **lists}

    room = {
        "guild": {"id": "1", "name": "g"},
        "channel": {"id": "2", "name": "c"},
        "exportedAt": "2026-01-01T00:00:00Z",
    }
    return _values(path, size, value, orjson.dumps(room)[:-1] + b',"messages":[', b"]}")


def telegram(path: Path, size: int) -> int:
    def value(said: _Said) -> dict[str, Any]:
        when = {"date": f"{said.when:%Y-%m-%dT%H:%M:%S}", "date_unixtime": f"{said.when.timestamp():.0f}"}
        text = [said.text, {"type": "link", "text": "https://t.me"}] if said.when.second else said.text
        about = {"id": 1, "type": "message", "from": said.name, "from_id": "user1", "text": text}
        return {**about, **when, "text_entities": [{"type": "plain", "text": said.text}]}

    return _values(path, size, value, b'{"name":"c","type":"private_group","id":1,"messages":[', b"]}")


def facebook(path: Path, size: int) -> int:
    def value(said: _Said) -> dict[str, Any]:
        name, text = (each.encode().decode("latin-1") for each in (said.name, said.text))
        return {"sender_name": name, "timestamp_ms": int(said.when.timestamp() * 1000), "content": text}

    after = b'],"title":"c","thread_path":"inbox/c_1234567890"}'
    return _values(path, size, value, b'{"participants":[],"messages":[', after, newest_first=True)


WRITERS = {
    "slack": slack,
    "discord": discord,
    "telegram": telegram,
    "facebook": facebook,
    "kakaotalk": kakaotalk,
    "whatsapp": whatsapp,
    "captions": captions,
}
SUFFIXES = {name: ".txt" if name in ("kakaotalk", "whatsapp", "captions") else ".json" for name in WRITERS}
