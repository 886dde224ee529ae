"""``ion-summary summarize``: prints a summary of each session in the files, and stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command
from ion_summary.cli.output import warn

if TYPE_CHECKING:
    from ion_summary.cli.output.terminal import Terminal
    from ion_summary.operations.summarize import Explanation
    from ion_summary.summarizers.explain import Explained
    from ion_summary.transcripts.reader import Rejected

_Result = TypeVar("_Result")
_EXPLAINED = ("session_id", "message", "speaker", "chosen", "score", "factors", "terms", "text")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("max_bullets", "max_chars", "input_format", "user", "split", "format", "tz", hidden=("store",))
def summarize(
    run: Run,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, directories, zip archives; - reads standard input.")
    ],
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the score of every sentence instead, and why.")
    ] = False,
) -> int:
    """Print a summary of each session in the files, and store nothing.

    \b
    Examples:
      ion-summary summarize chat.txt
      ion-summary summarize exports/ --max-bullets 3
      ion-summary summarize chat.txt --explain     why these sentences and not others?
      pbpaste | ion-summary summarize -
    """
    from ion_summary.operations import summarize as operation

    chosen = run.settings
    request = operation.SummarizeRequest(
        paths=paths,
        input_format=chosen.input_format,
        max_bullets=chosen.max_bullets,
        max_chars=chosen.max_chars,
        tz=run.reading_tz,
        split=chosen.split,
        user=chosen.user,
    )
    if explain:
        return _explain(run, operation.explain(request))
    sorting = Sorting(operation.summarize(request))
    run.out.stream(
        items=sorting.accepted(),
        document=lambda record: record.to_dict(),
        columns=records.COLUMNS,
        row=lambda record: records.row(run.out, record),
        block=records.block,
    )
    return records.status(sorting.read, sorting.rejected)


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

    def accepted(self) -> Iterator[_Result]:
        """What was read, as it comes."""
        from ion_summary.transcripts.reader import Rejected

        for result in self._results:
            if isinstance(result, Rejected):
                self.rejected += 1
                warn(records.rejected_line(result))
            else:
                self.read += 1
                yield result
