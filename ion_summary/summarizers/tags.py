"""Under which topics would somebody look for this conversation?"""

from __future__ import annotations

from heapq import nsmallest

from ion_summary.summarizers.vocabulary import Term, Vocabulary

_LONGEST = 24  # characters


def tags_of(vocabulary: Vocabulary, limit: int) -> list[str]:
    """At most ``limit`` terms in readable form, those first that matter most; of equal ones, those said first."""
    ranked = nsmallest(
        limit,
        (
            (-vocabulary.worth[name] * (1 + (term.count > 1)), place, term)
            for place, (name, term) in enumerate(vocabulary.terms.items())
            if term.form and len(term.form) <= _LONGEST
        ),
    )
    found: list[Term] = [term for _, _, term in ranked]
    return [term.form for term in found]
