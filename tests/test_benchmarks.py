"""Are the sessions that benchmarks run on the same every time, and as frequent as their documentation says?"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import orjson
import pytest

from benchmarks import exports, generate, readers, vocabulary
from ion_summary.transcripts.detect import READERS, detect
from ion_summary.transcripts.reader import Source


def test_a_session_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    generate.write_transcripts(tmp_path / "few", 20, files=3)
    generate.write_transcripts(tmp_path / "more", 50, files=2)

    def lines(name: str) -> list[bytes]:
        return b"".join(path.read_bytes() for path in sorted((tmp_path / name).iterdir())).splitlines()

    assert lines("few") == lines("more")[:20]
    assert generate.session(7, seed=2) != generate.session(7, seed=1)


def test_sessions_have_the_promised_size_and_languages() -> None:
    sessions = [generate.session(number) for number in range(400)]
    assert 2000 < sum(len(orjson.dumps(session)) for session in sessions) / len(sessions) < 2500
    korean = [any("가" <= letter <= "힣" for letter in session["messages"][0]["content"]) for session in sessions]
    assert sum(korean) == 200
    assert all(6 <= len(session["messages"]) <= 14 for session in sessions)


@cache
def requests() -> list[str]:
    return [generate.session(number)["messages"][0]["content"] for number in range(4000)]


@pytest.mark.parametrize(("word", "low", "high"), [("환불", 0.003, 0.007), ("refund", 0.003, 0.007), ("주문", 0.05, 1)])
def test_probe_words_occur_in_requests_at_the_documented_rate(word: str, low: float, high: float) -> None:
    assert low < sum(word in request for request in requests()) / len(requests()) < high


def test_absent_words_are_absent() -> None:
    text = " ".join(orjson.dumps(generate.session(number)).decode() for number in range(1000))
    assert not any(word in text for word in vocabulary.ABSENT)


@pytest.mark.parametrize(
    ("written", "read"),
    [("주문을/를", "주문을"), ("계좌을/를", "계좌를"), ("서울(으)로", "서울로"), ("앱(으)로", "앱으로")],
)
def test_particles_fit_their_word(written: str, read: str) -> None:
    assert generate._PARTICLE.sub(generate._particle, written) == read


@pytest.mark.parametrize("name", exports.WRITERS)
def test_exports_are_what_they_are_called_and_whole(tmp_path: Path, name: str) -> None:
    """What the benchmark of a reader reads is of that format, and nothing in it is rejected."""
    path = tmp_path / f"x{exports.SUFFIXES.get(name, '.jsonl')}"
    written = exports.WRITERS[name](path, 30_000)
    detection = detect(Source(path.name, path))
    assert detection.reader is READERS[name]
    assert readers.read_all(path) == written


def test_every_reader_has_an_export_to_be_measured_on() -> None:
    assert set(exports.WRITERS) == set(READERS)
