"""How good are the rule summaries, and what do they cost? All tables of ``docs/summaries.md`` in one run.

    python benchmarks/quality.py DATA_DIR [--limit 60] [--only rouge facts ablation time]

DATA_DIR holds files ``SET.dev.jsonl``, a dialogue per line: ``lang``, ``messages`` (``role`` or ``speaker``, and
``content``), ``references``.
Needs the packages rouge-score (its Porter stemmer) and, for the other methods, sumy; with kiwipiepy, the Korean figures
come by morphemes as well.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import quality_baselines as baselines
import quality_facts
import quality_rouge
from quality_rouge import REFERENCE_BUDGETS, References, read_set

from ion_summary.summarizers import candidates, selection, vocabulary, weights, words
from ion_summary.summarizers import lexicon_en as en
from ion_summary.summarizers import lexicon_ko as ko
from ion_summary.summarizers.rule import RunningSummary, digest_session, summarize

OTHERS = ("newest", "lead", "longest", "Luhn", "LexRank", "TextRank", "LSA")
ROOMY = (6, 600)
WIDE = (8, 800)
_ROUNDS = 9
Rows = dict[str, list[dict[str, Any]]]


def systems(language: str) -> Iterator[tuple[str, baselines.System]]:
    yield "ours", summarize
    for name in OTHERS:
        yield name, getattr(baselines, name) if name.islower() else baselines.sumy(name, language)


def rouge(rows: Rows) -> None:
    print("\nROUGE-1/ROUGE-2: F1 at the references' length; recall at 6x600 and at 8x800")
    print(f"{'set':13s} {'system':9s} {'F1':>13s} {'recall 6x600':>14s} {'recall 8x800':>14s}")
    sums: dict[str, list[list[float]]] = {}
    for name, dialogues in rows.items():
        language = dialogues[0]["lang"]
        references = [References(row) for row in dialogues]
        for system, run in systems(language):
            line: list[float] = []
            budgets = ((REFERENCE_BUDGETS[name], 0), (ROOMY, 2), (WIDE, 2))
            scores = [
                [
                    value
                    for budget, first in budgets
                    for value in r.score(run(row["messages"], *budget))[first : first + 2]
                ]
                for row, r in zip(dialogues, references, strict=True)
            ]
            line += [statistics.fmean(column) for column in zip(*scores, strict=True)]
            sums.setdefault(system, []).append(line)
            print(
                f"{name:13s} {system:9s} "
                + "  ".join(f"{a:6.2f}/{b:5.2f}" for a, b in zip(line[::2], line[1::2], strict=True)),
                flush=True,
            )
    for system, lines in sums.items():
        line = [statistics.fmean(column) for column in zip(*lines, strict=True)]
        print(
            f"{f'mean of {len(lines)}':13s} {system:9s} "
            + "  ".join(f"{a:6.2f}/{b:5.2f}" for a, b in zip(line[::2], line[1::2], strict=True))
        )
    if importlib.util.find_spec("kiwipiepy"):
        _by_morphemes(rows)


def _by_morphemes(rows: Rows) -> None:
    from kiwipiepy import Kiwi

    kiwi = Kiwi()
    pairs = quality_rouge.tokens
    quality_rouge.tokens = lambda text, language: (
        [t.form.lower() for t in kiwi.tokenize(text) if not t.tag.startswith("S") or t.tag in ("SL", "SN")]
        if language == "ko"
        else pairs(text, language)
    )
    print("\nKorean sets by morphemes (kiwipiepy), F1 at the references' length")
    for name, dialogues in rows.items():
        if dialogues[0]["lang"] == "ko":
            references = [References(row) for row in dialogues]
            for system, run in systems("ko"):
                scores = [
                    r.score(run(row["messages"], *REFERENCE_BUDGETS[name]))
                    for row, r in zip(dialogues, references, strict=True)
                ]
                print(
                    f"{name:13s} {system:9s} {statistics.fmean(s[0] for s in scores):6.2f}"
                    f"/{statistics.fmean(s[1] for s in scores):5.2f}",
                    flush=True,
                )
    quality_rouge.tokens = pairs


def facts() -> None:
    print("\nNeeded facts kept, percent (tuned half; check half, never looked at)")
    tables = {budget: quality_facts.kept(summarize, *budget) for budget in (WIDE, ROOMY)}
    keys = sorted({key[1:] for table in tables.values() for key in table})

    def share(budget: tuple[int, int], part: str, wanted: tuple[str, str] | None) -> str:
        counts = [v for k, v in tables[budget].items() if k[0] == part and wanted in (None, k[1:])]
        total = sum(of for _, of in counts)
        return f"{100 * sum(have for have, _ in counts) / total:5.1f}" if total else "    -"

    print(f"{'kind':18s} {'8x800':>13s} {'6x600':>13s}")
    for key in [*keys, None]:
        label = " ".join(key) if key else "all"
        print(f"{label:18s} " + "  ".join(f"{share(b, 'tuned', key)} {share(b, 'check', key)}" for b in (WIDE, ROOMY)))


@contextmanager
def patched(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """With attributes (or items of a dict) changed for a while."""
    old = []
    for owner, name, value in changes:
        if isinstance(owner, dict):
            old.append(owner[name])
            owner[name] = value
        else:
            old.append(getattr(owner, name))
            setattr(owner, name, value)
    forget()
    yield
    for (owner, name, _), value in zip(changes, old, strict=True):
        if isinstance(owner, dict):
            owner[name] = value
        else:
            setattr(owner, name, value)
    forget()


def forget() -> None:
    """Drops everything that was computed from lists and weights."""
    words.load_lists()
    words.memory.clear()
    candidates.factors.clear()
    vocabulary.load_weights()


def _neutral(*names: str) -> list[tuple[Any, str, Any]]:
    return [(weights.FACTOR, name, 1.0) for name in names]


ABLATIONS: dict[str, Callable[[], list[tuple[Any, str, Any]]]] = {
    "the list of words that carry nothing": lambda: [
        (en, "EMPTY", frozenset()), (ko, "EMPTY", frozenset()), (ko, "EMPTY_STEMS", ()),
    ],
    "the bonus for the opening and a new topic": lambda: _neutral("opening", "topic", "early", "soon"),
    "several turns in a bullet": lambda: [(selection, "MOST_REPLIES", 0)],
    "the division by length": lambda: [(selection, "length_power", lambda _: 0.0)],
    "term frequency": lambda: [(vocabulary, "_LOG", [1.0] * len(vocabulary._LOG))],
    "stripping of noise and fillers": lambda: [
        (candidates, "is_tidy", lambda _: False), (candidates, "tidy", lambda text: [(text, False)]),
        (candidates, "strip_opening", lambda text: text),
    ],
    "novelty": lambda: [(weights, "REPEATED", 1.0)],
    "terms that both sides use": lambda: [(weights, "SHARED", 1.0)],
    "cues (request, promise, problem, decision, intent)": lambda: _neutral(
        "request", "commit", "problem", "decide", "intent"
    ),
    "answers and questions": lambda: _neutral("question", "answer", "reply", "wh"),
    "names, numbers and exact values": lambda: [
        *((weights.TERM, kind, 1.0) for kind in ("name", "number", "fact", "rare")),
        *_neutral("number", "fact", "name"), (weights, "EXACT", 1.0),
    ],
}  # fmt: skip


def ablation(rows: Rows, limit: int) -> None:
    print("\nAblation: mean of the sets, F1 at the references' length (R1+R2), needed facts at 6x600")

    def measured() -> tuple[float, float]:
        of_sets = []
        for name, dialogues in rows.items():
            scores = [
                References(r).score(summarize(r["messages"], *REFERENCE_BUDGETS[name])) for r in dialogues[:limit]
            ]
            of_sets.append(statistics.fmean(s[0] + s[1] for s in scores))
        counts = quality_facts.kept(summarize, *ROOMY).values()
        return statistics.fmean(of_sets), 100 * sum(h for h, _ in counts) / sum(n for _, n in counts)

    whole = measured()
    print(f"{'everything':52s} {whole[0]:6.2f} {whole[1]:6.1f}")
    for name, changes in ABLATIONS.items():
        with patched(*changes()):
            without = measured()
        print(f"without {name:44s} {without[0] - whole[0]:+6.2f} {without[1] - whole[1]:+6.1f}", flush=True)


def _session(turns: int) -> list[dict[str, Any]]:
    """A session of that many turns out of our own sentences."""
    said = [m for _, s in quality_facts.sessions() for m in s["messages"] if s["kind"] in ("support", "assistant")]
    return [said[(7 * n) % len(said)] for n in range(turns)]


def timing() -> None:
    print(f"\nCPU time of add + summary (6x600) at every turn, ms; {_ROUNDS} rounds, as the machine changes its speed")
    spent: dict[int, list[list[float]]] = {turns: [] for turns in (10, 50, 500, 5000)}
    ratios = []
    lexrank = baselines.sumy("LexRank", "en")
    for _ in range(_ROUNDS):
        for turns, rounds in spent.items():
            rounds.append(_turns_of(turns))
        ratios.append(_lexrank_by_turn(lexrank))
    for turns, rounds in spent.items():
        medians = [statistics.median(each) for each in rounds]
        every = sorted(one for each in rounds for one in each)
        print(
            f"{turns:6d} turns: median {statistics.median(every):.3f} (of the rounds {min(medians):.3f} to "
            f"{max(medians):.3f}), p99 {every[int(0.99 * len(every))]:.3f}, longest {every[-1]:.3f}"
        )
    print(
        f"LexRank by a turn, at 49 turns: {statistics.median(ratios):.0f} (of the rounds {min(ratios):.0f} to "
        f"{max(ratios):.0f})"
    )
    sessions = [_session(10 + n)[n:] for n in range(200)]
    digest_session(sessions[0])
    begun = time.process_time()
    for each in sessions:
        digest_session(each)
    print(f"bulk: {len(sessions) / (time.process_time() - begun):.0f} sessions of 10 messages per second and core")
    _import_cost()


def _turns_of(turns: int) -> list[float]:
    """What each turn of at least 600 in sessions of ``turns`` takes, ms."""
    spent = []
    for start in range(max(1, 600 // turns)):
        running = RunningSummary()
        for message in _session(turns + start)[start:]:
            begun = time.thread_time()
            running.add(message)
            running.summary()
            spent.append(1e3 * (time.thread_time() - begun))
    return spent


def _lexrank_by_turn(lexrank: baselines.System) -> float:
    """How many turns could be had for one LexRank summary of 49 messages."""
    session = _session(49)
    running = RunningSummary()
    for message in session[:-1]:
        running.add(message)
    state = running.to_dict()

    def one_turn() -> float:
        fresh = RunningSummary.from_dict(state)
        fresh.summary()
        begun = time.thread_time()
        fresh.add(session[-1])
        fresh.summary()
        return time.thread_time() - begun

    def one_lexrank() -> float:
        begun = time.thread_time()
        lexrank(list(session), *ROOMY)
        return time.thread_time() - begun

    theirs = statistics.median(one_lexrank() for _ in range(3))
    return theirs / statistics.median(one_turn() for _ in range(50))


def _import_cost() -> None:
    probe = """
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
before = resident()
import time
begun = time.process_time()
import ion_summary.summarizers.rule
print((time.process_time() - begun) * 1e3, (resident() - before) / 1024)
"""
    runs = [
        tuple(
            map(
                float,
                subprocess.run(
                    [sys.executable, "-c", probe], capture_output=True, text=True, check=True
                ).stdout.split(),
            )
        )
        for _ in range(9)
    ]
    print(
        f"import beyond bare Python: {statistics.median(r[0] for r in runs):.1f} ms, "
        f"{statistics.median(r[1] for r in runs):.1f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, help="only so many dialogues of each set")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=("rouge", "facts", "ablation", "time"),
        default=["rouge", "facts", "ablation", "time"],
    )
    options = parser.parse_args()
    rows = {p.name.split(".")[0]: read_set(p, options.limit) for p in sorted(options.data.glob("*.dev.jsonl"))}
    if "rouge" in options.only:
        rouge(rows)
    if "facts" in options.only:
        facts()
    if "ablation" in options.only:
        ablation(rows, options.limit or 60)
    if "time" in options.only:
        timing()


if __name__ == "__main__":
    main()
