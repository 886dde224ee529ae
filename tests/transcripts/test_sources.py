"""What is found under a path, and what is refused: nothing blocks, nothing is followed out, nothing is unpacked."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.model import Session
from ion_summary.transcripts import archive, read
from ion_summary.transcripts.detect import detect
from ion_summary.transcripts.reader import Rejected, Source
from ion_summary.transcripts.sources import find
from tests.conftest import examples
from tests.transcripts.helpers import GOLDEN, OPTIONS

CHATGPT = (GOLDEN / "chatgpt-object.json").read_bytes()


def names(path: Path | str) -> list[str]:
    return [found.name for found in find([path]) if isinstance(found, Source)]


def refused(path: Path | str) -> dict[str, str]:
    return {Path(found.source).name: found.reason for found in find([path]) if isinstance(found, Rejected)}


def archived(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_a_directory_is_walked_in_sorted_order_without_hidden_files_junk_and_media(tmp_path: Path) -> None:
    for name in (
        "b.txt",
        "a/z.json",
        "a/deep/er/x.csv",
        ".hidden",
        ".git/config",
        "__MACOSX/b.txt",
        "c.PNG",
        "Thumbs.db",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [name.removeprefix(f"{tmp_path}/") for name in names(tmp_path)] == ["a/deep/er/x.csv", "a/z.json", "b.txt"]
    assert refused(tmp_path) == {}
    assert names(tmp_path / ".hidden") == [str(tmp_path / ".hidden")], "named by the user, it is taken"


def test_a_directory_nested_deeper_than_python_calls_functions(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        assert names(tmp_path) == []
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own clean-up recurses


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert refused(tmp_path) == {
            "fifo": "a FIFO, not a regular file",
            "socket": "a socket, not a regular file",
        }
        assert refused(tmp_path / "fifo") == {"fifo": "a FIFO, not a regular file"}
    assert refused("/dev/null") == {"null": "a device, not a regular file"}
    with pytest.raises(OSError, match="a FIFO"):
        Source("fifo", tmp_path / "fifo").open()


def test_a_link_is_followed_only_if_the_user_names_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("User: hi\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "real.txt").write_text("User: hi\n")
    (tree / "out").symlink_to(outside)
    (tree / "up").symlink_to(tmp_path, target_is_directory=True)
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "in").symlink_to(tree / "real.txt")
    (tree / "broken").symlink_to(tree / "nothing")
    assert [Path(name).name for name in names(tree)] == ["real.txt"]
    leads_out = "a symbolic link that leads out of the directory: name its target to read it"
    assert refused(tree) == {"out": leads_out, "up": leads_out, "broken": "a symbolic link to nothing"}
    [named] = find([tree / "out"])
    assert isinstance(named, Source)
    with named.open() as file:
        assert file.read() == b"User: hi\n"


def test_missing_and_unreadable_paths_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing") == {"missing": "no such file or directory"}
    assert [type(found) for found in find(["a\0b"])] == [Rejected]
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret").chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    assert refused(tmp_path) == {"secret": "permission denied"}


def test_names_that_are_not_utf8_or_act_on_a_terminal_are_shown_inert(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("User: a\n")
    (tmp_path / "red\x1b[31m\n.txt").write_text("User: b\n")
    shown = names(tmp_path)
    assert [Path(name).name for name in shown] == ["caf\ufffd.txt", "red .txt"]
    for found in find([tmp_path]):
        assert isinstance(found, Source)
        with found.open() as file:
            assert file.read(5) == b"User:"


def test_a_file_that_became_something_else_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("User: hi\n")
    [source] = find([tmp_path])
    assert isinstance(source, Source)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        source.open()
    assert detect(source).reader is None


def test_standard_input_may_be_looked_at_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO((GOLDEN / "plaintext-ko.txt").read_bytes())

    monkeypatch.setattr(sys, "stdin", Pipe)
    [source] = find(["-"])
    assert isinstance(source, Source)
    detection = detect(source)
    assert detection.reader
    assert [type(item) for item in read(source, detection.reader, OPTIONS)] == [Session]
    with source.open() as file:
        assert file.read(6).decode() == "사용"


def test_an_archive_through_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO(archived(tmp_path / "x.zip", {"conversations.json": CHATGPT}).read_bytes())

    monkeypatch.setattr(sys, "stdin", Pipe)
    [source] = find(["-"])
    assert isinstance(source, Source)
    assert source.name == "-:conversations.json"
    with source.open() as file:
        assert file.read() == CHATGPT


def test_a_chatgpt_archive_gives_its_shards_and_passes_over_the_rest(tmp_path: Path) -> None:
    beside = ("user.json", "chat.html", "message_feedback.json", "export_manifest.json", "file-1.dat", "image.png")
    shards = {f"conversations-{number:03}.json": CHATGPT for number in (1, 0)}
    path = archived(tmp_path / "export.zip", {**shards, **dict.fromkeys(beside, b"{}"), "__MACOSX/._user.json": b"x"})
    found = list(find([path]))
    assert [each.name for each in found if isinstance(each, Source)] == [
        f"{path}:conversations-000.json",
        f"{path}:conversations-001.json",
    ]
    assert len(found) == 2
    for source in found:
        assert isinstance(source, Source)
        detection = detect(source)
        assert detection.reader
        assert detection.reader.name == "chatgpt"
        assert sum(isinstance(item, Session) for item in read(source, detection.reader, OPTIONS)) == 2


def test_a_claude_archive_gives_its_conversations_alone(tmp_path: Path) -> None:
    conversations = (GOLDEN / "claude.json").read_bytes()
    beside = ("users.json", "projects.json", "memories.json", "projects/5f.json", "projects/deep/6f.json")
    path = archived(tmp_path / "data-2026.zip", {"conversations.json": conversations, **dict.fromkeys(beside, b"{}")})
    assert names(path) == [f"{path}:conversations.json"]
    assert refused(path) == {}
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    assert [Path(name).name for name in names(tmp_path / "unpacked")] == ["conversations.json"]


def test_what_gemini_cli_keeps_beside_its_sessions_is_passed_over(tmp_path: Path) -> None:
    for name in ("p/chats/session-1.jsonl", "p/logs.json", "p/checkpoint-a.json", "p/shell_history", "other/logs.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[]")
    found = [name.removeprefix(f"{tmp_path}/") for name in names(tmp_path)]
    assert found == ["other/logs.json", "p/chats/session-1.jsonl"]


def test_what_claude_code_keeps_beside_its_logs_is_passed_over(tmp_path: Path) -> None:
    for name in ("s/subagents/agent-1.jsonl", "s/subagents/agent-1.meta.json", "s/tool-results/1.txt", "s.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [name.removeprefix(f"{tmp_path}/") for name in names(tmp_path)] == ["s/subagents/agent-1.jsonl", "s.jsonl"]


def test_the_same_names_are_transcripts_where_no_export_lies_beside_them(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_bytes((GOLDEN / "native-array.json").read_bytes())
    assert [Path(name).name for name in names(tmp_path)] == ["users.json"]


def test_korean_names_of_members_in_either_encoding(tmp_path: Path) -> None:
    path = tmp_path / "korean.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("방.txt", b"User: a\n")
        old = zipfile.ZipInfo("old")
        old.filename = "상담.txt".encode("cp949").decode("cp437")
        file.writestr(old, b"User: b\n")
    raw = bytearray(path.read_bytes())
    # zipfile sets the UTF-8 flag for what is not ASCII; Korean Windows writes bare CP949.
    shown_as = old.filename.encode()
    plain = "상담.txt".encode("cp949")
    raw = bytearray(_without_utf8_flag(bytes(raw), shown_as, plain))
    path.write_bytes(raw)
    assert sorted(name.split(":")[-1] for name in names(path)) == ["방.txt", "상담.txt"]


def _without_utf8_flag(raw: bytes, name: bytes, other: bytes) -> bytes:
    """The archive with ``name`` replaced by ``other`` and unflagged, written anew with the right lengths."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            fresh = zipfile.ZipInfo("x" * len(other) if info.filename.encode() == name else info.filename)
            new.writestr(fresh, old.read(info))
    return out.getvalue().replace(b"x" * len(other), other)


