"""``ion-summary summarize``: prints a summary of each session, or has a model summarize what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from ion_summary.cli import records, working
from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output import warn
from ion_summary.cli.plugins import warn_of_plugins
from ion_summary.errors import ProviderUnavailableError, UsageError

if TYPE_CHECKING:
    from ion_summary.cli.output.terminal import Terminal
    from ion_summary.model import SessionSummary
    from ion_summary.operations.summarize import Explanation, SummarizeRequest
    from ion_summary.summarizers.explain import Explained
    from ion_summary.transcripts.reader import Rejected

_Result = TypeVar("_Result")
_EXPLAINED = ("session_id", "message", "speaker", "chosen", "score", "factors", "terms", "text")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command(
    "llm", *working.SETTINGS, "max_bullets", "max_chars", "input_format", "user", "split", "store", "lock_timeout",
    "format", "tz",
)  # fmt: skip
def summarize(
    run: Run,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help="Files, directories, zip archives; - reads standard input."),
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Have Gemini summarize the stored sessions that it has not summarized.")
    ] = False,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Pending ones that ended then or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Pending ones that ended then or before.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="The newest N of the pending ones.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate what the pending ones cost.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the score of every sentence instead, and why.")
    ] = False,
) -> int:
    """Print a summary of each session in the files, and store nothing.

    With --pending the sessions are those of the store, and Gemini's summaries take the place of the rule-based ones
    there; --user then is a filter. Gemini needs a key in GOOGLE_API_KEY or GEMINI_API_KEY.

    \b
    Examples:
      ion-summary summarize chat.txt
      ion-summary summarize exports/ --max-bullets 3
      ion-summary summarize chat.txt --llm             by Gemini
      ion-summary summarize --pending --dry-run        what would it cost?
      ion-summary summarize --pending --max-cost 0.50
      ion-summary summarize chat.txt --explain         why these sentences and not others?
      pbpaste | ion-summary summarize -
    """
    if pending == bool(paths):
        raise UsageError(
            reason="PATH and --pending contradict each other" if pending else "nothing to summarize",
            accepted="name files, or give --pending for the sessions of the store",
        )
    if pending:
        return _pending(run, since, until, limit, dry_run)
    if since or until or limit or dry_run:
        raise UsageError(
            reason="--since, --until, --limit and --dry-run choose stored sessions", accepted="give --pending with them"
        )
    from ion_summary.operations import summarize as operation

    chosen = run.settings
    request = operation.SummarizeRequest(
        paths=paths or [],
        input_format=chosen.input_format,
        max_bullets=chosen.max_bullets,
        max_chars=chosen.max_chars,
        tz=run.reading_tz,
        split=chosen.split,
        user=chosen.user,
    )
    if explain:
        return _explain(run, operation.explain(request))
    sorting = Sorting(_by_model(run, request) if chosen.llm else operation.summarize(request))
    run.out.stream(
        items=sorting.accepted(),
        document=lambda record: record.to_dict(),
        columns=records.COLUMNS,
        row=lambda record: records.row(run.out, record),
        block=records.block,
    )
    warn_of_plugins()
    sorting.require_provider()
    return records.status(sorting.read, sorting.rejected) or (records.PARTIAL if sorting.fallbacks else 0)


def _pending(run: Run, since: str | None, until: str | None, limit: int | None, dry_run: bool) -> int:
    from ion_summary.operations.worker import WorkerRequest, summarize_pending

    # The setting of that name is for sessions that name no user: only what is typed is a filter.
    user = run.settings.user if run.settings.origins["user"].startswith("option") else None
    request = WorkerRequest(working.chosen(run, user, since, until), limit)
    with run.storage() as storage:
        if dry_run:
            from ion_summary.operations.estimate import estimate_pending

            return working.show_estimate(run, estimate_pending(storage, run.settings, request))
        return working.show_report(run, summarize_pending(storage, run.settings, request, run.out.progress()))


def _by_model(run: Run, request: SummarizeRequest) -> Iterator[SessionSummary | Rejected]:
    from ion_summary.operations.summarize_llm import summarize_with_model

    return summarize_with_model(request, run.settings, run.settings.store)


def _explain(run: Run, results: Iterable[Explanation | Rejected]) -> int:
    """Every sentence with what speaks for it; a ``*`` stands before those in the summary."""
    sorting = Sorting(results)
    run.out.stream(
        items=((each.session_id, sentence) for each in sorting.accepted() for sentence in each.sentences),
        document=lambda item: {"session_id": item[0], **item[1]._asdict()},
        columns=_EXPLAINED,
        row=lambda item: (item[0], *_cells(item[1])),
        block=_draw,
    )
    warn_of_plugins()
    return records.status(sorting.read, sorting.rejected)


def _cells(sentence: Explained) -> tuple[Any, ...]:
    factors = " ".join(f"{name}×{factor:g}" for name, factor in sentence.factors.items() if factor != 1)
    terms = " ".join(f"{term}+{worth:.2f}" for term, worth in sentence.terms.items())
    return (
        sentence.message,
        sentence.speaker,
        "*" if sentence.chosen else "",
        round(sentence.score, 3),
        factors,
        terms,
        sentence.text,
    )


def _draw(terminal: Terminal, item: tuple[str, Explained]) -> None:
    session_id, sentence = item
    message, speaker, chosen, score, factors, terms, text = _cells(sentence)
    terminal.text(f"{chosen or ' '} {score:.3f}  {speaker}: {text}", style="bold" if chosen else "")
    terminal.text(f"{session_id}, message {message} · {factors or 'no factor'} · {terms}", indent=9, style="dim")


class Sorting(Generic[_Result]):
    """Passes on what was read, and names what was rejected on standard error."""

    def __init__(self, results: Iterable[_Result | Rejected]) -> None:
        self._results = results
        self.read = 0
        self.rejected = 0
        self.fallbacks = 0
        self._unavailable: list[str] = []

    def accepted(self) -> Iterator[_Result]:
        """What was read, as it comes."""
        from ion_summary.transcripts.reader import Rejected

        for result in self._results:
            if isinstance(result, Rejected):
                self.rejected += 1
                warn(records.rejected_line(result))
            else:
                self.read += 1
                self._note_fallback(result)
                yield result

    def require_provider(self) -> None:
        """Raises ProviderUnavailableError if the model was not to be had for any of the sessions."""
        if self._unavailable and len(self._unavailable) == self.read:
            raise ProviderUnavailableError(reason=self._unavailable[-1])

    def _note_fallback(self, result: object) -> None:
        error = getattr(result, "metadata", {}).get("llm_error")
        if error:
            self.fallbacks += 1
            if error["code"] == ProviderUnavailableError.code:
                self._unavailable.append(error["reason"])
            warn(f"not summarized by the model: {getattr(result, 'session_id', '')}: {error['reason']}")
