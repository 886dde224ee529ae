"""``ion-summary ingest``: reads transcripts, and stores a summary of each session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output import warn
from ion_summary.cli.plugins import warn_of_plugins
from ion_summary.errors import NothingReadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ion_summary.cli.output.terminal import Terminal
    from ion_summary.operations.ingest import Explanation, IngestReport

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
# So many rejected inputs are named one by one; `--json` names all of them.
_NAMED = 20


@app.command(cls=Command)
@command(
    "input_format", "user", "source", "split", "max_bullets", "max_chars", "transcripts", "workers", "llm", "redact",
    "store", "lock_timeout", "format", "tz",
)  # fmt: skip
def ingest(
    run: Run,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, directories, zip archives; - reads standard input.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report everything, store nothing.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each file is taken for and why, store nothing.")
    ] = False,
) -> int:
    """Read transcripts, and store a summary of each session.

    Formats are recognised by content. The same files again add nothing twice; what was appended to them is read.

    \b
    Examples:
      ion-summary ingest exports/                     every file below, zip archives too
      ion-summary ingest KakaoTalk.txt --user 나       a chat room, under a user of your choice
      ion-summary ingest exports/ --llm               and have Gemini summarize them: `ion-summary worker`
      ion-summary ingest --explain exports/           what is each file taken for, and why?
      cat chat.jsonl | ion-summary ingest -
    """
    if explain:
        return _explain(run, paths)
    from ion_summary.operations.ingest import IngestRequest
    from ion_summary.operations.ingest import ingest as operation

    chosen = run.settings
    request = IngestRequest(
        paths=paths,
        input_format=chosen.input_format,
        user=chosen.user,
        source=chosen.source,
        max_bullets=chosen.max_bullets,
        max_chars=chosen.max_chars,
        workers=chosen.workers,
        keep_transcripts=chosen.transcripts,
        tz=run.reading_tz,
        split=chosen.split,
        dry_run=dry_run,
        llm=chosen.llm,
        redact=chosen.redact,
    )
    if chosen.llm and not chosen.transcripts:
        raise UsageError(
            reason="--llm needs what --no-transcripts leaves out: the model reads the session",
            accepted="give one of them; `ion-summary summarize --llm PATH` stores nothing",
        )
    nothing: NothingReadableError | None = None
    try:
        with run.storage() as storage:
            report = operation(storage, request, run.out.progress())
    except NothingReadableError as error:  # the report is due all the same: it names what was rejected
        report, nothing = error.fields["report"], error
    run.out.render(
        document=lambda: _document(report),
        columns=("name", "value"),
        rows=lambda: _rows(report),
        table=lambda terminal: terminal.fields(_rows(report)),
    )
    if run.out.format != "json":
        warn_of_plugins()
        _name_rejected(report)
    if storage.damage:
        warn(f"damaged places in the store: {len(storage.damage):,}; `ion-summary verify` names them")
    if report.queued:
        _note_queued(run, report.queued)
    if report.unqueued:
        _note_unqueued(run, report.unqueued)
    if nothing is not None:
        raise nothing
    read = report.new + report.updated + report.unchanged + report.forgotten + report.files_unchanged
    return records.status(read, len(report.rejected))


def _note_queued(run: Run, queued: int) -> None:
    run.out.note(f"{queued:,} queued for {run.settings.model}: `ion-summary worker` has them summarized")
    if not run.settings.api_key:
        from ion_summary.errors import NoApiKeyError
        from ion_summary.summarizers.llm import KEY_VARIABLES

        missing = NoApiKeyError(variables=" nor ".join(KEY_VARIABLES))
        run.out.note(f"note: {missing.message}; until then the rule-based summaries are all there is")


def _note_unqueued(run: Run, unqueued: int) -> None:
    stored = "1 session stored before has" if unqueued == 1 else f"{unqueued:,} sessions stored before have"
    run.out.note(f"{stored} no LLM summary: `ion-summary summarize --pending` asks for it")


def _name_rejected(report: IngestReport) -> None:
    for rejected in report.rejected[:_NAMED]:
        warn(records.rejected_line(rejected))
    if len(report.rejected) > _NAMED:
        warn(f"rejected: {len(report.rejected) - _NAMED:,} more; --json names all of them")


def _document(report: IngestReport) -> dict[str, Any]:
    return {
        "sessions": {
            "new": report.new,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "forgotten": report.forgotten,
        },
        "queued": report.queued,
        "unqueued": report.unqueued,
        "messages": report.messages,
        "files": {
            "read": report.files_read,
            "unchanged": report.files_unchanged,
            "rejected": report.files_rejected,
        },
        "rejected": [records.rejected_document(rejected) for rejected in report.rejected],
        "warnings": report.warnings,
        "elapsed_s": round(report.elapsed_s, 3),
    }


def _rows(report: IngestReport) -> list[tuple[str, Any]]:
    document = _document(report)
    return [
        *((f"sessions {name}", count) for name, count in document["sessions"].items()),
        *([("queued", document["queued"])] if document["queued"] else []),
        ("messages", document["messages"]),
        *((f"files {name}", count) for name, count in document["files"].items()),
        ("elapsed_s", document["elapsed_s"]),
    ]


def _explain(run: Run, paths: list[str]) -> int:
    """What each file is taken for, and what speaks for it."""
    from ion_summary.operations.ingest import explain

    counted = {"read": 0, "rejected": 0}

    def counting() -> Iterator[Explanation]:
        for each in explain(paths, run.settings.input_format):
            if not each.passed_over:
                counted["read" if each.format else "rejected"] += 1
            yield each

    run.out.stream(
        items=counting(),
        document=_explanation_document,
        columns=("source", "format", "reason"),
        row=lambda each: (each.source, each.format, f"{'passed over: ' if each.passed_over else ''}{each.reason}"),
        block=_explanation_block,
    )
    warn_of_plugins()
    return records.status(counted["read"], counted["rejected"])


def _explanation_document(each: Explanation) -> dict[str, Any]:
    evidence = [{"format": name, "score": score, "reason": reason} for name, score, reason in each.evidence]
    about = {"source": each.source, "format": each.format, "reason": each.reason, "evidence": evidence}
    return {**about, "passed_over": each.passed_over}


def _explanation_block(terminal: Terminal, each: Explanation) -> None:
    terminal.text(each.source, style="bold")
    taken_for = each.format or ("passed over" if each.passed_over else "rejected")
    terminal.text(f"{taken_for}: {each.reason}", indent=2)
    for name, score, reason in each.evidence:
        terminal.text(f"{name} {score}: {reason}", indent=4, style="dim")
