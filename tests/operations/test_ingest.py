"""What is given again, has grown, was torn, renamed or touched: each session is stored once, with all its messages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from unicodedata import normalize
from zoneinfo import ZoneInfo

import orjson
import pytest

from ion_summary.errors import NothingReadableError, UnknownFormatError
from ion_summary.operations import batch
from ion_summary.operations.ingest import IngestReport, IngestRequest, ingest
from ion_summary.operations.search import search
from ion_summary.operations.show import messages, show
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.transcripts.reader import Source
from tests.conftest import START, files_of, lines, session
from tests.store import oracle


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Where transcripts arrive: two files of three sessions each."""
    path = tmp_path / "받은 것"
    path.mkdir()
    (path / "a.jsonl").write_bytes(lines(session(0), session(1), session(2)))
    (path / "b.jsonl").write_bytes(lines(session(3), session(4), session(5)))
    return path


def run(storage: SessionSummaryStorage, *paths: Path, **more: Any) -> IngestReport:
    more.setdefault("workers", 1)
    return ingest(storage, IngestRequest(list(paths), **more), Silent())


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    """Sessions new, updated, unchanged; files read, unchanged."""
    return report.new, report.updated, report.unchanged, report.files_read, report.files_unchanged


def lines_stored(storage: SessionSummaryStorage) -> int:
    return sum(path.read_bytes().count(b"\n") for path in storage.path.glob("????-??/*.jsonl"))


def spoken(storage: SessionSummaryStorage, session_id: str) -> list[str]:
    return [message.content for message in messages(storage, session_id)]


def the_only(storage: SessionSummaryStorage) -> str:
    (one,) = storage.list_recent(10)
    return one.session_id


# -- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_directory_again_reads_nothing(storage: SessionSummaryStorage, inbox: Path) -> None:
    assert counts(run(storage, inbox)) == (6, 0, 0, 2, 0)
    before = files_of(storage.path)
    for _ in range(3):
        assert counts(run(storage, inbox)) == (0, 0, 0, 0, 2)
    assert files_of(storage.path) == before


