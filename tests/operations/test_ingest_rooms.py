"""Chat rooms exported again, in parts, continued, edited or split over files: every message once, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from ion_summary.operations.ingest import IngestReport, IngestRequest, ingest
from ion_summary.operations.show import messages
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage

GOLDEN = Path(__file__).parents[1] / "transcripts" / "golden"


def run(storage: SessionSummaryStorage, *paths: Path, **more: Any) -> IngestReport:
    return ingest(storage, IngestRequest(list(paths), workers=1, **more), Silent())


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    """Sessions new, updated, unchanged; files read, unchanged."""
    return report.new, report.updated, report.unchanged, report.files_read, report.files_unchanged


def said(storage: SessionSummaryStorage) -> dict[str, list[str]]:
    """What was said, by session."""
    return {
        one.session_id: [f"{message.name}: {message.content}" for message in messages(storage, one.session_id)]
        for one in storage.list_recent(100)
    }


# -- Slack: a directory of days ---------------------------------------------------------------------------------------


def day(path: Path, *values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{"type": "message", **value} for value in values], ensure_ascii=False), "utf-8")


@pytest.fixture
def slack(tmp_path: Path) -> Path:
    top = tmp_path / "slack"
    top.mkdir()
    people = [{"id": "U1", "name": "kim", "real_name": "김상담"}, {"id": "U2", "name": "john"}]
    (top / "users.json").write_text(json.dumps(people), "utf-8")
    (top / "channels.json").write_text('[{"id": "C1", "name": "help"}, {"id": "C2", "name": "잡담"}]', "utf-8")
    day(top / "help" / "2025-01-10.json", {"user": "U1", "text": "환불 문의", "ts": "1736478514.897649"})
    day(top / "help" / "2025-01-11.json", {"user": "U2", "text": "Done", "ts": "1736564914.000200"})
    day(top / "잡담" / "2025-01-10.json", {"user": "U2", "text": "안녕", "ts": "1736478514.897649"})
    return top


def test_a_slack_directory_that_grows_is_read_on_and_the_rest_is_left(
    storage: SessionSummaryStorage, slack: Path
) -> None:
    assert counts(run(storage, slack)) == (3, 0, 0, 2, 0)
    assert counts(run(storage, slack)) == (0, 0, 0, 0, 2)
    day(slack / "help" / "2025-01-12.json", {"user": "U1", "text": "다음 날", "ts": "1736651314.000300"})
    assert counts(run(storage, slack)) == (1, 0, 1, 1, 1), "read on from the last day"
    assert said(storage) == {
        "slack-C1-2025-01-10": ["김상담: 환불 문의"],
        "slack-C1-2025-01-11": ["john: Done"],
        "slack-C1-2025-01-12": ["김상담: 다음 날"],
        "slack-C2-2025-01-10": ["john: 안녕"],
    }
    assert verify(storage, Silent()).ok


def test_a_slack_day_that_grows_and_one_that_was_edited(storage: SessionSummaryStorage, slack: Path) -> None:
    run(storage, slack)
    first = {"user": "U1", "text": "환불 문의 (고침)", "ts": "1736478514.897649", "edited": {"ts": "1736478600.0"}}
    day(slack / "help" / "2025-01-10.json", first, {"user": "U2", "text": "Which order?", "ts": "1736478700.000000"})
    assert counts(run(storage, slack))[:3] == (0, 1, 1)
    assert said(storage)["slack-C1-2025-01-10"] == ["김상담: 환불 문의 (고침)", "john: Which order?"]


def test_somebody_renamed_and_a_channel_renamed_stay_who_and_what_they_were(
    storage: SessionSummaryStorage, slack: Path
) -> None:
    run(storage, slack)
    shutil.move(slack / "help", slack / "support")
    (slack / "channels.json").write_text('[{"id": "C1", "name": "support"}]', "utf-8")
    (slack / "users.json").write_text('[{"id": "U1", "real_name": "김상담 팀장"}]', "utf-8")
    assert counts(run(storage, slack))[:3] == (0, 2, 0)
    assert said(storage)["slack-C1-2025-01-10"] == ["김상담 팀장: 환불 문의"]


def test_a_slack_archive_is_what_its_directory_is(storage: SessionSummaryStorage, slack: Path, tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(slack.rglob("*.json")):
            file.write(path, path.relative_to(slack))
    assert counts(run(storage, archive)) == (3, 0, 0, 2, 0)
    assert counts(run(storage, archive)) == (0, 0, 0, 0, 2)
    os.utime(archive, ns=(1, 1))
    assert counts(run(storage, archive)) == (0, 0, 3, 2, 0)
    assert counts(run(storage, slack))[:3] == (0, 0, 3)


def test_days_of_a_channel_without_its_lists_are_united(storage: SessionSummaryStorage, slack: Path) -> None:
    late = {"user": "U1", "text": "늦은 밤", "ts": "1736520000.000100"}
    day(slack / "help" / "2025-01-10.json", late)
    (slack / "users.json").unlink()
    assert run(storage, slack / "help", tz=None).new in (1, 2)
    assert sorted(text for each in said(storage).values() for text in each) == ["U1: 늦은 밤", "U2: Done"]


def test_without_transcripts_a_day_of_several_files_is_whole(storage: SessionSummaryStorage, slack: Path) -> None:
    day(slack / "help" / "2025-01-11.json", {"user": "U2", "text": "Same day in Seoul", "ts": "1736521200.5"})
    day(slack / "help" / "2025-01-12.json", {"user": "U2", "text": "Also", "ts": "1736564914.000200"})
    run(storage, slack, keep_transcripts=False, tz=SEOUL)
    found = {one.session_id: one.message_count for one in storage.list_recent(10)}
    assert found == {"slack-C1-2025-01-10": 1, "slack-C1-2025-01-11": 2, "slack-C2-2025-01-10": 1}


# -- exports of one room that repeat, overlap, go on and correct themselves -------------------------------------------

Said = tuple[int, str, str]
"""Seconds after the first message, who, what."""
BASE = 1_767_507_000  # 15:10:00 in Seoul on 2026-01-04
TALK: list[Said] = [
    (0, "민수", "환불 문의드려요"),
    (4, "Anna, B", "Which order?\nSecond line"),
    (9, "민수", "ㅋㅋ"),
    (11, "민수", "ㅋㅋ"),
    (30, "Anna, B", "Done"),
    (86_400, "민수", "다음 날의 말"),
]


def discord(talk: list[Said]) -> bytes:
    said = [
        {
            "type": "Default",
            "timestamp": datetime.fromtimestamp(BASE + at + 0.25, UTC).isoformat(),
            "content": text,
            "author": {"id": who, "name": who},
        }
        for at, who, text in talk
    ]
    return orjson.dumps({"guild": {"id": "0"}, "channel": {"id": "9", "name": "방"}, "messages": said})


def telegram(talk: list[Said]) -> bytes:
    said = [
        {"id": at, "type": "message", "date_unixtime": str(BASE + at), "from": who, "from_id": who, "text": [text]}
        for at, who, text in talk
    ]
    return orjson.dumps({"name": "방", "type": "private_group", "id": 9, "messages": said})


def facebook(talk: list[Said]) -> bytes:
    said = [
        {"sender_name": mojibake(who), "timestamp_ms": (BASE + at) * 1000 + 7, "content": mojibake(text)}
        for at, who, text in reversed(talk)
    ]
    return orjson.dumps(
        {"participants": [], "messages": said, "title": mojibake("방"), "thread_path": "inbox/x_1234567890"}
    )


def mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


def slack_day(talk: list[Said]) -> bytes:
    return orjson.dumps(
        [
            {
                "type": "message",
                "ts": f"{BASE + at}.000700",
                "user": who,
                "text": text,
                "user_profile": {"real_name": who},
            }
            for at, who, text in talk
        ]
    )


def whatsapp(talk: list[Said]) -> bytes:
    said = [(datetime.fromtimestamp(BASE + at, SEOUL), who, text) for at, who, text in talk]
    return "".join(f"[{when:%y/%m/%d, %H:%M:%S}] {who}: {text}\n" for when, who, text in said).encode()


def kakaotalk(talk: list[Said]) -> bytes:
    """As CSV, which alone has seconds."""
    said = [(datetime.fromtimestamp(BASE + at, SEOUL), who, text) for at, who, text in talk]
    rows = "".join(f'{when:%Y-%m-%d %H:%M:%S},"{who}","{text}"\n' for when, who, text in said)
    return f"\ufeffDate,User,Message\n{rows}".encode()


SEOUL = ZoneInfo("Asia/Seoul")
EXPORTS = {
    "discord": ("room.json", discord),
    "telegram": ("result.json", telegram),
    "facebook": ("message_1.json", facebook),
    "slack": ("2026-01-04.json", slack_day),
    "whatsapp": ("WhatsApp Chat with 방.txt", whatsapp),
    "kakaotalk": ("KakaoTalk_Chat_방_2026-02-01-10-00-00.csv", kakaotalk),
}
exported = pytest.mark.parametrize("format_name", EXPORTS)


def texts(storage: SessionSummaryStorage) -> list[list[str]]:
    """What was said on each day."""
    found = sorted(storage.list_recent(100), key=lambda one: one.created_at)
    return [[message.content for message in messages(storage, one.session_id)] for one in found]


FIRST_DAY, SECOND_DAY = [text for _, _, text in TALK[:5]], [TALK[5][2]]


@exported
def test_an_export_that_grew_or_was_cut_is_united(
    storage: SessionSummaryStorage, tmp_path: Path, format_name: str
) -> None:
    name, export = EXPORTS[format_name]
    path = tmp_path / "방" / name
    path.parent.mkdir()
    for part, expected in (
        (TALK[:2], (1, 0, 0)),
        (TALK[:4], (0, 1, 0)),
        (TALK, (1, 1, 0)),
        (TALK[3:], (0, 0, 2)),
        (TALK, (0, 0, 2)),
    ):
        path.write_bytes(export(part))
        report = run(storage, path, tz=SEOUL)
        assert (counts(report)[:3], report.rejected) == (expected, [])
    assert texts(storage) == [FIRST_DAY, SECOND_DAY]
    assert counts(run(storage, path, tz=SEOUL)) == (0, 0, 0, 0, 1)
    assert {one.metadata["participants"] == ["민수"] for one in storage.list_recent(2)} == {True, False}
    assert len(storage.search(user_id="Anna, B")) == 1
    assert {one.user_id for one in storage.list_recent()} == {"방"}


@exported
def test_overlapping_exports_in_one_run(storage: SessionSummaryStorage, tmp_path: Path, format_name: str) -> None:
    name, export = EXPORTS[format_name]
    for number, part in enumerate((TALK[2:5], TALK[:3], TALK[4:], TALK[1:4])):
        path = tmp_path / str(number) / "방" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(export(part))
    run(storage, tmp_path, tz=SEOUL)
    assert texts(storage) == [FIRST_DAY, SECOND_DAY]
    assert verify(storage, Silent()).ok


def test_the_exporter_of_one_export_has_a_name_in_the_other(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    talk = [
        ("민수", "환불 문의드려요"),
        ("영희", "ㅋㅋ"),
        ("민수", "ㅋㅋ"),
        ("영희", "주문 번호는요?"),
        ("철수", "저도요"),
    ]
    by_minsu, by_yeonghui, again = (tmp_path / str(number) / "KakaoTalk.txt" for number in range(3))
    for path, exporter, part in (
        (by_minsu, "민수", talk[:4]),
        (by_yeonghui, "영희", talk),
        (again, "민수", [*talk, ("민수", "끝")]),
    ):
        path.parent.mkdir()
        rows = (
            f"2026년 1월 4일 오후 3:1{at // 4}, {'회원님' if who == exporter else who} : {text}\n"
            for at, (who, text) in enumerate(part)
        )
        path.write_text("방 님과 카카오톡 대화\n저장한 날짜 : 2026년 1월 5일 오전 11:29\n\n" + "".join(rows), "utf-8")
        run(storage, path)
    [told] = said(storage).values()
    assert sorted(told) == sorted([*(f"{who}: {text}" for who, text in talk), "회원님: 끝"])
    [one] = storage.search(user_id="영희")
    assert one.message_count == 6


@exported
def test_a_message_that_was_edited_is_not_two(storage: SessionSummaryStorage, tmp_path: Path, format_name: str) -> None:
    name, export = EXPORTS[format_name]
    path = tmp_path / "방" / name
    path.parent.mkdir()
    path.write_bytes(export(TALK[:5]))
    run(storage, path, tz=SEOUL)
    path.write_bytes(export([TALK[0], (4, "Anna, B", "고친 말"), *TALK[2:4], (30, "Anna (renamed)", "Done")]))
    run(storage, path, tz=SEOUL)
    assert texts(storage) == [["환불 문의드려요", "고친 말", "ㅋㅋ", "ㅋㅋ", "Done"]]


@exported
def test_a_room_as_one_session(storage: SessionSummaryStorage, tmp_path: Path, format_name: str) -> None:
    name, export = EXPORTS[format_name]
    path = tmp_path / "방" / name
    path.parent.mkdir()
    path.write_bytes(export(TALK))
    assert run(storage, path, tz=SEOUL, split="none", user="나").new == 1
    assert texts(storage) == [FIRST_DAY + SECOND_DAY]
    assert storage.list_recent()[0].user_id == "나"


# -- meetings ---------------------------------------------------------------------------------------------------------


def test_captions_that_are_being_written_stay_one_session(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    path = tmp_path / "meeting.vtt"
    said = ["김팀장: 일정부터", "Anna: Sure.", "Anna: One moment", "김팀장: 배포는 금요일"]
    cues = [f"00:00:{n:02}.000 --> 00:00:{n + 1:02}.000\n{text}\n\n" for n, text in enumerate(said * 3)]
    for count, expected in ((2, (1, 0, 0)), (3, (0, 1, 0)), (12, (0, 1, 0)), (6, (0, 0, 1))):
        path.write_text("WEBVTT\n\n" + "".join(cues[:count]), "utf-8")
        assert counts(run(storage, path))[:3] == expected
    assert texts(storage) == [
        ["일정부터", "Sure. One moment", "배포는 금요일 일정부터", "Sure. One moment"] * 1
        + ["배포는 금요일 일정부터", "Sure. One moment", "배포는 금요일"]
    ]
    assert storage.list_recent()[0].metadata["participants"] == ["김팀장", "Anna"]


def test_a_history_that_is_being_written_gives_each_session_once(
    storage: SessionSummaryStorage, tmp_path: Path
) -> None:
    path = tmp_path / ".aider.chat.history.md"
    starts = [f"# aider chat started at 2026-01-0{day} 10:00:00" for day in (4, 5)]
    lines = [starts[0], "#### 고쳐줘", "", "I will.", "It is", "done.", starts[1], "#### again", "네."]
    for end, expected in ((4, (1, 0, 0)), (5, (0, 1, 0)), (9, (1, 1, 0)), (9, (0, 0, 0))):
        path.write_text("\n".join(lines[:end]) + "\n", "utf-8")
        os.utime(path, ns=(end, end))
        assert counts(run(storage, path))[:3] == expected
    assert texts(storage) == [["고쳐줘", "I will.\nIt is\ndone."], ["again", "네."]]


# -- Telegram: whose chat it is --------------------------------------------------------------------------------------


def private(owner: int, peer: int, talk: list[Said]) -> bytes:
    """A chat between two, as ``owner`` exports it: ``민수`` is the peer, everybody else the owner."""
    said = [
        {
            "id": at,
            "type": "message",
            "date_unixtime": str(BASE + at),
            "from": who,
            "from_id": f"user{peer if who == '민수' else owner}",
            "text": text,
        }
        for at, who, text in talk
    ]
    return orjson.dumps({"name": "민수", "type": "personal_chat", "id": peer, "messages": said})


def test_private_chats_of_two_people_with_the_same_third_stay_two(
    storage: SessionSummaryStorage, tmp_path: Path
) -> None:
    for owner, name in ((1, "Anna"), (2, "Bora")):
        path = tmp_path / name / "result.json"
        path.parent.mkdir()
        path.write_bytes(private(owner, 9, [(0, "민수", f"{name}, 비밀이야"), (5, name, "Good to know")]))
        assert counts(run(storage, path))[:3] == (1, 0, 0)
    assert said(storage) == {
        "telegram-1-9-2026-01-04": ["민수: Anna, 비밀이야", "Anna: Good to know"],
        "telegram-2-9-2026-01-04": ["민수: Bora, 비밀이야", "Bora: Good to know"],
    }


def test_a_private_chat_exported_by_either_side_is_one(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(private(1, 9, [(0, "민수", "안녕"), (5, "Anna", "Hello")]))
    run(storage, path)
    account = {
        "personal_information": {"user_id": 9},
        "chats": {"list": [orjson.loads(private(9, 1, [(0, "Me", "안녕"), (9, "민수", "One more")]))]},
    }
    path.write_bytes(orjson.dumps(account))
    assert counts(run(storage, path))[:3] == (0, 1, 0)
    assert texts(storage) == [["안녕", "Hello", "One more"]]


def test_a_private_chat_in_which_only_the_other_speaks_is_told_apart_by_the_user(
    storage: SessionSummaryStorage, tmp_path: Path
) -> None:
    path = tmp_path / "result.json"
    for owner, name in ((1, "Anna"), (2, "Bora")):
        path.write_bytes(private(owner, 9, [(owner, "민수", f"안녕 {name}")]))
        run(storage, path, user=name)
    assert sorted(texts(storage)) == [["안녕 Anna"], ["안녕 Bora"]]


def test_overlapping_exports_whose_personal_data_are_marked_are_united(
    storage: SessionSummaryStorage, tmp_path: Path
) -> None:
    talk = [(0, "민수", "첫 번호는 010-1111-2222"), (60, "Anna", "또는 010-3333-4444"), (120, "민수", "010-5555-6666")]
    path = tmp_path / "방" / "result.json"
    path.parent.mkdir()
    for part in (talk[:2], talk[1:], talk):
        path.write_bytes(telegram(part))
        run(storage, path, redact=True)
    assert [len(each) for each in texts(storage)] == [3]
