"""How many of the facts that somebody needs are still in the summary?

The set is ``needed_facts/*.jsonl``, all written for this project. Every second session is held back as a check: weights
and lists are never changed with a look at it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "needed_facts"
_SPACES = re.compile(r"\s+")


def sessions() -> Iterator[tuple[bool, dict[str, Any]]]:
    """``(is held back, session)`` for every session of the set."""
    for path in sorted(HERE.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            yield number % 2 == 1, json.loads(line)


def missing(summary: str, facts: list[str]) -> list[str]:
    """The facts of which no wording is in ``summary``; case and white space do not count."""
    said = _SPACES.sub("", summary).lower()
    return [f for f in facts if not any(_SPACES.sub("", wording).lower() in said for wording in f.split("|"))]


def kept(
    summarize: Callable[[list[dict[str, Any]], int, int], str], max_bullets: int, max_chars: int
) -> dict[tuple[str, str, str], tuple[int, int]]:
    """``(facts kept, all facts)`` by ``(part, kind, language)``; the parts are ``tuned`` and ``check``."""
    counts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for is_check, session in sessions():
        lost = missing(summarize(session["messages"], max_bullets, max_chars), session["facts"])
        count = counts["check" if is_check else "tuned", session["kind"], session["lang"]]
        count[0] += len(session["facts"]) - len(lost)
        count[1] += len(session["facts"])
    return {key: (have, of) for key, (have, of) in sorted(counts.items())}
