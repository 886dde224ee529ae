from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import normalize

import orjson
import pytest
from rich.cells import cell_len

from ion_summary.store.storage import SessionSummaryStorage
from tests.cli.conftest import SESSIONS, on_terminal, without_styles

ACTING = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
IDS = {session["session_id"] for session in SESSIONS}


def ids(done: Any) -> list[str]:
    assert done.exit_code == 0, done.stderr
    return [hit["session_id"] for hit in orjson.loads(done.stdout)["hits"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"s-1", "s-2", "=1+1"}),
        (("환불",), {"s-1"}),
        (("환불", "주문번호"), {"s-1"}),
        (("환불", "parcel"), set()),
        (("PARCEL",), {"s-2"}),
        (('"the parcel to"',), {"s-2"}),
        (("deliv*",), {"s-2"}),
        (("--user", "u-1"), {"s-1"}),
        (("--user", "민수"), {"s-2"}),
        (("--type", "rule_based"), {"s-1", "s-2", "=1+1"}),
        (("--type", "llm"), set()),
        (("--session", "s-2"), {"s-2"}),
        (("--since", "2026-01-05"), {"s-2", "=1+1"}),
        (("--until", "2026-01-05"), {"s-1", "s-2"}),
        (("--since", "2026-01-05", "--until", "2026-01-05"), {"s-2"}),
        (("--since", "2026-01-05", "--until", "2026-01-05", "--tz", "America/New_York"), set()),
        (("--source", "native"), {"s-1", "s-2", "=1+1"}),
        (("--source", "kakaotalk"), set()),
        (("--tag", "nothing"), set()),
        (("'; DROP TABLE record; --", "--limit", "5"), set()),
        (("--", "--json"), set()),
        (("😀",), set()),
        (("환불", "😀"), set()),
        (("%",), set()),
        (("환불", "&", "?"), {"s-1"}),
    ],
)
def test_filters(words: tuple[str, ...], expected: set[str], store: Path, run: Callable[..., Any]) -> None:
    assert set(ids(run("search", "--format", "json", *words))) == expected


def test_json_counts_all_whatever_the_page(store: Path, run: Callable[..., Any]) -> None:
    pages = [orjson.loads(run("search", "--json", "-n", "1", "--offset", str(place)).stdout) for place in range(4)]
    assert [page["total"] for page in pages] == [3] * 4
    assert [len(page["hits"]) for page in pages] == [1, 1, 1, 0]
    assert {hit["session_id"] for page in pages for hit in page["hits"]} == IDS
    assert orjson.loads(run("search", "--json", "--limit", "0").stdout) == {"total": 3, "hits": []}


def test_a_hit_is_the_record_with_score_and_snippet(store: Path, run: Callable[..., Any]) -> None:
    (hit,) = orjson.loads(run("search", "환불", "--json").stdout)["hits"]
    record = orjson.loads(run("show", "s-1", "--json").stdout)
    assert {name: hit[name] for name in record} == record
    assert set(hit) - set(record) == {"score", "snippet"}
    assert "환불" in hit["snippet"]
    (line,) = run("search", "환불", "--format", "jsonl").stdout.splitlines()
    assert orjson.loads(line) == hit


def test_order(store: Path, run: Callable[..., Any]) -> None:
    newest = ids(run("search", "--json", "--sort", "newest"))
    assert newest == ["=1+1", "s-2", "s-1"]
    assert ids(run("search", "--json", "--sort", "oldest")) == newest[::-1]
    assert ids(run("search", "--json")) == newest


def test_plain_is_one_whole_record_a_line(store: Path, run: Callable[..., Any]) -> None:
    done = run("search")
    assert done.stderr == ""
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["=1+1", "s-2", "s-1"]
    assert {len(row) for row in rows} == {6}
    assert rows[2][1:4] == ["2026-01-04T15:10:00+09:00", "u-1", "rule_based"]
    assert not ACTING.search(done.stdout)
    records = orjson.loads(run("search", "--json").stdout)["hits"]
    assert [row[5] for row in rows] == [record["summary"].replace("\n", "\\n") for record in records]
    assert run("search", "--format", "plain", "--tz", "UTC").stdout.splitlines()[2].split("\t")[1][-6:] == "+00:00"


def test_csv_is_safe_to_open(store: Path, run: Callable[..., Any]) -> None:
    rows = list(csv.reader(io.StringIO(run("search", "--format", "csv").stdout, newline="")))
    assert rows[0] == ["session_id", "created_at", "user_id", "summary_type", "message_count", "summary"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "s-2", "s-1"]
    assert rows[1][2] == "'@user"
    assert all(row[5].startswith("- ") for row in rows[1:])


def test_nothing_found_is_said_and_is_no_error(store: Path, run: Callable[..., Any]) -> None:
    done = run("search", "zebra")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no session matches" in done.stderr
    for flags in (["-q"], ["--quiet"]):
        assert run("search", "zebra", *flags).stderr == ""
        assert run(*flags, "search", "zebra").stderr == ""


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    done = run("search", "--json", "--store", tmp_path / "none")
    error = orjson.loads(done.stderr)["error"]
    assert (done.exit_code, error["code"], error["exit_code"]) == (10, "store_not_found", 10)
    assert not (tmp_path / "none").exists()


