"""Which archives are kept, by the calendar?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple


class Rules(NamedTuple):
    """How many archives are kept: the ``last`` ones, and the newest of so many days, weeks and months that have any.

    0 keeps none by that rule. An archive that any rule keeps is kept; without rules all are.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0


_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "daily": lambda moment: (moment.year, moment.month, moment.day),
    "weekly": lambda moment: tuple(moment.isocalendar()[:2]),  # ISO 8601: from Monday, the year is the week's own
    "monthly": lambda moment: (moment.year, moment.month),
}


def reasons_to_keep(made: Sequence[datetime], rules: Rules, tz: tzinfo | None, now: datetime) -> list[list[str]]:
    """For each archive, by when it was made (aware), the names of the rules that keep it; none: it may go.

    Days, weeks and months are those of ``tz`` (None: local). The newest is always kept. One that says it was made
    after ``now`` comes from a clock that was wrong: it is kept and takes nobody's place.
    """
    if not any(rules):
        return [["all"] for _ in made]
    reasons: list[list[str]] = [["future"] if moment > now else [] for moment in made]
    order = sorted((at for at, moment in enumerate(made) if moment <= now), key=lambda at: made[at], reverse=True)
    for at in order[: max(1, rules.last)]:
        reasons[at].append("last" if rules.last else "newest")
    for name, period_of in _PERIODS.items():
        seen = set[tuple[int, ...]]()
        for at in order:
            period = period_of(made[at].astimezone(tz))
            if period not in seen and len(seen) < getattr(rules, name):
                seen.add(period)
                reasons[at].append(name)
    return reasons
