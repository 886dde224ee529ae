"""The newest line of each session is found, however many are looked for at once, and whatever their ids look like."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ion_summary.model import Message
from ion_summary.store import layout
from ion_summary.store.transcripts import encode_messages, encode_transcript, find_lines

DAY = 20_000
IDS = st.sampled_from(["a", "b", 'q"', 'a","user_id":"b', "한글", "\\", "c", "d", "e", "f\n"])
# Texts that look like the lines of others.
SAID = st.sampled_from(["안녕", '{"session_id":"a","user_id":"u"', '\n{"session_id":"b",', ""])


def line_of(session: str, said: str) -> bytes:
    messages = encode_messages([Message("user", said)])
    return encode_transcript(session, "u", messages, {"note": '{"session_id":"c","user_id":"x"}'})


@given(st.lists(st.tuples(IDS, SAID), max_size=12), st.sets(IDS, min_size=1), st.integers(0, 40))
def test_many_are_found_as_each_alone(
    tmp_path_factory: object, written: list[tuple[str, str]], wanted: set[str], torn: int
) -> None:
    root = tmp_path_factory.mktemp("store")  # type: ignore[attr-defined]
    path: Path = layout.transcripts_path(root, DAY)
    path.parent.mkdir(parents=True)
    lines = [line_of(session, said).rstrip(b"\n") for session, said in written]
    path.write_bytes(b"".join(line + b"\n" for line in lines) + line_of("a", "torn")[:torn].rstrip(b"\n"))
    newest = {session: line for (session, _), line in zip(written, lines, strict=True) if session in wanted}
    everybody = [f"nobody-{number}" for number in range(9)]
    assert find_lines(root, DAY, [*wanted, *everybody]) == newest
    assert {session: line for one in wanted for session, line in find_lines(root, DAY, [one]).items()} == newest
