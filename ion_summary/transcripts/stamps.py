"""Which instant does a timestamp of a transcript mean, if it means one?"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""No chat is older, and later years are mistakes: a store partitioned by day must not follow them."""


def stamp(value: object, tz: tzinfo) -> datetime | None:
    """The aware time of ``value``: ISO 8601 text, or seconds, milli-, micro- or nanoseconds since 1970.

    Numbers may be written as text. A time without an offset is one of ``tz``. None for what is no time, or not between
    1970 and 2199.
    """
    if isinstance(value, str):
        # Digits alone are an epoch: fromisoformat would read "1712121200000" as the year 1712.
        if not value.isdecimal():
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return _loose(value, tz)
            return localised(moment, tz)
        value = int(value) if len(value) < 25 else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _epoch(value)
    return None


def localised(moment: datetime, tz: tzinfo) -> datetime | None:
    """``moment`` as an aware time, in ``tz`` if it is naive; None if its year is no year of a chat."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=tz)


def _epoch(number: float) -> datetime | None:
    if not 0 < number < 1e20:
        return None
    while number > 1e11:  # the year 5138 in seconds: it must be a smaller unit
        number /= 1000
    return localised(datetime.fromtimestamp(number, UTC), UTC)


def _loose(value: str, tz: tzinfo) -> datetime | None:
    """Slashes for dashes and a zone's name for ``Z``, as logs write them."""
    text = value.strip().replace("/", "-").removesuffix(" UTC").removesuffix(" GMT")
    if text == value:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return localised(moment, UTC if value.strip().endswith(("UTC", "GMT")) else tz)
