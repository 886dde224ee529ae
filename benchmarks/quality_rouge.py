"""How much of the reference summaries is in a summary? ROUGE-1 and ROUGE-2, fast enough to fit weights with.

English as the package rouge-score does it (lower case, letters and digits, Porter stems of words longer than three);
Korean in overlapping pairs of syllables within each eojeol. Speaker labels are style and go before scoring.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

# Bullets and characters about as long as the references of each set.
REFERENCE_BUDGETS = {
    "tweetsumm": (3, 220), "dialogsum_en": (3, 150), "dialogsum_ko": (3, 110), "mts_dialog": (5, 450),
    "qmsum_seg": (5, 450), "qmsum": (8, 800), "session_ko": (6, 450), "session_en": (6, 600),
}  # fmt: skip
_COMMON_LABELS = set(
    "u a s q user assistant system agent customer ai bot human"
    " 사용자 고객 상담원 상담사 어시스턴트 도우미 비서 나".split()
)
_LABEL = re.compile(r"^(?:\[([^\]\n]{1,40})\]\s*:?\s*|([^:：\n]{1,40})[:：]\s*)")
_ENGLISH = re.compile(r"[a-z0-9]+")
_KOREAN = re.compile(r"[가-힣]+|[a-z0-9]+")


def read_set(path: str | Path, limit: int | None = None) -> list[dict[str, Any]]:
    """The dialogues of a JSON Lines file that have references."""
    with Path(path).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return [row for row in rows if row.get("references")][:limit]


@functools.cache
def _stem(word: str) -> str:
    if len(word) <= 3:
        return word
    return str(_porter().stem(word))


@functools.cache
def _porter() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def tokens(text: str, language: str) -> list[str]:
    """The units that are counted."""
    if language != "ko":
        return [_stem(word) for word in _ENGLISH.findall(text.lower())]
    out: list[str] = []
    for word in _KOREAN.findall(text.lower()):
        if "가" <= word[0] <= "힣" and len(word) > 1:
            out.extend(word[i : i + 2] for i in range(len(word) - 1))
        else:
            out.append(word)
    return out


def labels_of(messages: list[dict[str, Any]]) -> set[str]:
    """Every short way to name a speaker of this dialogue."""
    out = set(_COMMON_LABELS)
    for message in messages:
        for name in (message.get("speaker"), message.get("role")):
            if name:
                words = [w for w in re.split(r"[\s_.]+", name) if w]
                initials = "".join(w[0] + re.sub(r"\D", "", w) for w in words)
                out |= {name.lower(), initials.lower(), name[0].lower()}
    return out


def plain(summary: str, labels: set[str]) -> str:
    """The summary without bullet marks and speaker labels."""
    out = []
    for line in summary.split("\n"):
        line = re.sub(r"^\s*-\s+", "", line).strip()
        found = _LABEL.match(line)
        if found and (found[1] or found[2]).strip().lower() in labels:
            line = line[found.end() :]
        out.append(line)
    return "\n".join(out)


class References:
    """The references of one dialogue, counted once."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.language: str = row["lang"]
        self.labels = labels_of(row["messages"])
        self.counted = [self._count(tokens(text, self.language)) for text in row["references"]]

    @staticmethod
    def _count(units: list[str]) -> tuple[Counter[Any], Counter[Any]]:
        return Counter(units), Counter(pairwise(units))

    def score(self, summary: str) -> tuple[float, float, float, float]:
        """``(R1 F1, R2 F1, R1 recall, R2 recall)`` in percent, mean over the references."""
        mine = self._count(tokens(plain(summary, self.labels), self.language))
        sums = [0.0] * 4
        for reference in self.counted:
            for n in (0, 1):
                overlap = (mine[n] & reference[n]).total()
                recall = overlap / max(1, reference[n].total())
                precision = overlap / max(1, mine[n].total())
                sums[n] += 200 * precision * recall / (precision + recall) if overlap else 0.0
                sums[n + 2] += 100 * recall
        return tuple(s / len(self.counted) for s in sums)  # type: ignore[return-value]