def test_bytes_that_are_no_text_find_nothing(store: Path, run: Callable[..., Any]) -> None:
    broken = b"\xff\xed\xa0\x80".decode("utf-8", "surrogateescape")
    for words in ([broken], ["--user", broken], ["--tag", broken], ["--source", broken], ["--session", broken]):
        assert run("search", "--format", "jsonl", *words).exit_code == 0


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_table_fits_and_loses_no_syllable(store: Path, width: int) -> None:
    korean = "가나다라마바사아자차카타파하 전액환불을 처리해 드리겠습니다. " * 3
    with SessionSummaryStorage(store) as storage:
        storage.save("긴-세션-이름", "사용자", f"- {korean.strip()}", "llm", 7)
    status, drawn = on_terminal("search", "--user", "사용자", width=width)
    assert status == 0
    lines = without_styles(drawn).splitlines()
    assert max(map(cell_len, lines)) <= width
    hit = orjson.loads(_json("search", "--user", "사용자"))["hits"][0]
    letters = re.sub(r"\s", "", hit["snippet"])
    assert len(letters) > 50
    table = lines[: next(place for place, line in enumerate(lines) if line.startswith("showing "))]
    start = _column(table[0], "summary")
    end = _column(table[0], "id") if width >= 100 else None
    cells = [_cut(line, start, end) for line in table[2:]]
    assert re.sub(r"\s", "", "".join(cells)) == letters


def _json(*words: str) -> bytes:
    from tests.cli.conftest import process

    return process(*words, "--json").stdout


def _column(header: str, title: str) -> int:
    return (
        cell_len(header[: re.search(rf"(^|\s){title}(\s|$)", header).end()])
        - len(title)
        - (  # type: ignore[union-attr]
            1 if header.rstrip() != header[: re.search(rf"(^|\s){title}(\s|$)", header).end()] else 0  # type: ignore[union-attr]
        )
    )


def _cut(line: str, start: int, end: int | None) -> str:
    """What stands in the terminal's cells from ``start`` to ``end``; a wide character takes two."""
    at, found = 0, ""
    for character in line:
        if at >= start and (end is None or at < end):
            found += character
        at += cell_len(character)
    return found


def test_table_shows_the_match_and_how_many_there_are(store: Path) -> None:
    status, drawn = on_terminal("search", "환불", width=120)
    assert status == 0
    assert re.search("\x1b\\[[0-9;]*m환불\x1b\\[0m", drawn)
    plain = without_styles(drawn)
    assert "2026-01-04 15:10" in plain
    assert "s-1" in plain
    assert "showing 1-1 of 1" in plain


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {}], ids=["NO_COLOR", "--no-color"])
def test_colours_can_be_off(environment: dict[str, str], store: Path) -> None:
    _, drawn = on_terminal("search", "환불", *([] if environment else ["--no-color"]), env=environment)
    assert not re.search("\x1b\\[[0-9;]*3[0-9]", drawn)


@pytest.mark.parametrize(
    "command", [["search"], ["show", "=1+1"], ["show", "=1+1", "--messages"], ["search", "--format", "json"]]
)
def test_a_hostile_store_is_inert_on_a_terminal(command: list[str], store: Path, tmp_path: Path) -> None:
    evil = "[/x] [link=http://e]l[/link] \x1b[31mred \x1b]0;pwned\x07 \x9b2J \u202eevil \x7f"
    with SessionSummaryStorage(store) as storage:
        storage.save("evil", evil, evil, "llm", 1, {"title": evil, "tags": [evil], "participants": [evil]})
    partitions = list(store.glob("????-??/*.jsonl"))
    assert partitions
    for words in (command, ["show", "evil"], ["stats", "--by", "user"]):
        status, drawn = on_terminal(*words, width=120)
        assert status == 0, drawn
        assert not ACTING.search(without_styles(drawn).replace("\t", " ").replace("\n", " "))
        assert "\x1b]" not in drawn
        assert "\x1b[31m" not in drawn
    assert "[/x]" in without_styles(on_terminal("show", "evil", width=120)[1])


def test_table_in_a_pipe_only_when_asked_for(store: Path, run: Callable[..., Any]) -> None:
    assert "\t" in run("search").stdout
    drawn = run("search", "--format", "table").stdout
    assert "─" in drawn
    assert "\x1b" not in drawn


def test_in_messages_finds_what_no_summary_says_and_show_opens_it(store: Path, run: Callable[..., Any]) -> None:
    done = run("search", "확인했습니다", "--in", "messages", "--json")
    (hit,) = orjson.loads(done.stdout)["hits"]
    assert (hit["session_id"], hit["message"]) == ("s-1", 2)
    assert "확인했습니다" in hit["snippet"]
    shown = run("show", "s-2", "--match", "Monday", "--json")
    assert [each["role"] for each in orjson.loads(shown.stdout)["messages"]] == ["user", "assistant"]
    assert run("search", "--in", "messages").exit_code == 2
    status, drawn = on_terminal("show", "s-2", "--match", "monday")
    assert status == 0
    assert "\x1b[1;33mMonday\x1b[0m" in drawn


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_user_is_found_however_the_hangul_is_composed(store: Path, run: Callable[..., Any], form: str) -> None:
    """What was stored is composed; an adopted store may hold either."""
    adopted = store / "2025-10" / "session_summaries_20251026.jsonl"
    adopted.parent.mkdir()
    fields = {"summary": "- 환불", "summary_type": "llm", "created_at": "2025-10-26T10:00:00", "message_count": 2}
    record = {"session_id": "old", "user_id": normalize("NFD", "민수"), **fields, "summary_length": 4, "metadata": {}}
    adopted.write_bytes(orjson.dumps(record) + b"\n")
    found = run("search", "--user", normalize(form, "민수"), "--json")
    assert [hit["session_id"] for hit in orjson.loads(found.stdout)["hits"]] == ["s-2", "old"]


@pytest.mark.parametrize("words", [(), ("환불",)])
def test_an_offset_beyond_all_numbers_is_an_empty_page(
    words: tuple[str, ...], store: Path, run: Callable[..., Any]
) -> None:
    done = run("search", *words, "--offset", "9" * 20, "-n", "9" * 20, "--json")
    assert ids(done) == []
