"""How much does each feature of a sentence count? The only fitted numbers of the rule summarizer.

Fitted with ``python benchmarks/summarizer_fit.py DATA_DIR --limit 150 --passes 2 --proof 1.2``, then rounded. What no
set covers (code, tool output, exact values, open questions) was set by the tuned half of ``benchmarks/needed_facts``.
"""

from __future__ import annotations

# What one new term adds: its class times log(1 + sentences of the session that have it) ** 1.5.
TERM = {"common": 0.5, "plain": 1.0, "rare": 1.1, "name": 1.4, "number": 0.6, "fact": 1.5}
SHARED = 1.2  # a term that more than one speaker has used
REPEATED = 0.2  # what is left of a term's worth once it is in the summary
BASE = 0.6  # worth of a sentence beyond its terms
LENGTH = 0.72  # a sentence's worth is divided by its length to this power
PADDING = 12  # characters added to the length first

# A sentence's worth is multiplied by the factor of every feature it has.
FACTOR = {
    "opening": 2.12,
    "topic": 1.5,
    "question": 0.9,
    "answer": 1.2,
    "request": 1.2,
    "commit": 1.15,
    "problem": 1.15,
    "decide": 1.05,
    "cause": 1.0,
    "doubt": 0.95,
    "thanks": 0.75,
    "first": 1.0,
    "second": 0.9,
    "negation": 1.05,
    "time": 1.05,
    "number": 1.0,
    "fact": 1.1,
    "name": 1.05,
    "code": 1.1,
    "lead": 1.05,
    "late": 0.95,
    "user": 0.9,
    "assistant": 1.0,
    "system": 0.3,
    "tool": 0.4,
    "short": 0.6,
    "long": 1.0,
    "fragment": 0.9,
    "reply": 1.0,
    "early": 1.0,
    "soon": 1.0,
    "novel": 1.0,
    "rich": 1.0,
    "dangling": 0.9,
    "exclaim": 0.8,
    "dense": 1.0,
    "thin": 1.1,
    "wh": 1.0,
    "intent": 1.15,
}
CLOSING = 1.1  # the last turns so far
JOIN = 1.1  # a sentence that joins a bullet: the same turn, or the reply to it
SLACK = 0.3  # how much less the length matters per e-fold of room for a bullet over 60 characters
EXACT = 1.5  # a sentence with an exact value or code, where there is room for 600 characters; less so in less room
OPEN = 1.5  # the question that nobody has answered