def test_unchanged_files_are_not_opened(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    script = (
        "import sys\n"
        "from ion_summary.operations.ingest import IngestRequest, ingest\n"
        "from ion_summary.progress import Silent\n"
        "from ion_summary.store.storage import SessionSummaryStorage\n"
        "opened = []\n"
        "sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == 'open' else None)\n"
        "ingest(SessionSummaryStorage(sys.argv[1]), IngestRequest([sys.argv[2]]), Silent())\n"
        "print([name for name in opened if name.startswith(sys.argv[2]) and not name == sys.argv[2]])\n"
    )
    command = [sys.executable, "-c", script, str(storage.path), str(inbox)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "[]\n"


def test_a_touched_file_adds_nothing(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    os.utime(inbox / "a.jsonl", ns=(1, 1_700_000_000_000_000_000))
    report = run(storage, inbox)
    assert (report.new, report.updated) == (0, 0)
    assert lines_stored(storage) == 6
    assert counts(run(storage, inbox)) == (0, 0, 0, 0, 2)


def test_a_renamed_file_adds_nothing(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    (inbox / "a.jsonl").rename(inbox / "z.jsonl")
    assert counts(run(storage, inbox)) == (0, 0, 3, 1, 1)
    assert lines_stored(storage) == 6


def test_files_are_remembered_by_what_was_asked(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    assert run(storage, inbox, user="somebody").files_read == 2
    assert run(storage, inbox, source="elsewhere").files_read == 2
    assert lines_stored(storage) == 6


def test_a_lost_index_reads_again_and_adds_nothing(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    storage.close()
    shutil.rmtree(storage.path / "index")
    assert counts(run(storage, inbox)) == (0, 0, 6, 2, 0)
    assert lines_stored(storage) == 6


def test_the_same_file_twice_in_one_run(storage: SessionSummaryStorage, inbox: Path) -> None:
    report = run(storage, inbox / "a.jsonl", inbox / "a.jsonl", inbox)
    assert (report.new, report.updated) == (6, 0)
    assert lines_stored(storage) == 6


# -- growth -----------------------------------------------------------------------------------------------------------


def test_appended_sessions_are_read_from_where_it_stopped(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    with (inbox / "a.jsonl").open("ab") as file:
        file.write(lines(session(6), session(7)))
    assert counts(run(storage, inbox)) == (2, 0, 0, 1, 1)
    assert {one.session_id for one in storage.list_recent(20)} == {f"s-{number}" for number in range(8)}


def test_an_appended_session_that_has_grown(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    grown = [
        "환불 번호 0번을 요청합니다.",
        "Refund number 0 has been requested.",
        "배송지 변경도 부탁합니다.",
        "Changed.",
    ]
    with (inbox / "a.jsonl").open("ab") as file:
        file.write(lines(session(0, *grown)))
    assert counts(run(storage, inbox)) == (0, 1, 0, 1, 1)
    assert spoken(storage, "s-0") == grown
    assert show(storage, "s-0").message_count == 4
    assert storage.get_stats()["total_sessions"] == 6
    assert counts(run(storage, inbox)) == (0, 0, 0, 0, 2)


def test_a_shorter_older_export_changes_nothing(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    texts = ("하나", "둘", "셋", "넷")
    (tmp_path / "new.jsonl").write_bytes(lines(session(0, *texts)))
    (tmp_path / "old.jsonl").write_bytes(lines(session(0, *texts[:2])))
    assert counts(run(storage, tmp_path / "new.jsonl"))[:3] == (1, 0, 0)
    assert counts(run(storage, tmp_path / "old.jsonl"))[:3] == (0, 0, 1)
    assert spoken(storage, "s-0") == list(texts)


def test_an_edited_file_is_read_anew(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox)
    edited = session(1, "환불 번호 1번을 취소합니다.", "Refund number 1 has been cancelled.")
    (inbox / "a.jsonl").write_bytes(lines(session(0), edited, session(2), session(8)))
    report = run(storage, inbox)
    assert counts(report)[:3] == (1, 1, 2)
    assert spoken(storage, "s-1")[0] == "환불 번호 1번을 취소합니다."


@pytest.mark.parametrize("cut", [1, 2, 40, 150])
def test_a_torn_last_line_is_read_once_it_is_whole(storage: SessionSummaryStorage, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log.jsonl"
    data = lines(session(0), session(1), session(2))
    path.write_bytes(data[:-cut])
    first = run(storage, path)
    assert first.new == (3 if cut == 1 else 2)
    path.write_bytes(data + lines(session(3)))
    second = run(storage, path)
    assert first.new + second.new == 4
    assert second.rejected == []
    assert lines_stored(storage) == 4
    assert spoken(storage, "s-2")[0].startswith("환불 번호 2번")


def test_a_grown_session_without_an_id_stays_one(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    said = ["환불하고 싶어요", "주문번호를 알려 주세요", "12345입니다", "Thank you", "처리했습니다"]
    for count in (1, 2, 4, 5):
        path.write_bytes(lines(session(0, *said[:count], session_id=None)))
        run(storage, path)
        assert spoken(storage, the_only(storage)) == said[:count]
    assert storage.get_stats()["total_sessions"] == 1


def test_a_grown_session_without_an_id_moves_and_stays_one(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    said = ["환불하고 싶어요", "주문번호를 알려 주세요", "12345입니다"]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "chat.jsonl").write_bytes(lines(session(0, *said[:2], session_id=None)))
    (tmp_path / "two").mkdir()
    other = session(5, "배송이 늦어요", "확인하겠습니다", session_id=None)
    (tmp_path / "two" / "renamed.jsonl").write_bytes(lines(other, session(0, *said, session_id=None)))
    run(storage, tmp_path / "one")
    first = the_only(storage)
    report = run(storage, tmp_path / "two")
    assert counts(report)[:3] == (1, 1, 0)
    assert spoken(storage, first) == said


@pytest.mark.parametrize("batch", [1, 1000])
def test_two_that_go_on_from_the_same_session_stay_two(
    storage: SessionSummaryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("ion_summary.operations.ingest._BATCH_SESSIONS", batch)
    said = ["환불하고 싶어요", "주문번호를 알려 주세요"]
    (tmp_path / "a.jsonl").write_bytes(lines(session(0, *said, session_id=None)))
    run(storage, tmp_path / "a.jsonl")
    forks = [session(0, *said, last, session_id=None) for last in ("12345입니다", "54321 is my number")]
    (tmp_path / "b.jsonl").write_bytes(lines(*forks))
    assert counts(run(storage, tmp_path / "b.jsonl"))[:3] == (1, 1, 0)
    found = sorted(spoken(storage, one.session_id)[2] for one in storage.list_recent())
    assert found == ["12345입니다", "54321 is my number"]
    assert counts(run(storage, tmp_path / "b.jsonl", source="again"))[:3] == (0, 0, 2)


def test_different_users_are_not_merged(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    said = ["안녕하세요", "무엇을 도와드릴까요?", "환불 문의입니다"]
    (tmp_path / "a.jsonl").write_bytes(lines(session(0, *said[:2], session_id=None, user_id="철수")))
    (tmp_path / "b.jsonl").write_bytes(lines(session(0, *said, session_id=None, user_id="영희")))
    assert counts(run(storage, tmp_path))[:3] == (2, 0, 0)
    assert {one.user_id: one.message_count for one in storage.list_recent()} == {"철수": 2, "영희": 3}


def test_files_of_one_name_with_the_same_beginning_stay_two_sessions(
    storage: SessionSummaryStorage, tmp_path: Path
) -> None:
    for name, second in (("x", "첫째 답입니다"), ("y", "Another answer")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "chat.jsonl").write_bytes(lines(session(0, "안녕하세요", second, session_id=None)))
    for _ in range(2):
        run(storage, tmp_path / "x")
        run(storage, tmp_path / "y")
        found = sorted(spoken(storage, one.session_id)[1] for one in storage.list_recent())
        assert found == ["Another answer", "첫째 답입니다"]


def test_sessions_with_different_ids_are_never_merged(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(session(0, "같은 말", "Same"), session(1, "같은 말", "Same", start=START)))
    assert run(storage, tmp_path).new == 2


def test_updates_that_cross_midnight_stay_one_session(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    late = START.replace(hour=23, minute=58)
    path = tmp_path / "log.jsonl"
    for count in (1, 3, 5):
        path.write_bytes(lines(session(0, *["환불", "네", "배송", "네", "교환"][:count], start=late)))
        run(storage, path)
        assert len(spoken(storage, "s-0")) == count
    assert len(list(storage.path.glob("????-??/*.jsonl"))) == 2
    assert storage.get_stats()["total_sessions"] == 1
    assert verify(storage, Silent()).ok


# -- chat rooms -------------------------------------------------------------------------------------------------------


def kakaotalk(*days: tuple[str, list[str]]) -> bytes:
    """A Windows export of one room: days with their lines."""
    text = "등산 모임 님과 카카오톡 대화\n저장한 날짜 : 2026-01-20 18:22:05\n\n"
    for day, said in days:
        text += f"--------------- {day} ---------------\n" + "".join(line + "\n" for line in said)
    return text.encode("utf-8-sig").replace(b"\n", b"\r\n")


FIRST = ("2026년 1월 15일 목요일", ["[김철수] [오전 9:31] 내일 몇 시에 모일까요?", "[이영희] [오전 9:33] 8시 어때요"])
MORE = (
    FIRST[0],
    [*FIRST[1], "[박민수] [오후 2:10] 저는 9시가 좋습니다", "[김철수] [오후 2:11] ㅋㅋ", "[김철수] [오후 2:11] ㅋㅋ"],
)
SECOND = ("2026년 1월 16일 금요일", ["[김철수] [오전 9:31] 출발합니다"])


def test_overlapping_exports_of_a_room_are_united(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    seoul = ZoneInfo("Asia/Seoul")
    exports = [kakaotalk(FIRST), kakaotalk(MORE, SECOND), kakaotalk(MORE), kakaotalk((FIRST[0], MORE[1][2:]), SECOND)]
    for number, data in enumerate(exports):
        path = tmp_path / f"KakaoTalk_{number}.txt"
        path.write_bytes(data)
        report = run(storage, path, tz=seoul)
        assert report.rejected == []
        assert counts(report)[:3] == [(1, 0, 0), (1, 1, 0), (0, 0, 1), (0, 0, 2)][number]
    one, two = sorted(storage.list_recent(), key=lambda record: record.created_at)
    assert len(spoken(storage, one.session_id)) == 5
    assert spoken(storage, one.session_id).count("ㅋㅋ") == 2
    assert spoken(storage, two.session_id) == ["출발합니다"]
    assert one.user_id == "등산 모임"
    assert one.metadata["participants"] == ["김철수", "이영희", "박민수"]
    for form in ("NFC", "NFD"):
        assert storage.search(user_id=normalize(form, "박민수")) == [one]


def test_parts_of_a_day_in_one_run_are_united(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "KakaoTalk_1.txt").write_bytes(kakaotalk((FIRST[0], MORE[1][:2])))
    (tmp_path / "KakaoTalk_2.txt").write_bytes(kakaotalk((FIRST[0], MORE[1][2:])))
    report = run(storage, tmp_path)
    assert (report.new, report.updated) == (1, 1)
    assert len(spoken(storage, the_only(storage))) == 5


def test_what_is_kept_without_its_time_and_what_has_no_text_are_told(
    storage: SessionSummaryStorage, tmp_path: Path
) -> None:
    said = [
        {"role": "user", "content": "환불해 주세요", "timestamp": "04/01/2026 10:00"},
        {"role": "assistant", "content": "네, 처리했습니다", "timestamp": "yesterday"},
    ]
    blank = {"session_id": "s-2", "messages": [{"role": "user", "content": "  "}]}
    (tmp_path / "a.jsonl").write_bytes(lines({"session_id": "s-1", "messages": said}, blank))
    report = run(storage, tmp_path)
    assert [(one.line, one.reason) for one in report.rejected] == [
        (1, "message 1: 04/01/2026 10:00 is no time, nor is that of 1 more; what was said is kept"),
        (2, "no messages with text"),
    ]
    assert spoken(storage, "s-1") == ["환불해 주세요", "네, 처리했습니다"]


def test_what_two_ingest_at_once_is_new_to_one_of_them(
    storage: SessionSummaryStorage, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[IngestReport] = []

    def sort_before_another(*given: Any) -> batch.Sorted:
        found = batch.sort_batch(*given)
        monkeypatch.undo()
        with SessionSummaryStorage(storage.path) as other:
            others.append(run(other, inbox))
        return found

    monkeypatch.setattr("ion_summary.operations.ingest.sort_batch", sort_before_another)
    mine = run(storage, inbox)
    stored = lines_stored(storage)
    assert (others[0].new, others[0].unchanged) == (stored, 0)
    assert (mine.new, mine.unchanged) == (0, stored)


# -- options ----------------------------------------------------------------------------------------------------------


def test_user_and_source(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(session(0), session(1, user_id=None)))
    run(storage, tmp_path, user="나", source="상담 export")
    assert {one.session_id: one.user_id for one in storage.list_recent()} == {"s-0": "u-1", "s-1": "나"}
    assert search(storage, Query(source="상담 export")).total == 2
    assert search(storage, Query(source="native")).total == 0
    assert show(storage, "s-1").metadata["source"]["file"] == "a.jsonl"


def test_without_a_user_it_is_unknown(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(session(1, user_id=None)))
    run(storage, tmp_path)
    assert show(storage, "s-1").user_id == "unknown"
    assert search(storage, Query(source="native")).total == 1


def test_without_transcripts_none_is_kept(storage: SessionSummaryStorage, inbox: Path) -> None:
    run(storage, inbox, keep_transcripts=False)
    assert not (storage.path / "transcripts").exists()
    assert storage.messages("s-0") is None
    with (inbox / "a.jsonl").open("ab") as file:
        file.write(lines(session(0, "환불 번호 0번을 요청합니다.", "Refund number 0 has been requested.", "더")))
    assert run(storage, inbox, keep_transcripts=False).updated == 1
    assert counts(run(storage, inbox, keep_transcripts=False)) == (0, 0, 0, 0, 2)


def test_a_dry_run_writes_nothing(store: Path, inbox: Path) -> None:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert counts(run(storage, inbox, dry_run=True)) == (6, 0, 0, 2, 0)
        assert not store.exists()
        run(storage, inbox / "a.jsonl")
        before = {path: path.stat().st_mtime_ns for path in store.rglob("*.jsonl")}
        assert counts(run(storage, inbox, dry_run=True)) == (3, 0, 0, 1, 1)
        assert {path: path.stat().st_mtime_ns for path in store.rglob("*.jsonl")} == before
        assert counts(run(storage, inbox)) == (3, 0, 0, 1, 1)


def test_bullets_and_characters_are_limited(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    texts = [f"주문번호 {n}의 배송 일정이 {n}월 {n}일로 변경되었습니다." for n in range(1, 13)]
    (tmp_path / "a.jsonl").write_bytes(lines(session(0, *texts)))
    run(storage, tmp_path, max_bullets=2, max_chars=90)
    summary = show(storage, "s-0").summary
    assert 0 < len(summary) <= 90
    assert len(summary.splitlines()) <= 2


def test_times_come_from_the_messages_or_the_file(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    timeless = session(0)
    for message in timeless["messages"]:
        del message["timestamp"]
    (tmp_path / "a.jsonl").write_bytes(lines(timeless, session(1)))
    os.utime(tmp_path / "a.jsonl", (1_700_000_000, 1_700_000_000.5))
    run(storage, tmp_path)
    assert show(storage, "s-0").created_at == "2023-11-14T22:13:20.500Z"
    expected = (START + timedelta(days=1, minutes=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert show(storage, "s-1").created_at == expected


# -- what cannot be read ----------------------------------------------------------------------------------------------


def test_what_was_rejected_is_reported_again(storage: SessionSummaryStorage, inbox: Path) -> None:
    with (inbox / "a.jsonl").open("ab") as file:
        file.write(b'{"session_id": "bad", "messages": "none"}\n{broken\n' + lines(session(9)))
    (inbox / "noise.bin").write_bytes(bytes(range(256)) * 20)
    first = run(storage, inbox)
    assert first.new == 7
    assert [(Path(item.source).name, item.line) for item in first.rejected] == [
        ("a.jsonl", 4),
        ("a.jsonl", 5),
        ("noise.bin", None),
    ]
    second = run(storage, inbox)
    assert second.rejected == first.rejected
    assert (second.files_read, second.files_unchanged) == (0, 2)


def test_what_nobody_can_read_is_not_opened_again(
    storage: SessionSummaryStorage, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = inbox / "noise.bin"
    noise.write_bytes(bytes(range(256)) * 20)
    first = run(storage, inbox)
    opened, opening = list[str](), Source.open

    def noting(source: Source) -> BinaryIO:
        opened.append(Path(source.name).name)
        return opening(source)

    monkeypatch.setattr(Source, "open", noting)
    again = run(storage, inbox)
    assert (again.rejected, again.files_unchanged, opened) == (first.rejected, 2, [])
    with monkeypatch.context() as later:
        later.setattr("ion_summary.transcripts.detect.VERSION", "another, which may know the format")
        run(storage, inbox)
        assert opened == ["noise.bin"]
    noise.write_bytes(lines(session(10)))
    assert run(storage, inbox).new == 1


def test_what_could_not_be_opened_is_tried_again(
    storage: SessionSummaryStorage, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Source.open

    def refused(source: Source) -> BinaryIO:
        if source.name.endswith("a.jsonl"):
            raise PermissionError(13, "Permission denied")
        return opened(source)

    with monkeypatch.context() as patch:
        patch.setattr(Source, "open", refused)
        assert [item.reason for item in run(storage, inbox).rejected] == ["permission denied"]
    assert run(storage, inbox).new == 3


def test_nothing_readable_is_an_error_with_its_report(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(NothingReadableError) as error:
        run(storage, tmp_path)
    assert error.value.exit_code == 6
    assert [Path(item.source).name for item in error.value.fields["report"].rejected] == ["noise.bin"]
    assert not storage.exists
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NothingReadableError):
        run(storage, empty)


def test_an_unknown_format_is_an_error(storage: SessionSummaryStorage, inbox: Path) -> None:
    with pytest.raises(UnknownFormatError):
        run(storage, inbox, input_format="nonsense")


def test_a_file_that_vanishes_is_rejected(storage: SessionSummaryStorage, inbox: Path) -> None:
    report = run(storage, inbox / "a.jsonl", inbox / "missing.jsonl")
    assert report.new == 3
    assert [Path(item.source).name for item in report.rejected] == ["missing.jsonl"]


# -- both languages, both forms ---------------------------------------------------------------------------------------


def test_forms_of_one_text_are_one_session(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    texts = ("환불하고 싶어요, 카페에서 샀어요", "Café and naïve résumé are decomposed")
    for number, form in enumerate(("NFC", "NFD")):
        fields = session(0, *(normalize(form, text) for text in texts), session_id=normalize(form, "세션-é"))
        (tmp_path / f"{number}.jsonl").write_bytes(lines(fields | {"user_id": normalize(form, "김철수")}))
    report = run(storage, tmp_path)
    assert (report.new, report.updated, report.unchanged) == (1, 0, 1)
    for typed in ("환불", "café", "CAFÉ résumé", "카페"):
        for form in ("NFC", "NFD"):
            assert search(storage, Query(text=normalize(form, typed))).total == 1
    assert show(storage, normalize("NFC", "세션-é")).user_id == normalize("NFC", "김철수")


def test_a_snippet_shows_the_match(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    long = "배송 일정을 다시 안내해 드립니다. " * 8
    (tmp_path / "a.jsonl").write_bytes(
        lines(session(0, f"{long}전액환불요청은 내일 처리됩니다.", "Refund arrives on Monday."))
    )
    run(storage, tmp_path)
    for typed, shown in (("환불", "환불"), (normalize("NFD", "환불"), "환불"), ("REFUND", "Refund")):
        (hit,) = search(storage, Query(text=typed)).hits
        assert next(hit.snippet[start:end] for start, end in hit.spans) == shown


# -- worker processes -------------------------------------------------------------------------------------------------


def stored(storage: SessionSummaryStorage) -> list[dict[str, Any]]:
    found = []
    for path in sorted(storage.path.glob("????-??/*.jsonl")):
        for line in path.read_bytes().splitlines():
            fields = orjson.loads(line)
            del fields["metadata"]["saved_at"], fields["digest"]
            found.append(fields)
    return found


def many(path: Path, count: int = 900) -> Path:
    sessions = [
        session(n % 5, f"환불 번호 {n}번을 요청합니다. 배송은 {n}일 걸립니다.", f"Refund {n}.", session_id=f"s-{n}")
        for n in range(count)
    ]
    path.write_bytes(lines(*sessions))
    return path


def test_any_number_of_workers_writes_the_same(tmp_path: Path) -> None:
    path = many(tmp_path / "many.jsonl")
    results = []
    for workers in (1, 2):
        with SessionSummaryStorage(tmp_path / f"store-{workers}", tz=UTC) as storage:
            assert run(storage, path, workers=workers).new == 900
            results.append((stored(storage), files_of(storage.path / "transcripts")))
    assert results[0] == results[1]


KILLER = """
import os, signal, sys, threading
from pathlib import Path
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage

killed = []

def kill():
    while not killed:
        for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
                killed.append(pid)
                break

if __name__ == "__main__":
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    report = ingest(SessionSummaryStorage(sys.argv[1]), IngestRequest([sys.argv[2]], workers=2), Silent())
    print(report.new, len(killed))
"""


def test_a_killed_worker_loses_nothing(store: Path, tmp_path: Path) -> None:
    path = many(tmp_path / "many.jsonl")
    (tmp_path / "killer.py").write_text(KILLER)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "killer.py"), str(store), str(path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("900 1\n", 0), done.stderr
    assert len(oracle.scan(store)) == 900
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert verify(storage, Silent()).ok


def test_redacted_nothing_personal_is_stored_anywhere(tmp_path: Path) -> None:
    room = "010-1234-5678 님과 카카오톡 대화\n저장한 날짜 : 2026-01-04 18:00:00\n\n"
    room += "--------------- 2026년 1월 4일 일요일 ---------------\n"
    said = [
        "[010-1234-5678] [오후 3:10] 제 카드는 4539-1488-0343-6467 입니다\n",
        "[나] [오후 3:11] kim@example.com 으로 보내 드릴게요\n",
    ]
    source = tmp_path / "KakaoTalk_010-1234-5678.txt"
    request = IngestRequest([source], workers=1, redact=True)
    with SessionSummaryStorage(tmp_path / "store") as storage:
        for text in (room + said[0], room + "".join(said)):
            source.write_text(text, "utf-8")
            ingest(storage, request, Silent())
        (record,) = storage.list_recent()
        assert record.message_count == 2
        assert record.metadata["participants"] == ["[전화번호 1]", "나"]
        assert record.user_id == "[전화번호 1]"
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    for personal in (b"1234-5678", b"4539", b"0343", b"kim@", b"example.com"):
        assert personal not in stored


CARD = "4539-1488-0343-6467"
GROWING = [
    "안녕하세요 12345678901234 로 입금했어요",  # nothing says yet what the number is
    "Which account is it? Please tell me the account holder and the date too.",
    f"카드는 {CARD}, 전화는 010-1234-5678",
    "Thank you, I have noted it. We will call you back within the day.",
    "계좌번호는 12345678901234 입니다. 010-9999-8888 로도 주세요",
    "All right, everything has been noted down.",
]


@pytest.mark.parametrize("moved", [False, True])
def test_a_redacted_session_without_an_id_is_recognised_when_it_grows(
    storage: SessionSummaryStorage, tmp_path: Path, moved: bool
) -> None:
    for count in range(1, len(GROWING) + 1):
        path = tmp_path / (f"{count}.jsonl" if moved else "log.jsonl")
        path.write_bytes(lines(session(1, *GROWING[:count], session_id=None)))
        report = ingest(storage, IngestRequest([path], workers=1, redact=True), Silent())
        assert (report.new, report.updated) == ((1, 0) if count == 1 else (0, 1)), count
    (record,) = storage.list_recent()
    said = [message.content for message in messages(storage, record.session_id)]
    assert said[0] == "안녕하세요 [계좌번호 1] 로 입금했어요"
    assert said[4] == "[계좌번호 1] 입니다. [전화번호 2] 로도 주세요".replace("[계좌", "계좌번호는 [계좌", 1)
    again = ingest(storage, IngestRequest([path], workers=1, redact=True, user="u-1"), Silent())
    assert (again.new, again.updated, again.unchanged) == (0, 0, 1)
