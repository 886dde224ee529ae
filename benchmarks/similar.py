"""Does `similar` find the sessions that are about the same, and better than counting words that both have?

    python -m benchmarks.similar DATA_DIR

DATA_DIR holds ``session_LANG.dev.jsonl`` and ``dialogsum_LANG.dev.jsonl``: every long session is five of the dialogues
in a row (``parts``). A dialogue is asked about, a long session that holds it is the answer (it can be in several): the
share of them at the first place and among the first ten, and the mean of 1/place. The peer ranks by the plain share
of words that both summaries have.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.similar import similar
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage

ASKED = 10


def rows(path: Path) -> list[dict[str, Any]]:
    """The dialogues of a set."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def native(row: dict[str, Any]) -> str:
    """A dialogue in the native format."""
    messages = [
        {"role": "user", "name": each.get("speaker") or each["role"], "content": each["content"]}
        for each in row["messages"]
    ]
    return json.dumps({"session_id": row["id"], "user_id": "somebody", "messages": messages}, ensure_ascii=False)


def by_words(storage: SessionSummaryStorage, asked: str) -> list[str]:
    """The peer: sessions by the Jaccard index of the words of their summaries."""
    words = {each.session_id: set(each.summary.lower().split()) for each in storage.list_recent(100_000)}
    own = words.pop(asked)
    return sorted(words, key=lambda other: len(own & words[other]) / len(own | words[other]), reverse=True)[:ASKED]


def judge(name: str, places: list[int | None]) -> None:
    """Prints a line of figures."""
    found = [place for place in places if place is not None]
    first = sum(place == 0 for place in found) / len(places)
    mean = statistics.fmean(0 if place is None else 1 / (place + 1) for place in places)
    print(f"{name:24s} first {first:6.1%}   among {ASKED} {len(found) / len(places):6.1%}   mean 1/place {mean:.3f}")


def main() -> None:
    """Measure and print, per language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    for language in ("ko", "en"):
        long = rows(data / f"session_{language}.dev.jsonl")
        short = rows(data / f"dialogsum_{language}.dev.jsonl")
        with tempfile.TemporaryDirectory() as work:
            source = Path(work) / "all.jsonl"
            source.write_text("\n".join(map(native, [*long, *short])) + "\n")
            with SessionSummaryStorage(Path(work) / "store") as storage:
                ingest(storage, IngestRequest([source]), Silent())
                ours: list[int | None] = []
                peers: list[int | None] = []
                for whole in long:
                    for part in whole["parts"]:
                        found = [each.record.session_id for each in similar(storage, part, ASKED)]
                        ours.append(found.index(whole["id"]) if whole["id"] in found else None)
                        found = by_words(storage, part)
                        peers.append(found.index(whole["id"]) if whole["id"] in found else None)
        judge(f"{language}: similar", ours)
        judge(f"{language}: equal words", peers)


if __name__ == "__main__":
    main()
