"""Which weights make the best summaries? Fits ``ion_summary/summarizers/weights.py`` on development sets.

    python benchmarks/summarizer_fit.py DATA_DIR --folds 2     # does it carry over to other dialogues?
    python benchmarks/summarizer_fit.py DATA_DIR > fitted.json # the table

Coordinate search: one weight after the other is made a step larger or smaller; that is kept only if the
mean over the sets gains more than ``--proof`` standard errors of the paired differences: chance sets no weights.
The aim is ROUGE-1 + ROUGE-2 F1 at the references' length plus half of both recalls at 6x600.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from pathlib import Path
from typing import Any

from quality_rouge import REFERENCE_BUDGETS, References, read_set

from ion_summary.summarizers import candidates, vocabulary, weights
from ion_summary.summarizers.rule import RunningSummary

SCALARS = ("SHARED", "REPEATED", "BASE", "LENGTH", "PADDING", "CLOSING", "JOIN", "SLACK")
FIXED = {"plain", "system", "tool", "code", "fact"}  # the unit, what no set covers, and what the needed facts set
Weight = tuple[str, str]
Values = dict[str, list[float]]  # per set, one value per dialogue


class Dialogue:
    """One dialogue, heard once; only the weighing is done again."""

    def __init__(self, row: dict[str, Any], name: str) -> None:
        self.references = References(row)
        self.budget = REFERENCE_BUDGETS[name]
        self.running = RunningSummary()
        for message in row["messages"]:
            self.running.add(message)

    def reweigh(self) -> None:
        known, pool = self.running._vocabulary, self.running._pool
        for term in known.terms.values():
            term[vocabulary.WORTH] = vocabulary.worth_of(term)
        known.let_go(sentence.terms for sentence in pool)
        known.hold(sentence.terms for sentence in pool)
        for sentence in pool:
            sentence.factor = candidates.factor_of(sentence.features)
        self.running._frame = None

    def value(self) -> float:
        tight = self.references.score(self.running.summary(*self.budget))
        roomy = self.references.score(self.running.summary(6, 600))
        return tight[0] + tight[1] + 0.5 * (roomy[2] + roomy[3])


Sets = dict[str, list[Dialogue]]


def reweigh(sets: Sets) -> None:
    vocabulary.load_weights()
    candidates.factors.clear()
    for dialogues in sets.values():
        for dialogue in dialogues:
            dialogue.reweigh()


def measure(sets: Sets) -> Values:
    return {name: [dialogue.value() for dialogue in dialogues] for name, dialogues in sets.items()}


def mean(values: Values) -> float:
    return statistics.fmean(statistics.fmean(of_set) for of_set in values.values())


def gain(new: Values, old: Values) -> tuple[float, float]:
    """``(mean gain over the sets, in standard errors)``."""
    means, variance = [], 0.0
    for name, values in new.items():
        differences = [a - b for a, b in zip(values, old[name], strict=True)]
        means.append(statistics.fmean(differences))
        variance += statistics.variance(differences) / len(differences)
    total = statistics.fmean(means)
    error = variance**0.5 / len(means)
    return total, total / error if error else 0.0


def all_weights() -> list[Weight]:
    names = [("TERM", n) for n in weights.TERM] + [("", n) for n in SCALARS] + [("FACTOR", n) for n in weights.FACTOR]
    return [weight for weight in names if weight[1] not in FIXED]


def get(weight: Weight) -> float:
    table, name = weight
    return float(getattr(weights, table)[name] if table else getattr(weights, name))


def put(weight: Weight, value: float) -> None:
    table, name = weight
    if table:
        getattr(weights, table)[name] = value
    else:
        setattr(weights, name, value)


def moved(weight: Weight, step: float, direction: int) -> float:
    value = get(weight)
    if weight[1] in ("LENGTH", "SLACK", "REPEATED"):
        return max(0.0, round(value + (step - 1) * 0.4 * direction, 3))
    return round(value * step**direction, 3)


def fit(sets: Sets, passes: int, proof: float, seed: int) -> float:
    chance = random.Random(seed)
    order = all_weights()
    step = dict.fromkeys(order, 1.25)
    lean = dict.fromkeys(order, 1)
    reweigh(sets)
    best = measure(sets)
    for number in range(passes):
        chance.shuffle(order)
        changed = 0
        for weight in order:
            if step[weight] < 1.06:
                continue
            old = get(weight)
            for direction in (lean[weight], -lean[weight]):
                put(weight, moved(weight, step[weight], direction))
                reweigh(sets)
                values = measure(sets)
                if gain(values, best)[1] > proof:
                    best, lean[weight] = values, direction
                    changed += 1
                    break
                put(weight, old)
            else:
                step[weight] = 1 + (step[weight] - 1) * 0.5
        reweigh(sets)
        print(f"pass {number + 1}: {mean(best):.3f}, {changed} weights moved", file=sys.stderr, flush=True)
        if not changed:
            break
    return mean(best)


def table() -> dict[str, Any]:
    return {"TERM": dict(weights.TERM), **{n: getattr(weights, n) for n in SCALARS}, "FACTOR": dict(weights.FACTOR)}


def restore(state: dict[str, Any]) -> None:
    for name, value in state.items():
        setattr(weights, name, dict(value) if isinstance(value, dict) else value)
    candidates.FACTOR = weights.FACTOR  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--proof", type=float, default=1.0)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--limit", type=int, default=200, help="dialogues of each set")
    options = parser.parse_args()
    RunningSummary.pool_size = 64
    sets: Sets = {}
    for path in sorted(options.data.glob("*.dev.jsonl")):
        name = path.name.split(".")[0]
        sets[name] = [Dialogue(row, name) for row in read_set(path, options.limit)]
    start = table()
    for fold in range(options.folds):
        restore(start)
        seen = {name: [d for i, d in enumerate(ds) if i % options.folds != fold] for name, ds in sets.items()}
        unseen = {name: [d for i, d in enumerate(ds) if i % options.folds == fold] for name, ds in sets.items()}
        reweigh(unseen)
        before = measure(unseen)
        fit(seen, options.passes, options.proof, fold)
        reweigh(unseen)
        print(
            "fold {}, dialogues not fitted on: gain {:.3f}, {:.1f} standard errors".format(
                fold, *gain(measure(unseen), before)
            ),
            file=sys.stderr,
            flush=True,
        )
    if not options.folds:
        fit(sets, options.passes, options.proof, 0)
        json.dump(table(), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
