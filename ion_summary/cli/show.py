"""``ion-summary show``: one record, or the session itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command, readable

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("store", "format", "tz")
def show(
    run: Run,
    session_id: Annotated[str, typer.Argument(metavar="SESSION_ID", help="As `ion-summary search` lists it.")],
    messages: Annotated[bool, typer.Option("--messages", help="The session itself, message by message.")] = False,
    match: Annotated[str | None, typer.Option(metavar="TEXT", help="The session, opened where this is said.")] = None,
) -> None:
    """Show one record, or the session itself.

    \b
    Examples:
      ion-summary show s-1                the summary, and all that is known of it
      ion-summary show s-1 --messages     what was said
      ion-summary show s-1 --match 환불     from there on, with the word marked
      ion-summary show s-1 --messages --json
    """
    from ion_summary.operations import show as operation
    from ion_summary.text.terms import first_match, parse_terms

    wanted, terms = readable(session_id), parse_terms(readable(match or ""))
    messages = messages or match is not None
    with run.storage() as storage:
        record = operation.show(storage, wanted)
        said = operation.opened_at(operation.messages(storage, wanted), terms) if messages else []
    if terms and not any(first_match(message.content, terms) for message in said):
        run.out.note("that is not said in this session: all of it is shown")
    document: dict[str, Any] = record.to_dict()
    if messages:
        document["messages"] = [records.message_document(message) for message in said]
    run.out.render(
        document=lambda: document,
        columns=records.MESSAGE_COLUMNS if messages else records.COLUMNS,
        rows=lambda: (
            [records.message_row(run.out, each) for each in said] if messages else [records.row(run.out, record)]
        ),
        table=lambda terminal: (
            records.conversation(terminal, record, said, terms) if messages else records.block(terminal, record)
        ),
    )
