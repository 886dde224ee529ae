"""What is asked for?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ion_summary.errors import UsageError
from ion_summary.text.terms import Term, parse_terms

Sort = Literal["relevance", "newest", "oldest"]


@dataclass(frozen=True)
class Query:
    """What is asked for. ``since_ms`` and ``until_ms`` are inclusive, in epoch milliseconds; all parts must hold.

    ``sort`` ``relevance`` is ``newest`` where there is no text to be relevant to. A ``limit`` or an ``offset`` below 0
    raises UsageError.
    """

    text: str | None = None
    user: str | None = None
    type: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    source: str | None = None
    tag: str | None = None
    session: str | None = None
    limit: int = 20
    offset: int = 0
    sort: Sort = "relevance"

    def __post_init__(self) -> None:
        least = min(self.limit, self.offset)
        if least < 0:
            raise UsageError(reason=f"a limit or an offset of {least}", accepted="0 or more")

    @cached_property
    def terms(self) -> list[Term]:
        """What the text asks for."""
        return parse_terms(self.text) if self.text else []