def test_harmful_and_unreadable_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archived(
        tmp_path / "bomb.zip", {"conversations.json": b"\0" * (archive.FREE_UNPACKED + 1), "a.txt": b"User: a"}
    )
    assert "a zip bomb" in refused(bomb)[f"{bomb.name}:conversations.json"]
    assert [name.split(":")[-1] for name in names(bomb)] == ["a.txt"], "the rest is read"

    many = {f"{number}.txt": os.urandom(1) * (archive.FREE_UNPACKED // 80) for number in range(100)}
    monkeypatch.setattr(archive, "FREE_UNPACKED", archive.FREE_UNPACKED // 10)
    assert "a zip bomb" in refused(archived(tmp_path / "many-small.zip", many))["many-small.zip"]

    nested = archived(tmp_path / "nested.zip", {"inner.zip": archived(tmp_path / "i.zip", {"a": b"b"}).read_bytes()})
    assert refused(nested) == {"nested.zip:inner.zip": "an archive inside an archive: unpack it first"}

    locked = archived(tmp_path / "locked.zip", {"a.txt": b"User: hi\n"})
    raw = bytearray(locked.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(magic) + at] |= 1
    locked.write_bytes(raw)
    assert "encrypted" in refused(locked)["locked.zip:a.txt"]

    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    assert "more than 3" in refused(archived(tmp_path / "full.zip", dict.fromkeys("abcd", b"x")))["full.zip"]

    lying = bytearray(archived(tmp_path / "lying.zip", {"a": b"b"}).read_bytes())
    struct.pack_into("<I", lying, len(lying) - 10, 1 << 30)
    (tmp_path / "lying.zip").write_bytes(lying)
    assert "more than" in refused(tmp_path / "lying.zip")["lying.zip"]


def test_a_member_may_not_leave_and_unpacks_nowhere(tmp_path: Path) -> None:
    path = archived(tmp_path / "evil.zip", {"../../evil.json": CHATGPT, "/etc/evil.json": CHATGPT})
    before = set(tmp_path.rglob("*"))
    for source in find([path]):
        assert isinstance(source, Source)
        with source.open() as file:
            assert file.read() == CHATGPT
            file.seek(0)
            assert file.read(1) == CHATGPT[:1]
    assert set(tmp_path.rglob("*")) == before


def test_only_what_is_a_zip_is_opened_as_one(tmp_path: Path) -> None:
    path = tmp_path / "text.zip"
    path.write_text("User: not an archive\n")
    assert names(path) == [str(path)]


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_a_damaged_archive_never_raises(data: st.DataObject) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("conversations.json", CHATGPT)
        file.writestr("other.txt", "User: hi\n")
    raw = bytearray(out.getvalue())
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw)))]
    else:
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"ion-summary-{os.getpid()}.zip"
    path.write_bytes(raw)
    try:
        for found in find([path]):
            if isinstance(found, Source) and (reader := detect(found).reader):
                list(read(found, reader, OPTIONS))
    finally:
        path.unlink()


