"""Which archives are kept, by the calendar?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo
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


# Ten years; what is kept longer is kept for ever.
_HORIZON_DAYS = 3_653


def last_day(made: Sequence[datetime], at: int, rules: Rules, tz: tzinfo | None, now: datetime) -> date | None:
    """The day of the backup that removes archive ``at``, if from ``now`` on one is made every day; None: none does."""

    def is_kept(days: int) -> bool:
        then = [now + timedelta(days=day) for day in range(days + 1)]
        return bool(reasons_to_keep([*made, *then], rules, tz, then[-1])[at])

    if is_kept(_HORIZON_DAYS):
        return None
    # Whether it is kept changes once: more archives never bring one back.
    days = bisect_left(range(_HORIZON_DAYS), True, key=lambda days: not is_kept(days))
    return (now + timedelta(days=days)).astimezone(tz).date()


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
