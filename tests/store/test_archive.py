from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.errors import SnapshotCorruptError
from ion_summary.operations.backup import BackupRequest, backup
from ion_summary.progress import Silent
from ion_summary.store.archives import format as archive
from ion_summary.store.archives import reading
from ion_summary.store.archives.format import Member, Piece
from ion_summary.store.archives.members import is_member
from ion_summary.store.archives.packing import GZIP, PIECE_BYTES, ZSTANDARD, UnpackingError, unpack, unpacked
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import files_of
from tests.store.hostile import ESCAPED, HOSTILE, LINE, RECORDS, entry, manifest, packed, tar

ROOT = Path(__file__).parents[2]
# Restores every archive of a directory, and says how each was refused, the CPU time
# that took (the clock's says more about the machine), and the most memory.
RESTORE = """
import json, sys, time
from pathlib import Path
from ion_summary.errors import IonSummaryError
from ion_summary.operations.restore import RestoreRequest, restore
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
said = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    begun = time.process_time()
    try:
        restore(SessionSummaryStorage(sys.argv[2]), RestoreRequest(path, workers=1), Silent())
        status = 0
    except IonSummaryError as error:
        status = error.exit_code
    # Not from getrusage: its maximum begins with that of the process this one was started by.
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024
    said[path.name] = status, time.process_time() - begun, peak
print(json.dumps(said))
"""