def test_sources_of_a_forked_process_do_not_share_a_position(tmp_path: Path) -> None:
    path = archived(tmp_path / "x.zip", {"a.txt": b"User: a\n" * 100_000, "b.txt": b"User: b\n" * 100_000})
    sources = [found for found in find([path]) if isinstance(found, Source)]
    with sources[0].open() as file:
        file.read(1000)
        child = os.fork()
        if child == 0:
            with sources[1].open() as other:
                os._exit(0 if other.read().endswith(b"User: b\n") else 1)
        rest = file.read()
    assert stat.S_ISREG(path.stat().st_mode)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(rest) == 799_000


@pytest.mark.parametrize("ending", ["", "\n"])
def test_the_parts_of_an_export_are_one_source_in_their_order(tmp_path: Path, ending: str) -> None:
    parts = {f"Talk_2026.1.27 21_37-{number}.txt": f"{number}{ending}" for number in (1, 2, 10)}
    (tmp_path / "x").mkdir()
    for name, text in {**parts, "Talk_other-1.txt": "o", "a.txt": "a"}.items():
        (tmp_path / "x" / name).write_text(text)
    path = archived(tmp_path / "x.zip", {f"x/{name}": text.encode() for name, text in parts.items()})
    for found in (list(find([tmp_path / "x"])), list(find([path]))):
        joined = next(each for each in found if isinstance(each, Source) and each.parts)
        assert joined.name.endswith("/Talk_2026.1.27 21_37-1.txt…Talk_2026.1.27 21_37-10.txt")
        assert [Path(each.name).name for each in joined.files] == list(parts)
        with joined.open() as file:
            assert file.read() == f"1\n2\n10{ending}".encode()
            for at in (2, 0, 4, 1):
                file.seek(at)
                assert file.read(1) == b"1\n2\n10"[at : at + 1]
            assert file.tell() == 2
    assert len(list(find([tmp_path / "x"]))) == 3


