"""Which model is asked, with which key, within which limits? What the settings say, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ion_summary.config import Settings
from ion_summary.errors import NoApiKeyError, ProviderError
from ion_summary.jobs import counting
from ion_summary.jobs.ledger import Billed, Ledger
from ion_summary.jobs.queue import Queue
from ion_summary.model import Usage
from ion_summary.operations.recording import Recorded
from ion_summary.summarizers.llm import KEY_VARIABLES, LlmRequest, LlmSummarizer
from ion_summary.summarizers.llm.batch import GeminiBatch
from ion_summary.summarizers.llm.condense import Condensing
from ion_summary.summarizers.llm.gemini import GeminiSummarizer, fingerprint
from ion_summary.summarizers.llm.limits import Limits
from ion_summary.summarizers.llm.prices import Prices, load
from ion_summary.summarizers.llm.spending import Budget, Cap
from ion_summary.summarizers.llm.stack import stacked


@dataclass(frozen=True)
class Llm:
    """A model, ready to be asked.

    ``window`` is how many sessions are to be under way at once: more than calls, because some wait to be tried again.
    ``renew`` takes account of what others have spent of a budget of the day or the month.
    """

    summarizer: LlmSummarizer
    model: str
    prices: Prices
    window: int
    redact: bool
    renew: Callable[[], None]


@dataclass
class LlmBatch:
    """A model, ready to be asked in batches.

    ``fits`` says whether one request is enough for a session; if not, the second one depends on the answer to the
    first. ``read_caps`` says what may be spent for what, and what of it is spent, without what this process has under
    way: that is planned, by the most that it can cost.
    """

    summarizer: GeminiBatch
    fits: Callable[[LlmRequest], bool]
    model: str
    prices: Prices
    redact: bool
    read_caps: Callable[[], dict[str, Cap]]
    planned_usd: float = field(init=False, default=0.0)
    _caps: dict[str, Cap] = field(init=False, default_factory=dict)

    def renew(self, under_way: Iterable[LlmRequest]) -> None:
        """Takes account of what is spent by now. Nothing but the requests ``under_way`` is planned any more."""
        self._caps = self.read_caps()
        self.planned_usd = sum(self.cost(self.summarizer.ceiling(request)) for request in under_way)

    def cost(self, usage: Usage) -> float:
        """US dollars for usage in a batch."""
        return self.prices.cost(usage, self.model, batch=True)

    def billed(self, error: ProviderError) -> Billed:
        """What a failure has cost."""
        usage = error.usage
        return Billed(error.model or self.model, usage.input, usage.output, usage.cached, error.cost_usd)

    def plan(self, request: LlmRequest) -> str:
        """Counts what a request may cost at most; what speaks against it, "" if nothing does."""
        usd = self.cost(self.summarizer.ceiling(request))
        for name, cap in self._caps.items():
            planned = cap.spent_usd + self.planned_usd
            if planned + usd > cap.limit_usd:
                return f"${planned:.4f} of ${cap.limit_usd:.4f} for {name} are spent or planned"
        self.planned_usd += usd
        return ""


def require_key(settings: Settings) -> str:
    """The key for the provider. Raises NoApiKeyError that names the variables it is read from."""
    if not settings.api_key:
        raise NoApiKeyError(variables=" nor ".join(KEY_VARIABLES))
    return settings.api_key


def make_llm(settings: Settings, queue: Queue) -> Llm:
    """The model of the settings; its calls stand in the queue's ledger.

    Raises NoApiKeyError, ConfigurationError (price table), UsageError (limits).
    """
    ledger = Ledger(queue)
    budget = Budget(settings.max_cost)
    budget.settle(0.0, ledger.spent_in_this_run())  # what batches of the same run have cost

    def renew() -> None:
        day = None if settings.budget_day is None else Cap(settings.budget_day, ledger.spent_today())
        month = None if settings.budget_month is None else Cap(settings.budget_month, ledger.spent_this_month())
        budget.renew(day, month)

    renew()
    prices = load_prices(settings)
    recorded = Recorded(_gemini(settings, prices), settings.model, queue, prices.cost)
    return _llm(settings, recorded, prices, budget, renew)


def make_batch(settings: Settings, queue: Queue) -> LlmBatch:
    """The model of the settings, asked in batches. Raises as ``make_llm``."""
    ledger = Ledger(queue)
    prices = load_prices(settings)

    def read_caps() -> dict[str, Cap]:
        caps = {
            "this run": (settings.max_cost, ledger.spent_in_this_run()),
            "today": (settings.budget_day, ledger.spent_today()),
            "this month": (settings.budget_month, ledger.spent_this_month()),
        }
        return {name: Cap(limit, spent) for name, (limit, spent) in caps.items() if limit is not None}

    gemini = _gemini(settings, prices)
    return LlmBatch(GeminiBatch(gemini), Condensing(gemini).fits, settings.model, prices, settings.redact, read_caps)


def make_unrecorded(settings: Settings, root: Path) -> Llm:
    """The same for a run that leaves nothing behind; the store at ``root`` says what is spent already.

    Raises as ``make_llm``.
    """
    today, month = counting.spent(root)
    caps = [
        None if limit is None else Cap(limit, spent)
        for limit, spent in ((settings.budget_day, today), (settings.budget_month, month))
    ]
    prices = load_prices(settings)
    return _llm(settings, _gemini(settings, prices), prices, Budget(settings.max_cost, *caps), lambda: None)


def fingerprint_of(settings: Settings) -> str:
    """What tells whether an answer to the same question could be another one; needs no key."""
    return fingerprint(settings.model)


def make_estimator(settings: Settings) -> LlmSummarizer:
    """What estimates as the model of the settings would be asked, without a key and without asking."""
    return Condensing(GeminiSummarizer("none", settings.model, prices=load_prices(settings)))


def load_prices(settings: Settings) -> Prices:
    """The price table. Raises ConfigurationError."""
    return load(Path(settings.prices).expanduser() if settings.prices else None)


def _gemini(settings: Settings, prices: Prices) -> GeminiSummarizer:
    return GeminiSummarizer(
        require_key(settings),
        settings.model,
        base_url=settings.base_url,
        timeout_s=settings.timeout,
        prices=prices,
    )


def _llm(settings: Settings, inner: LlmSummarizer, prices: Prices, budget: Budget, renew: Callable[[], None]) -> Llm:
    limits = Limits(settings.concurrency, settings.rpm, settings.tpm)
    summarizer: Condensing = stacked(inner, settings.model, limits=limits, budget=budget, prices=prices)
    return Llm(summarizer, settings.model, prices, 2 * settings.concurrency + 8, settings.redact, renew)
