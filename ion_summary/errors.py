"""What can go wrong, what does the user read then, and with which exit code does the command end?

Every class owns its code, its text, its hint and its exit status; ``docs/errors.md`` is generated from them.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import takes longer than all of this
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ion_summary.model import Usage


class IonSummaryError(Exception):
    """The base of every error that a user can meet. ``text`` and ``hint`` are formatted with the keyword arguments."""

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    text: ClassVar[str] = "{reason}"
    hint_text: ClassVar[str] = "run again with --debug and report what it prints"

    def __init__(self, **fields: Any) -> None:
        super().__init__(self.text.format(**fields))
        self.fields = fields

    def __reduce__(self) -> tuple[Any, ...]:
        """An error passes from a worker process to the one that waits for it."""
        from copyreg import __newobj__  # type: ignore[attr-defined]

        return __newobj__, (type(self), *self.args), self.__dict__

    @property
    def message(self) -> str:
        """What happened and where, in one line."""
        return str(self)

    @property
    def hint(self) -> str:
        """What to do next, in one line."""
        return self.hint_text.format(**self.fields)


class UsageError(IonSummaryError):
    """A value on the command line or in a call that means nothing."""

    code = "usage"
    exit_code = 2
    text = "{reason}"
    hint_text = "{accepted}"


class RefusedError(IonSummaryError):
    """What is about to be destroyed looks wrong."""

    code = "refused"
    exit_code = 2
    text = "refused: {reason}"
    hint_text = "nothing was done; look at the plan with --dry-run, and give --force if it is what you want"


class ConfigurationError(IonSummaryError):
    """The settings file or an environment variable cannot be used."""

    code = "configuration"
    exit_code = 4
    text = "{origin}: {reason}"
    hint_text = "correct it, or see `ion-summary config show` for every setting and where its value comes from"


class MissingExtraError(IonSummaryError):
    """A feature needs a package that the base install leaves out."""

    code = "missing_extra"
    exit_code = 5
    text = "{feature} needs the package {package}"
    hint_text = "pip install 'ion-summary[{extra}]'"


class NothingReadableError(IonSummaryError):
    """Every input was rejected, or there was none."""

    code = "nothing_readable"
    exit_code = 6
    text = "nothing could be read: {reason}"
    hint_text = "`ion-summary ingest --explain PATH` says what each file is taken for and why"


class StoreNotFoundError(IonSummaryError):
    """There is no store where one was looked for."""

    code = "store_not_found"
    exit_code = 10
    text = "no store at {path}"
    hint_text = "make one with `ion-summary ingest PATH`, or name another with --store"


class StoreLockedError(IonSummaryError):
    """Another process writes the store."""

    code = "store_locked"
    exit_code = 11
    text = "the store {path} is being written by another process (waited {seconds:g} s)"
    hint_text = "wait for it to end, or give --lock-timeout more seconds"


class StoreCorruptError(IonSummaryError):
    """The store's bytes are not what was written."""

    code = "store_corrupt"
    exit_code = 12
    text = "{path}: {reason}"
    hint_text = "`ion-summary verify` lists every damage by file and line, and `verify --repair` saves what can be read"


class QueueCorruptError(StoreCorruptError):
    """The queue of LLM summaries is no database any more, or a broken one. Sessions and summaries are not in it."""

    code = "queue_corrupt"
    hint_text = (
        "`ion-summary verify --repair` moves it to quarantine; `summarize --pending` then queues anew what waited"
    )


class UnknownFormatError(IonSummaryError):
    """A format was named that no reader has."""

    code = "unknown_format"
    exit_code = 13
    text = "unknown input format {name!r}"
    hint_text = "known formats: {known}"


class StoreNotWritableError(IonSummaryError):
    """The disk is full, read-only, or the directory belongs to somebody else."""

    code = "store_not_writable"
    exit_code = 14
    text = "cannot write {path}: {reason}"
    hint_text = "nothing stored before is touched; make room or give write access, then run the same command again"


class StoreNotReadableError(IonSummaryError):
    """The store belongs to somebody else, who has not let this account read it."""

    code = "store_not_readable"
    exit_code = 14
    text = "this account may not read {path}"
    hint_text = "a reader needs r on every file of the store and rx on every directory, as from `chmod -R a+rX STORE`"


class SessionNotFoundError(IonSummaryError):
    """No session has that id."""

    code = "session_not_found"
    exit_code = 15
    text = "no session {session_id!r} in {path}"
    hint_text = "`ion-summary search` lists the ids"


class TranscriptNotFoundError(IonSummaryError):
    """The session's summary is stored, the session itself is not."""

    code = "transcript_not_found"
    exit_code = 15
    text = "the transcript of session {session_id!r} is not stored in {path}"
    hint_text = "it was saved without one, or ingested with --no-transcripts; ingest its file again to keep it"