def read(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with ArchiveReader(path) as reader:
        done = [
            member.name for member in reader.each(lambda member, chunks: found.update({member.name: b"".join(chunks)}))
        ]
    return {name: found[name] for name in done}


@pytest.fixture
def by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has archives be read several members at a time that are too small for it to be worth while."""
    monkeypatch.setattr(reading, "_FOR_THREADS_BYTES", 0)


# -- pieces -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [ZSTANDARD, GZIP])
@given(parts=st.lists(st.binary(max_size=3_000), min_size=1, max_size=5), step=st.integers(1, 5_000))
def test_pieces_are_read_alone_and_as_one(codec: object, parts: list[bytes], step: int) -> None:
    pieces = [codec.pack(part) for part in parts]  # type: ignore[attr-defined]
    whole = b"".join(pieces)
    chunks = [whole[at : at + step] for at in range(0, len(whole), step)]
    assert b"".join(unpacked(codec, chunks)) == b"".join(parts)  # type: ignore[arg-type]
    for part, piece in zip(parts, pieces, strict=True):
        assert unpack(codec, piece, len(part) or 1) == part  # type: ignore[arg-type]
        if part:
            with pytest.raises(UnpackingError):
                unpack(codec, piece + b"x", len(part))  # type: ignore[arg-type]
            if len(part) > 1:
                with pytest.raises(UnpackingError):
                    unpack(codec, piece, len(part) - 1)  # type: ignore[arg-type]


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[".tar.zst", ".tar.gz", ".tar.zst by threads"])
def small(request: pytest.FixtureRequest, storage: SessionSummaryStorage, tmp_path: Path) -> Path:
    if request.param.endswith("by threads"):
        request.getfixturevalue("by_threads")
    for number in range(3):
        storage.save(f"s-{number}", "u", f"- 환불 {number}")
    made = backup(storage, BackupRequest(tmp_path / "out", gzip=request.param == ".tar.gz", tz=UTC), Silent()).archive
    assert made is not None
    return made


def undetected(path: Path, changed: Iterator[tuple[str, bytes]]) -> tuple[int, list[str]]:
    """How many changed archives were looked at, and those that were taken for whole."""
    looked, missed = 0, []
    for name, data in changed:
        path.write_bytes(data)
        looked += 1
        try:
            read(path)
        except SnapshotCorruptError:
            continue
        missed.append(name)
    return looked, missed


def flips(data: bytes, bits: Callable[[int], list[int]]) -> Iterator[tuple[str, bytes]]:
    for place in range(len(data)):
        for bit in bits(place):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            yield f"bit {bit} of byte {place}", bytes(changed)


def test_a_flip_of_any_byte_is_found(small: Path, tmp_path: Path) -> None:
    draw = random.Random(1)
    looked, missed = undetected(tmp_path / "a", flips(small.read_bytes(), lambda _: [draw.randrange(8)]))
    assert looked == small.stat().st_size
    assert missed == []


@pytest.mark.sweep
def test_a_flip_of_any_bit_is_found(small: Path, tmp_path: Path, figure: Callable[[str], None]) -> None:
    looked, missed = undetected(tmp_path / "a", flips(small.read_bytes(), lambda _: list(range(8))))
    assert missed == []
    figure(f"{small.name[28:]}: {looked} of {looked} flipped bits found")


def test_a_cut_at_any_byte_is_found(small: Path, tmp_path: Path, figure: Callable[[str], None]) -> None:
    data = small.read_bytes()
    looked, missed = undetected(tmp_path / "a", ((str(at), data[:at]) for at in range(len(data))))
    assert (looked, missed) == (len(data), [])
    figure(f"{small.name[28:]}: {looked} of {looked} cuts found")


def test_what_follows_the_end_is_found(small: Path) -> None:
    data = small.read_bytes()
    for more in (b"\0", b"x", data, bytes(1024), GZIP.pack(b""), ZSTANDARD.pack(b"")):
        small.write_bytes(data + more)
        with pytest.raises(SnapshotCorruptError):
            read(small)


# -- archives that others have made ----------------------------------------------------------------------------------


def test_an_archive_packed_anew_by_tar_is_read_but_not_without_its_seal(small: Path, tmp_path: Path) -> None:
    whole = read(small)
    files = [(name, data) for name, data in whole.items()]
    bare = manifest(*[entry(name, data) for name, data in files])
    for form in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT):
        (tmp_path / "a").write_bytes(packed(("manifest.json", bare), *reversed(files), form=form))
        assert read(tmp_path / "a") == whole
        (tmp_path / "a").write_bytes(ZSTANDARD.pack(tar(("manifest.json", bare), *files, form=form)))
        assert read(tmp_path / "a") == whole
    raw = b"".join(unpacked(ZSTANDARD if small.name.endswith("zst") else GZIP, [small.read_bytes()]))
    with tarfile.open(fileobj=io.BytesIO(raw)) as ours:
        assert ours.getnames()[0] == "manifest.json"
    (tmp_path / "a").write_bytes(gzip.compress(raw))  # its manifest promises a seal
    with pytest.raises(SnapshotCorruptError, match="seal"):
        read(tmp_path / "a")


def in_pieces(said: bytes, *streams: bytes, end: bytes = archive.END) -> bytes:
    """An archive with a seal that is in order, whatever the pieces hold."""
    packs = [ZSTANDARD.pack(each) for each in (member("manifest.json", said), *streams, end)]
    seal = archive.seal_start(ZSTANDARD, [Piece(len(each), hashlib.sha256(each).digest()) for each in packs])
    whole = b"".join(packs) + seal
    return whole + hashlib.sha256(whole).digest()


def member(name: str = RECORDS, data: bytes = LINE) -> bytes:
    return archive.header(name, len(data), 0) + data + bytes(archive.padding(len(data)))


LATER, OTHER = RECORDS.replace("04.", "05."), LINE.replace(b"- x", b"- y")
SAID = manifest(entry(RECORDS, LINE), entry(LATER, OTHER), piece_bytes=PIECE_BYTES)
FALSE = {
    "in another order": (SAID, [member(LATER, OTHER), member()], archive.END),
    "the same member twice": (SAID, [member(), member()], archive.END),
    "a link": (SAID, [member(), archive.header(LATER, 0, 0)[:156] + b"2" + bytes(355)], archive.END),
    "shorter than it says": (SAID, [member(), member(LATER, OTHER)[: archive.BLOCK + 10]], archive.END),
    "longer than it says": (SAID, [member(), member(LATER, OTHER) + bytes(512)], archive.END),
    "swelling": (SAID, [member(), member(LATER, OTHER) + bytes(1 << 30)], archive.END),
    "behind the end of a member": (SAID, [member()[:-1] + b"x", member(LATER, OTHER)], archive.END),
    "another content": (SAID, [member(), member(LATER, LINE)], archive.END),
    "another count": (
        manifest(entry(RECORDS, LINE), entry(LATER, OTHER, records=2), piece_bytes=PIECE_BYTES),
        [member(), member(LATER, OTHER)],
        archive.END,
    ),
    "a member behind the last": (SAID, [member(), member(LATER, OTHER)], member("2026-01/x") + archive.END),
}


@pytest.mark.parametrize("what", [None, *FALSE])
def test_what_differs_from_the_manifest_is_refused_by_threads_too(
    by_threads: None, tmp_path: Path, what: str | None
) -> None:
    said, streams, end = FALSE.get(what or "", (SAID, [member(), member(LATER, OTHER)], archive.END))
    path = tmp_path / "a"
    path.write_bytes(in_pieces(said, *streams, end=end))
    if what is None:
        assert read(path) == {RECORDS: LINE, LATER: OTHER}
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SnapshotCorruptError):
        read(path)


def test_a_member_of_many_pieces_is_read_by_threads_as_by_one(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    draw = random.Random(1)
    for number in range(60):
        storage.save(f"s-{number}", "u", "- " + draw.randbytes(120_000).hex())  # in one day of 14 MB
    made = backup(storage, BackupRequest(tmp_path / "out", tz=UTC), Silent()).archive
    assert made is not None
    with ArchiveReader(made) as reader:
        assert reader.manifest.size > reading._FOR_THREADS_BYTES > PIECE_BYTES
        one_by_one = {each.name: b"".join(chunks) for each, chunks in reader}
    assert read(made) == one_by_one


def test_who_stops_reading_has_the_threads_stop(by_threads: None, small: Path) -> None:
    begun = threading.active_count()

    def take(_: Member, chunks: Iterator[bytes]) -> None:
        for _chunk in chunks:
            raise OSError("the disk is full")

    with ArchiveReader(small) as reader, pytest.raises(OSError, match="full"):
        list(reader.each(take))
    assert threading.active_count() == begun


def test_hostile_archives_are_refused_at_once_and_nothing_is_outside(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    for number, (name, make) in enumerate(HOSTILE.items()):
        (archives / f"{number:02} {name.replace('/', '-')}").write_bytes(make())
    (tmp_path / "place").mkdir()
    command = [sys.executable, "-W", "error", "-c", RESTORE, str(archives), str(tmp_path / "place" / "store")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said) == len(HOSTILE) >= 20
    for name, (status, took, peak) in said.items():
        assert status == 30, (name, status)
        assert took < 2, (name, took)
        assert peak < 200, (name, peak)
    assert list((tmp_path / "place").iterdir()) == []
    assert not [path for path in (tmp_path / ESCAPED, Path("/tmp") / ESCAPED, ROOT / ESCAPED) if path.exists()]
    slowest, most = max(took for _, took, _ in said.values()), max(peak for _, _, peak in said.values())
    figure(f"{len(said)} hostile archives refused, the slowest in {slowest:.2f} s of CPU, {most} MB, 0 bytes outside")


def test_the_least_archive_of_another_tool_is_restored(tmp_path: Path) -> None:
    """So that the hostile ones are not refused for something else."""
    (tmp_path / "a").write_bytes(packed(("manifest.json", manifest(entry(RECORDS, LINE))), (RECORDS, LINE)))
    assert read(tmp_path / "a") == {RECORDS: LINE}
    before = files_of(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    from ion_summary.errors import UsageError

    for path in (tmp_path / "fifo", tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError):
            read(path)
    (tmp_path / "fifo").unlink()
    assert files_of(tmp_path) == before


@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.from_regex(r"[./a-z0-9_-]{0,60}", fullmatch=True))
def test_no_name_leads_out_of_a_store(name: str) -> None:
    if is_member(name):
        assert not name.startswith(("/", "."))
        assert ".." not in name
        assert name.isascii()
        assert name.count("/") <= 2
        assert name.isprintable()


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_whatever_is_changed_before_it_is_packed_is_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], zst: bool
) -> None:
    """No checksum of the packing helps here: headers, manifest and bytes are read as they come."""
    raw = bytearray(tar(("manifest.json", manifest(entry(RECORDS, LINE))), (RECORDS, LINE)))
    for place, value in changes:
        raw[place] = value
    path = tmp_path_factory.mktemp("changed") / "a"
    path.write_bytes(ZSTANDARD.pack(bytes(raw)) if zst else gzip.compress(bytes(raw)))
    with suppress(SnapshotCorruptError):
        assert read(path) == {RECORDS: LINE}


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})


@given(
    st.dictionaries(st.sampled_from(["format", "created_at", "sessions", "piece_bytes", "members"]), values), st.data()
)
def test_whatever_a_manifest_says_is_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, object], data: st.DataObject
) -> None:
    keys = ["name", "bytes", "sha256", "records", "inode", "mtime_ns"]
    one = entry(RECORDS, LINE) | data.draw(st.dictionaries(st.sampled_from(keys), values))
    fields = {"format": 1, "created_at": "2026-01-05T00:00:00Z", "members": [one]} | changes
    path = tmp_path_factory.mktemp("changed") / "a"
    path.write_bytes(packed(("manifest.json", json.dumps(fields).encode()), (RECORDS, LINE)))
    with suppress(SnapshotCorruptError):
        assert read(path) == {RECORDS: LINE}
