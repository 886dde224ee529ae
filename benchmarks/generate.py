"""How are any number of realistic sessions made, the same ones every time?

    python -m benchmarks.generate --sessions 100000 --files 1000 --out benchmarks/data/100k

Session ``i`` depends on the seed and ``i`` alone: the first 2,000 of a million are the 2,000 of a small run. Half of
them are Korean, half English; support 50 %, questions to an assistant 30 %, meetings 20 %; 6 to 14 messages, about
2.2 KB of JSON. Nouns follow Zipf's law (the word of rank r is drawn with a weight of 1/(r+2)), a session keeps to two
subjects; one noun in six is a made-up name from a tail of tens of thousands.

What can be searched for, and how many sessions ask about it (in the request, so that the summary holds it):
환불 or "refund": 0.5 % of all sessions each (환불 half of the time inside an eojeol such as 전액환불); 양피지 and
"parchment": 1 in 50,000 each; 주문 and "order" are the most common nouns; 청룡열차표 and "xylograph" never occur.

Users: ``user-000000`` has 9 % of all sessions (90,000 of a million); the others follow ``200000 ** u`` for uniform u,
which leaves a long tail of people with one session.

Times: with ``--order time`` (a log as it was written) 1,000 sessions a day from 2025-01-01 unless ``--per-day`` says
otherwise; with ``--order scattered`` (an archive sorted by something else) each on any of 365 days.

``--store`` writes a store instead: records in partitions, without transcripts and without passing through ``ingest``,
on all cores: the quick way to a store of ten million.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import orjson

from benchmarks import vocabulary as v

START = datetime(2025, 1, 1, tzinfo=UTC)
HEAVY_USER = "user-000000"
_WEIGHTS = list(accumulate(1 / (rank + 3) for rank in range(len(v.NOUNS))))
_KO = [korean for korean, _ in v.NOUNS]
_EN = [english for _, english in v.NOUNS]
_PARTICLE = re.compile(r"(.)(을/를|은/는|이/가|와/과|\(으\)로)")
_FORMS = {"을/를": ("을", "를"), "은/는": ("은", "는"), "이/가": ("이", "가"), "와/과": ("과", "와")}


def _particle(match: re.Match[str]) -> str:
    """The form of a Korean particle after this syllable: 주문을, 배송을, 계좌를, 서울로."""
    final = (ord(match[1]) - 0xAC00) % 28 if "가" <= match[1] <= "힣" else 0
    if match[2] == "(으)로":
        return match[1] + ("으로" if final not in (0, 8) else "로")
    return match[1] + _FORMS[match[2]][0 if final else 1]


def _fill(template: str, draw: random.Random, korean: bool, subject: list[str], other: str) -> str:
    values = {"a": subject[0], "b": subject[1], "c": other, "n": 2 + int(29 * draw.random())}
    if "{code}" in template:
        values["code"] = f"{'ABCDEFGH'[int(8 * draw.random())]}{10_000 + int(90_000 * draw.random())}"
    if "{who}" in template:
        values["who"] = draw.choice(v.PEOPLE_KO if korean else v.PEOPLE_EN)
    text = template.format_map(values)
    return _PARTICLE.sub(_particle, text) if korean else text


def _made_up(draw: random.Random, korean: bool) -> str:
    syllables = list(v.SYLLABLES_KO) if korean else v.SYLLABLES_EN
    name = "".join(syllables[int(len(syllables) * draw.random() ** 2)] for _ in range(3))
    return name if korean else name.capitalize()


def _probe(number: int, draw: random.Random, korean: bool) -> str | None:
    """The word that this session must ask about, if it is one of those that a benchmark searches for."""
    if number % 25_000 == (77 if korean else 78):
        return v.PROBES["rare"][0 if korean else 1]
    if draw.random() < 0.01:
        return draw.choice(v.REFUND_KO) if korean else "refund"
    return None


def session(number: int, seed: int = 1, per_day: int = 1000, order: str = "time") -> dict[str, Any]:
    """Session ``number`` (from 0) in the native transcript format."""
    draw = random.Random(f"{seed}/{number}")
    plan = _Plan(number, draw)
    day = number // per_day if order == "time" else draw.randrange(365)
    at = START + timedelta(days=day, seconds=draw.randrange(8 * 3600, 20 * 3600))
    messages: list[dict[str, Any]] = []
    for place in range(plan.count):
        role, name = plan.speaker(place, draw)
        at += timedelta(seconds=draw.randint(5, 240))
        message = {"role": role, "content": plan.text(place, role, draw), "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        messages.append(message | ({"name": name} if name else {}))
    return {
        "session_id": f"s-{number:08d}",
        "user_id": plan.user,
        "messages": messages,
        "metadata": {"title": plan.title, "source": plan.kind},
    }


class _Plan:
    """What a session is about and who takes part."""

    def __init__(self, number: int, draw: random.Random) -> None:
        self.korean = number % 2 == 1
        self.kind = draw.choices(["support", "assistant", "meeting"], [5, 3, 2])[0]
        self.nouns = _KO if self.korean else _EN
        drawn = draw.choices(self.nouns, cum_weights=_WEIGHTS, k=2)
        self.subject = [_probe(number, draw, self.korean) or drawn[0], drawn[1]]
        self.title = " ".join(self.subject)
        self.user = HEAVY_USER if draw.random() < 0.09 else f"user-{int(200_000 ** draw.random()):06d}"
        self.count = draw.randint(6, 14)
        self.people = draw.sample(v.PEOPLE_KO if self.korean else v.PEOPLE_EN, 4)

    def speaker(self, place: int, draw: random.Random) -> tuple[str, str | None]:
        """Role and, in meetings, name of who says message ``place``."""
        if self.kind == "meeting":
            return "user", draw.choice(self.people)
        return ("user", "assistant")[place % 2], None

    def text(self, place: int, role: str, draw: random.Random) -> str:
        """What is said: first the request, at last a greeting, one or two sentences in between."""
        language = "ko" if self.korean else "en"
        if place == 0:
            templates = [draw.choice(v.REQUEST[language])]
        elif place == self.count - 1:
            return draw.choice(v.GREETING[language])
        else:
            said = v.SAID["meeting" if self.kind == "meeting" else role][language]
            templates = draw.sample(said, 1 if draw.random() < 0.55 else 2)
        return " ".join(_fill(template, draw, self.korean, self.subject, self._other(draw)) for template in templates)

    def _other(self, draw: random.Random) -> str:
        if draw.random() < 1 / 6:
            return _made_up(draw, self.korean)
        return draw.choices(self.nouns, cum_weights=_WEIGHTS)[0]


def record(number: int, seed: int = 1, per_day: int = 1000) -> dict[str, Any]:
    """A stored record that looks like session ``number``'s: five of its messages stand for the summary."""
    draw = random.Random(f"{seed}/{number}")
    plan = _Plan(number, draw)
    speakers = [plan.speaker(place, draw) for place in range(5)]
    summary = "\n".join(f"- {name or role}: {plan.text(i, role, draw)}" for i, (role, name) in enumerate(speakers))
    at = START + timedelta(days=number // per_day, seconds=draw.randrange(8 * 3600, 20 * 3600))
    return {
        "session_id": f"s-{number:08d}",
        "user_id": plan.user,
        "summary": summary,
        "summary_type": "rule_based",
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        "message_count": plan.count,
        "summary_length": len(summary),
        "metadata": {
            "title": plan.title,
            "tags": plan.subject,
            "source": {"name": plan.kind, "format": "native", "file": "part-00000.jsonl", "place": str(number + 1)},
            "content_hash": f"{draw.getrandbits(64):016x}",
            "summarizer": {"name": "rule", "version": 1},
            "saved_at": "2026-01-01T00:00:00.000Z",
        },
    }


def shares(sessions: int, files: int) -> list[range]:
    """The numbers of each file's sessions, in order and of nearly equal count."""
    bounds = [sessions * place // files for place in range(files + 1)]
    return [range(low, high) for low, high in pairwise(bounds)]


def _write_file(path: Path, numbers: range, seed: int, per_day: int, order: str) -> int:
    with path.open("wb") as out:
        for number in numbers:
            out.write(orjson.dumps(session(number, seed, per_day, order)) + b"\n")
        return out.tell()


def write_transcripts(
    out: Path, sessions: int, files: int = 1, seed: int = 1, per_day: int = 1000, order: str = "time", first: int = 0
) -> int:
    """Write ``sessions`` sessions, numbered from ``first``, as ``files`` JSON Lines files. Returns their bytes."""
    out.mkdir(parents=True, exist_ok=True)
    parts = [range(part.start + first, part.stop + first) for part in shares(sessions, files)]
    paths = [out / f"part-{place:05d}.jsonl" for place in range(files)]
    if sessions < 5000:
        return sum(_write_file(path, part, seed, per_day, order) for path, part in zip(paths, parts, strict=True))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        same: list[Iterable[Any]] = [[value] * files for value in (seed, per_day, order)]
        return sum(pool.map(_write_file, paths, parts, *same, chunksize=max(1, files // 64)))


def _write_days(out: Path, days: range, sessions: int, seed: int, per_day: int) -> int:
    from ion_summary.store import layout, partition

    written = 0
    for day in days:
        path = layout.records_path(out, START.toordinal() + day)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("wb") as file:
            for number in range(day * per_day, min(sessions, (day + 1) * per_day)):
                written += file.write(partition.encode(record(number, seed, per_day)))
    return written


def write_store(out: Path, sessions: int, seed: int = 1, per_day: int = 1000) -> int:
    """Write a store's partitions with ``sessions`` records; ``reindex`` makes the index. Returns their bytes."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    days = -(-sessions // per_day)
    parts = shares(days, max(1, min(days, 64)))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(_write_days, out, part, sessions, seed, per_day) for part in parts]
        return sum(job.result() for job in jobs)


def written(path: Path, size: int, pieces: Iterable[bytes], before: bytes = b"", after: bytes = b"") -> int:
    """Writes ``pieces`` between ``before`` and ``after`` until the file has ``size`` bytes; returns how many pieces."""
    count = 0
    with path.open("wb", buffering=1 << 20) as file:
        at = file.write(before)
        for piece in pieces:
            at += file.write(piece)
            count += 1
            if at >= size:
                break
        file.write(after)
    return count


def main() -> None:
    """Read the options, write, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-day", type=int, default=1000)
    parser.add_argument("--order", choices=["time", "scattered"], default="time")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--store", action="store_true", help="write a store's partitions instead of transcripts")
    options = parser.parse_args()
    began = time.perf_counter()
    if options.store:
        written = write_store(options.out, options.sessions, options.seed, options.per_day)
    else:
        written = write_transcripts(
            options.out, options.sessions, options.files, options.seed, options.per_day, options.order
        )
    took = time.perf_counter() - began
    print(
        f"{options.sessions} sessions, {written / 1e6:.1f} MB ({written / max(1, options.sessions):.0f} bytes each), "
        f"{options.sessions / took:.0f} sessions/s",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