class NoApiKeyError(IonSummaryError):
    """A summary by Gemini was asked for, and there is no key."""

    code = "no_api_key"
    exit_code = 20
    text = "no API key for Gemini: neither {variables} is set"
    hint_text = "set one of them (https://aistudio.google.com/apikey makes one); all but LLM summaries works without"


class ProviderError(IonSummaryError):
    """The provider did not deliver a summary. The base of every such failure, never raised itself.

    Attributes:
        reason: what happened, short, without any text of a session and without the key.
        retry_after_s: seconds that the provider asks to wait, None if it does not say.
        terminal: asking for this summary again would fail again.
        whole_run: every other call would fail as well (key, model, quota of the day, budget): a run should end.
        usage: what is billed although it failed.
        cost_usd: what that costs by the price table, in US dollars.
        perhaps_billed: it may have been billed, and nobody knows (the connection was lost before the answer).
        model: the model that billed it, "" if none did or it is not known.
        calls: how many requests were made, failed ones included.
    """

    code = "provider"
    exit_code = 22

    def __init__(
        self,
        *,
        reason: str,
        retry_after_s: float | None = None,
        terminal: bool = False,
        whole_run: bool = False,
        usage: Usage | None = None,
        cost_usd: float = 0.0,
        perhaps_billed: bool = False,
        model: str = "",
        calls: int = 1,
    ) -> None:
        from ion_summary.model import Usage

        super().__init__(reason=reason, model=model)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.terminal = terminal
        self.whole_run = whole_run
        self.usage = usage or Usage()
        self.cost_usd = cost_usd
        self.perhaps_billed = perhaps_billed
        self.model = model
        self.calls = calls


class RateLimitedError(ProviderError):
    """The provider takes no more requests for now, or for today."""

    code = "rate_limited"
    exit_code = 21
    text = "the provider's rate limit is reached: {reason}"
    hint_text = "run the same command later and it goes on from there; --rpm, --tpm and --concurrency slow it down"


class NoQuotaError(RateLimitedError):
    """The account may not use the model at all: some models are not to be had without billing."""

    code = "no_quota"
    text = "the provider grants no calls: {reason}"
    hint_text = "enable billing for the project of the key, or choose another model with --model; waiting does not help"


class OverBudgetError(ProviderError):
    """The next call could cost more than was allowed, so it was not made."""

    code = "over_budget"
    exit_code = 21
    text = "the budget is spent: {reason}"
    hint_text = "raise --max-cost, budget_day or budget_month; what was paid for is stored, and the rest stays queued"


class ProviderUnavailableError(ProviderError):
    """The provider could not be reached, broke down or took too long."""

    code = "provider_unavailable"
    exit_code = 22
    text = "the provider is unavailable: {reason}"
    hint_text = "run the same command again later; the rule-based summaries are there meanwhile"


class UnusableAnswerError(ProviderError):
    """The provider answered, and the answer is not what it was asked for."""

    code = "unusable_answer"
    exit_code = 22
    text = "the provider's answer cannot be used: {reason}"
    hint_text = "run the same command again, or try another model with --model; the rule-based summary stays"


class ProviderRefusedError(ProviderError):
    """The provider refuses the request, and would refuse it again."""

    code = "provider_refused"
    exit_code = 23
    text = "the provider refuses: {reason}"
    hint_text = "the rule-based summary stays; docs/gemini.md says what each reason means"


class UnknownModelError(ProviderError):
    """The provider knows no model of that name, or no longer."""

    code = "unknown_model"
    exit_code = 23
    text = "the provider does not know the model {model!r}: {reason}"
    hint_text = "name another with --model or the setting model; docs/gemini.md lists those with known prices"


class ArchivesLockedError(IonSummaryError):
    """Another process writes archives into the same directory."""

    code = "archives_locked"
    exit_code = 11
    text = "another backup writes into {path} (waited {seconds:g} s)"
    hint_text = "wait for it to end, or give --lock-timeout more seconds"


class SnapshotCorruptError(IonSummaryError):
    """An archive is damaged, cut off, or not one of this tool."""

    code = "snapshot_corrupt"
    exit_code = 30
    text = "{path}: {reason}"
    hint_text = "nothing was restored from it; `ion-summary backup --verify ARCHIVE` checks another one"


class RestoreConflictError(IonSummaryError):
    """There is something where a store is to be restored."""

    code = "restore_conflict"
    exit_code = 31
    text = "{path} {reason}"
    hint_text = "--merge keeps the newer of both, --replace puts the archive in its place, --to names another directory"
