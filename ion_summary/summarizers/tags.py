"""Under which topics would somebody look for this conversation?"""

from __future__ import annotations

from itertools import islice

from ion_summary.summarizers.vocabulary import COUNT, FORM, WORTH, Vocabulary

_LONGEST = 24  # characters


def tags_of(vocabulary: Vocabulary, limit: int) -> list[str]:
    """At most ``limit`` terms in readable form, those first that matter most; of equal ones, those said first."""
    ranked = sorted(
        [
            (-term[WORTH] * (2 if term[COUNT] > 1 else 1), place, term[FORM])
            for place, term in enumerate(vocabulary.terms.values())
            if term[FORM]
        ]
    )
    short = (form for _, _, form in ranked if len(form) <= _LONGEST)
    return list(dict.fromkeys(islice(short, limit + 2)))[:limit]
