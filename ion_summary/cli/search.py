"""``ion-summary search``: finds sessions."""

# Annotations are not postponed here: compiling each of them from its text would cost every search a millisecond.
from typing import Annotated, Literal

import typer

from ion_summary.cli import records
from ion_summary.cli.command import Command, Run, command

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=Command)
@command("limit", "sort", "store", "format", "tz")
def search(
    run: Run,
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Words to find, all of them.")] = None,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sessions of this user, or with this person.")
    ] = None,
    type_: Annotated[Literal["llm", "rule_based"] | None, typer.Option("--type", help="Only such summaries.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="2026-01-04, 90d, 6mo, yesterday, 3일 전 …")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Likewise; both are inclusive.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Sessions read from there.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Sessions about this topic.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="The session of this id.")] = None,
    in_: Annotated[
        Literal["summaries", "messages"],
        typer.Option("--in", help="Summary, title and tags, or all that was said."),
    ] = "summaries",
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Hits to leave out first.")] = 0,
) -> None:
    """Find sessions by words, user, type, time, source or tag.

    \b
    Examples:
      ion-summary search 환불                        finds 전액환불 and 환불요청 too
      ion-summary search '"full refund" deliver*'   a phrase, and a prefix
      ion-summary search --user u-1 --since 90d     without words: the newest first
      ion-summary search "error 504" --in messages  reads the sessions themselves: slower, finds all
      ion-summary search 배송 --json | jq .total
    """
    from ion_summary.operations.search import search as find

    query = run.query(
        text,
        since,
        until,
        type_=type_,
        user=user,
        source=source,
        tag=tag,
        session=session,
        limit=run.settings.limit,
        offset=offset,
        sort=run.settings.sort,
    )
    with run.storage() as storage:
        if in_ == "messages":
            from ion_summary.operations.search_messages import search_messages

            result = search_messages(storage, query, run.out.progress(), run.settings.workers)
        else:
            result = find(storage, query)
    hits = result.hits
    run.out.render(
        document=lambda: {"total": result.total, "hits": [records.hit_document(hit) for hit in hits]},
        items=lambda: map(records.hit_document, hits),
        columns=records.COLUMNS,
        rows=lambda: (records.row(run.out, hit.record) for hit in hits),
        table=lambda terminal: records.hits_table(terminal, hits),
    )
    if storage.damage:
        run.out.note(f"damaged places passed over: {len(storage.damage):,}; `ion-summary verify` names them")
    if not result.total:
        run.out.note("no session matches; fewer words, another spelling or a longer time may find some")
    elif run.out.format == "table":
        shown = f"{offset + 1:,}-{offset + len(hits):,}" if hits else "none"
        run.out.note(f"showing {shown} of {result.total:,}")
