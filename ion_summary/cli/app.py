"""Which commands are there, and what does the process end with?

A command's module is imported when that command runs: `-h` and `--version` cost little more than starting Python with typer.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ion_summary.cli import command
from ion_summary.cli.output import prepare_streams, print_error
from ion_summary.errors import IonSummaryError, StoreNotWritableError, UsageError
from ion_summary.version import VERSION

NAME = "ion-summary"
# Name and help line; a test compares them with the first lines of the commands' own help.
COMMANDS = {
    "summarize": "Print a summary of each session in the files, and store nothing.",
    "ingest": "Read transcripts, and store a summary of each session.",
    "search": "Find sessions by words, user, type, time, source or tag.",
    "show": "Show one record, or the session itself.",
    "stats": "Count and draw what the store holds.",
    "reindex": "Rebuild the index from the stored lines.",
    "verify": "Read everything, and name every damage by file and line.",
    "config": "Show the settings and where each comes from.",
}
BROKEN_PIPE = 141
_NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class InterruptedByUserError(IonSummaryError):
    """Somebody pressed Ctrl-C."""

    code = "interrupted"
    exit_code = 130
    text = "interrupted"
    hint_text = "what was stored stays; run the same command again and it goes on from there"


class Commands(TyperGroup):
    """The group of all commands, each loaded when it is called."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of that name, imported now; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        return typer.main.get_command(import_module(f"ion_summary.cli.{cmd_name}").app)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # noqa: ARG002
        """The list of the commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:
        """The command that ``args`` begin with. Raises UsageError that names the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean `{NAME} {near[0]}`?" if near else f"`{NAME} -h` lists the commands"
            raise UsageError(reason=f"no such command: {args[0]!r}", accepted=hint)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:
        """Runs the command; what it has printed is written out before its status counts."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # here, because typer would make it exit status 1
            _silence_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        return result

    def main(self, args: Sequence[str] | None = None, standalone_mode: bool = True, **extra: Any) -> Any:
        """Runs the command line ``args`` (default: the process's own) and exits with its status."""
        words = sys.argv[1:] if args is None else list(args)
        prepare_streams()
        status = self._status(words, {**extra, "prog_name": NAME})
        if standalone_mode:
            sys.exit(status)
        return status

    def _status(self, words: list[str], extra: dict[str, Any]) -> int:
        given = command.Given(debug="--debug" in words, json=_wants_json(words))
        try:
            result = super().main(args=words, standalone_mode=False, obj=given, **extra)
            if result == InterruptedByUserError.exit_code:  # which is what typer makes of Ctrl-C
                raise InterruptedByUserError
        except Exception as caught:
            error = _as_error(caught)
            given.close()
            print_error(error, json=given.json)
            if given.debug:
                import traceback

                traceback.print_exception(caught)
            return error.exit_code
        return result if isinstance(result, int) else 0


def _as_error(caught: Exception) -> IonSummaryError:
    """What was caught, as an error that owns a hint and an exit status."""
    if isinstance(caught, IonSummaryError):
        return caught
    if isinstance(caught, typer.Abort):
        return InterruptedByUserError()
    if hasattr(caught, "format_message"):  # click's errors, whose classes typer does not export
        context = getattr(caught, "ctx", None)
        path = context.command_path if context else NAME
        return UsageError(reason=caught.format_message(), accepted=f"`{path} -h` lists what it takes")
    if isinstance(caught, OSError) and caught.errno in _NOT_WRITABLE:
        if caught.filename is None:
            _silence_stdout()
        return StoreNotWritableError(path=caught.filename or "standard output", reason=caught.strerror)
    return IonSummaryError(reason=f"unexpected {type(caught).__name__}: {caught}")


def _wants_json(words: list[str]) -> bool:
    """Whether errors are to be JSON, also those of a command line that cannot be parsed."""
    words = words[: words.index("--")] if "--" in words else words
    named = {word.removeprefix("--format=") for word in words if word.startswith("--format=")}
    named |= {after for word, after in pairwise(words) if word == "--format"}
    return "--json" in words or not named.isdisjoint({"json", "jsonl"})


def _silence_stdout() -> None:
    """Nobody reads what is left; without this, Python would complain about it at the very end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        pass


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"{NAME} {VERSION}\n")
        raise typer.Exit


app = typer.Typer(
    name=NAME,
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)] = False,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Settings file to use instead of your own.")] = None,
    quiet: Annotated[bool | None, typer.Option("--quiet", "-q", help="Results and errors only.", show_default=False)] = None,
    color: Annotated[bool | None, typer.Option("--color/--no-color", help="Colours on a terminal.", show_default=False)] = None,
    debug: Annotated[bool | None, typer.Option("--debug", help="Print the traceback of an error.", show_default=False)] = None,
) -> int | None:
    """Turn piles of chat sessions into a memory that can be searched, in Korean and English.

    \b
    Examples:
      ion-summary ingest exports/             store a summary of every session
      ion-summary search 환불                  find them again
      ion-summary summarize chat.txt          only print a summary
      cat chat.jsonl | ion-summary ingest -   read standard input
    """
    given: command.Given = ctx.obj
    given.config = config
    given.values.update({name: value for name, value in (("quiet", quiet), ("color", color), ("debug", debug)) if value is not None})
    return command.print_help(ctx) if ctx.invoked_subcommand is None else None


def main() -> None:
    """The entry point: the process's own command line."""
    typer.main.get_command(app)()