def test_a_part_that_is_no_file_is_refused_alone(tmp_path: Path) -> None:
    thread = tmp_path / "inbox" / "kim_1234567890"
    thread.mkdir(parents=True)
    (thread / "message_1.json").write_text("[]")
    os.mkfifo(thread / "message_2.json")
    (tmp_path / "secret_conversations.json").write_text("{}")
    assert names(tmp_path) == [str(thread / "message_1.json")]
    assert refused(tmp_path) == {"message_2.json": "a FIFO, not a regular file"}


def test_files_of_such_names_elsewhere_are_left_apart(tmp_path: Path) -> None:
    for name in ("message_1.json", "message_2.json", "Talk_with_bob-1.txt", "Talk_with_bob-2.txt", "x [part 2].json"):
        (tmp_path / name).write_text("[]")
    assert len(names(tmp_path)) == 5


def test_days_are_those_of_a_channel_only_below_the_lists_of_slack(tmp_path: Path) -> None:
    days = {f"export/general/2026-01-0{day}.json": b"[]" for day in (1, 2)}
    lists = {"export/users.json": b"[]", "export/channels.json": b"[]"}
    alone = archived(tmp_path / "alone.zip", days)
    with_lists = archived(tmp_path / "slack.zip", days | lists)
    assert len(names(alone)) == 2
    assert names(with_lists) == [f"{with_lists}:export/general/2026-01-01.json…2026-01-02.json"]
    users = archived(tmp_path / "users.zip", {**days, "export/users.json": b"[]"})
    assert len(names(users)) == 3, "one list alone may be anything"


def test_siblings_lie_in_the_same_directory_or_archive(tmp_path: Path) -> None:
    path = archived(tmp_path / "x.zip", {"a/b/1.txt": b"1", "a/top.txt": b"top"})
    source = next(each for each in find([path]) if isinstance(each, Source) and each.member == "a/b/1.txt")
    assert source.directory == "b"
    with source.sibling("../top.txt").open() as file:
        assert file.read() == b"top"
    for missing in ("../../../top.txt", "../../etc/passwd", "no.txt"):
        with pytest.raises(OSError):
            source.sibling(missing).open()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.txt").write_text("1")
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    named = next(each for each in find([tmp_path / "d"]) if isinstance(each, Source))
    with pytest.raises(OSError):
        named.sibling("../link.txt").open()
