"""Which commands are there, and what does the process end with?

A command's module is imported when that command runs: ``-h`` costs little more than starting Python with typer.
"""

# Annotations are not postponed here: typer would compile each of them from its text, twice, at every start.
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ion_summary.cli.given import Given
from ion_summary.errors import IonSummaryError, StoreCorruptError, StoreNotWritableError, UsageError
from ion_summary.version import VERSION

NAME = "ion-summary"
# Name and help line; a test compares them with the first lines of the commands' own help.
COMMANDS = {
    "summarize": "Print a summary of each session in the files, and store nothing.",
    "ingest": "Read transcripts, and store a summary of each session.",
    "worker": "Have Gemini summarize what is queued.",
    "search": "Find sessions by words, user, type, time, source or tag.",
    "show": "Show one record, or the session itself.",
    "similar": "Find the sessions that are about the same as one.",
    "export": "Write the records to a file: JSON Lines, CSV or Parquet.",
    "stats": "Count and draw what the store holds.",
    "prune": "Delete the sessions that are older than an age.",
    "forget": "Erase a user or a session everywhere, for good.",
    "reindex": "Rebuild the index from the stored lines.",
    "backup": "Write one verified archive of the store.",
    "restore": "Restore an archive that backup has written.",
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

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of that name, imported now; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        return typer.main.get_command(import_module(f"ion_summary.cli.{cmd_name}").app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The list of the commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that ``args`` begin with. Raises UsageError that names the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean `{NAME} {near[0]}`?" if near else f"`{NAME} -h` lists the commands"
            raise UsageError(reason=f"no such command: {args[0]!r}", accepted=hint)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; what it has printed is written out before its status counts."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # here, because typer would make it exit status 1
            from ion_summary.cli.output import silence

            silence(sys.stdout)
            raise typer.Exit(BROKEN_PIPE) from None
        return result

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002 - completion relies on the one name
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs the command line ``args`` (default: the process's own) and exits with its status."""
        words = sys.argv[1:] if args is None else list(args)
        _prepare_streams()
        extra |= {"prog_name": NAME, "complete_var": complete_var, "windows_expand_args": windows_expand_args}
        status = self._status(words, extra)
        if standalone_mode:
            sys.exit(status)
        return status

    def _status(self, words: list[str], extra: dict[str, Any]) -> int:
        given = Given(debug="--debug" in words, json=_wants_json(words))
        try:
            result = super().main(args=words, standalone_mode=False, obj=given, **extra)
            if result == InterruptedByUserError.exit_code:  # which is what typer makes of Ctrl-C
                raise InterruptedByUserError
        except Exception as caught:  # noqa: BLE001 - the last place that can name it
            error = _as_error(caught)
            given.close()
            from ion_summary.cli.output import print_error

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
            from ion_summary.cli.output import silence

            silence(sys.stdout)
        return StoreNotWritableError(path=caught.filename or "standard output", reason=caught.strerror)
    if isinstance(caught, OSError) and caught.errno == errno.EIO:
        if caught.filename is None:
            return StoreNotWritableError(path="standard output", reason=caught.strerror)
        return StoreCorruptError(path=caught.filename, reason=f"the disk cannot read or write it: {caught.strerror}")
    return IonSummaryError(reason=f"unexpected {type(caught).__name__}: {caught}")


def _wants_json(words: list[str]) -> bool:
    """Whether errors are to be JSON, also those of a command line that cannot be parsed."""
    words = words[: words.index("--")] if "--" in words else words
    named = {word.removeprefix("--format=") for word in words if word.startswith("--format=")}
    named |= {after for word, after in pairwise(words) if word == "--format"}
    return "--json" in words or not named.isdisjoint({"json", "jsonl"})


def _prepare_streams() -> None:
    """Makes standard output and error take every character, whatever the terminal's encoding (cp949), and where they
    are closed, throw it away.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - no pathlib; until the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")


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
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Settings file to use instead of yours.")] = None,
    quiet: Annotated[bool | None, typer.Option("--quiet", "-q", help="Results and errors only.")] = None,
    color: Annotated[bool | None, typer.Option("--color/--no-color", help="Colours on a terminal.")] = None,
    debug: Annotated[bool | None, typer.Option("--debug", help="Print the traceback of an error.")] = None,
) -> int | None:
    """Turn piles of chat sessions into a memory that can be searched, in Korean and English.

    \b
    Examples:
      ion-summary ingest exports/             store a summary of every session
      ion-summary search 환불                  find them again
      ion-summary summarize chat.txt          only print a summary
      cat chat.jsonl | ion-summary ingest -   read standard input
    """
    given: Given = ctx.obj
    given.config = config
    said = {"quiet": quiet, "color": color, "debug": debug}
    given.values.update((name, value) for name, value in said.items() if value is not None)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        return UsageError.exit_code
    return None


def main() -> None:
    """The entry point: the process's own command line."""
    typer.main.get_command(app)()
