"""What do tokens cost, by a dated table that a user can override?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ion_summary.errors import ConfigurationError
from ion_summary.model import Usage

_MILLION = 1_000_000
_FIELDS = ("input", "output", "cached", "batch_input", "batch_output")
# What a provider appends to a model's name without another price: -001, -preview-09-2026, -latest.
_VARIANT = r"(?:-(?:\d{3}|latest|exp|preview)(?:-[\w.-]+)?)?"


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars per million tokens, until the end of the day ``until`` (None: for good)."""

    input: float
    output: float
    cached: float
    batch_input: float
    batch_output: float
    until: date | None = None

    def cost(self, usage: Usage, *, batch: bool = False) -> float:
        """US dollars for ``usage``. In a batch, what was cached is not taken off: only the half price is certain."""
        if batch:
            return (usage.input * self.batch_input + usage.output * self.batch_output) / _MILLION
        fresh = usage.input - usage.cached
        return (fresh * self.input + usage.cached * self.cached + usage.output * self.output) / _MILLION


class Prices:
    """The price table. ``date`` is the day on which the packaged part of it was checked."""

    def __init__(self, rates: Mapping[str, Sequence[Rate]], checked: date) -> None:
        self.date = checked
        self._rates = dict(rates)
        self._of_day: dict[tuple[str, date], Rate] = {}
        self._named = re.compile(f"({'|'.join(map(re.escape, rates))}){_VARIANT}")

    @property
    def models(self) -> list[str]:
        """The models whose prices are known."""
        return list(self._rates)

    def knows(self, model: str) -> bool:
        """Whether the table holds ``model``; what is not in it is billed as the dearest that is."""
        return self._name(model) is not None

    def rate(self, model: str, day: date | None = None) -> Rate:
        """The rate of ``model`` on ``day`` (default: today, UTC); that of the dearest model if it is not known."""
        day = day or datetime.now(UTC).date()
        known = self._of_day.get((model, day))
        if known is None:
            known = self._of_day[model, day] = self._rate(model, day)
        return known

    def cost(self, usage: Usage, model: str, batch: bool = False, day: date | None = None) -> float:
        """US dollars for ``usage`` of ``model``, as the provider calls it (``response.model_version``)."""
        return self.rate(model, day).cost(usage, batch=batch)

    def _rate(self, model: str, day: date) -> Rate:
        name = self._name(model)
        if name is not None:
            return _on(self._rates[name], day)
        return max((_on(rates, day) for rates in self._rates.values()), key=lambda rate: (rate.output, rate.input))

    def _name(self, model: str) -> str | None:
        found = self._named.fullmatch(model.removeprefix("models/"))
        return found[1] if found else None


def load(override: Path | None = None) -> Prices:
    """The packaged table, with the models of the file ``override`` added or replaced.

    Raises ConfigurationError, naming the file, if ``override`` cannot be read or is no such table.
    """
    from importlib.resources import files

    packaged = _parse(files(__package__).joinpath("prices.toml").read_bytes(), "prices.toml")
    rates, checked = _rates(packaged, "prices.toml"), packaged["date"]
    if override is not None:
        try:
            raw = override.read_bytes()
        except OSError as error:
            raise ConfigurationError(origin=override, reason=f"cannot be read: {error.strerror}") from error
        rates |= _rates(_parse(raw, override), override)
    return Prices(rates, checked)


def _on(rates: Sequence[Rate], day: date) -> Rate:
    return next((rate for rate in rates if rate.until is None or day <= rate.until), rates[-1])


def _parse(raw: bytes, origin: object) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(origin=origin, reason=f"is not TOML: {error}") from error


def _rates(table: Mapping[str, Any], origin: object) -> dict[str, list[Rate]]:
    models = table.get("models")
    if not isinstance(models, dict):
        raise ConfigurationError(origin=origin, reason='has no table [[models."NAME"]]')
    found: dict[str, list[Rate]] = {}
    for name, entries in models.items():
        listed = entries if isinstance(entries, list) else [entries]
        found[name] = [_rate(entry, f"models.{name}", origin) for entry in listed]
        found[name].sort(key=lambda rate: rate.until or date.max)
        if not found[name]:
            raise ConfigurationError(origin=origin, reason=f"models.{name}: holds no price")
    return found


def _rate(entry: Any, where: str, origin: object) -> Rate:
    if not isinstance(entry, dict):
        raise ConfigurationError(origin=origin, reason=f"{where}: must be a table")
    for field in ("input", "output"):
        if field not in entry:
            raise ConfigurationError(origin=origin, reason=f"{where}: {field} is missing")
    given = {key: value for key, value in entry.items() if key != "until"}
    defaults = {"cached": "input", "batch_input": "input", "batch_output": "output"}
    values = given | {name: given[source] for name, source in defaults.items() if name not in given}
    for field, value in values.items():
        if field not in _FIELDS:
            raise ConfigurationError(origin=origin, reason=f"{where}: unknown field {field!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ConfigurationError(origin=origin, reason=f"{where}: {field} must be a number from 0, not {value!r}")
    until = entry.get("until")
    if until is not None and (not isinstance(until, date) or isinstance(until, datetime)):
        raise ConfigurationError(origin=origin, reason=f"{where}: until must be a date such as 2026-12-31")
    return Rate(until=until, **{field: float(values[field]) for field in _FIELDS})
