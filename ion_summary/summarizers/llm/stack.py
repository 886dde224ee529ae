"""Which wrappers stand around a summarizer, and in which order?

From the outside: long sessions in parts; another try; the budget; the provider's limits; no asking when it is no use.
Every single call passes all of them, and who waits between tries holds nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from ion_summary.summarizers.llm import LlmSummarizer
from ion_summary.summarizers.llm.breaker import Breaker
from ion_summary.summarizers.llm.condense import PART_TOKENS, Condensing
from ion_summary.summarizers.llm.limits import Limited, Limits
from ion_summary.summarizers.llm.prices import Prices
from ion_summary.summarizers.llm.retrying import Retrying
from ion_summary.summarizers.llm.spending import Budget, Spending

if TYPE_CHECKING:
    from pathlib import Path


def stacked(
    inner: LlmSummarizer,
    model: str,
    *,
    limits: Limits,
    budget: Budget,
    prices: Prices,
    part_tokens: int = PART_TOKENS,
    chance: Callable[[], float] = random.random,
) -> Condensing:
    """``inner``, which makes one call for a session, made fit for many sessions of any length.

    Args:
        inner: the summarizer.
        model: the model it asks, by whose price the budget is kept.
        limits: calls and tokens, all of this process's together.
        budget: what may be spent; the caller can read and renew it.
        prices: the price table.
        part_tokens: input tokens of one call.
        chance: a random number from 0 to 1.
    """
    limited = Limited(Breaker(inner), limits)
    spending = Spending(limited, budget, lambda usage: prices.cost(usage, model))
    return Condensing(Retrying(spending, chance), part_tokens)


def gemini(
    key: str,
    model: str,
    *,
    limits: Limits,
    budget: Budget,
    prices_file: Path | None = None,
    base_url: str | None = None,
    timeout_s: float | None = None,
) -> Condensing:
    """A Gemini model behind all wrappers.

    Args:
        key: the API key.
        model: such as ``gemini-2.5-flash-lite``.
        limits: calls and tokens.
        budget: what may be spent.
        prices_file: the user's own price table, which goes before the packaged one.
        base_url: another address of the API.
        timeout_s: seconds after which a call is given up; None for the default.

    Raises NoApiKeyError if ``key`` is empty, ConfigurationError for a bad price table.
    """
    from ion_summary.summarizers.llm.gemini import GeminiSummarizer
    from ion_summary.summarizers.llm.gemini_client import DEFAULT_TIMEOUT_S
    from ion_summary.summarizers.llm.prices import load

    prices = load(prices_file)
    timeout_s = DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s
    inner = GeminiSummarizer(key, model, base_url=base_url, timeout_s=timeout_s, prices=prices)
    return stacked(inner, model, limits=limits, budget=budget, prices=prices)
