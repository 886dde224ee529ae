"""The splitter of large JSON documents gives what ``json.loads`` gives, however the document falls into chunks."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.transcripts import json_stream
from ion_summary.transcripts.json_stream import elements
from tests.conftest import examples

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
# Texts full of what must not be taken for structure.
TEXTS = st.text(alphabet='"\\[]{},: \n\u2028한😀a', max_size=12)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
# Elements that begin alike, and hold what begins alike: here the end of an element is guessed, and guessed wrong.
ALIKE = st.fixed_dictionaries(
    {
        "id": SCALARS | TEXTS,
        "name": VALUES,
        "children": st.lists(st.fixed_dictionaries({"id": TEXTS, "name": TEXTS}), max_size=3),
    }
)
CHUNKS = st.integers(1, 40) | st.just(1 << 20)


def encoded(value: object, indent: int | None, ascii_only: bool) -> bytes:
    return json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()


@settings(max_examples=examples(120), deadline=None)
@given(st.lists(VALUES, max_size=6) | st.lists(ALIKE, max_size=8), st.sampled_from([None, 2]), st.booleans(), CHUNKS)
def test_an_array(values: list[object], indent: int | None, ascii_only: bool, chunk: int) -> None:
    found = list(elements(io.BytesIO(encoded(values, indent, ascii_only)), chunk=chunk))
    assert not [each.problem for each in found if each.problem]
    assert [each.value for each in found] == values


@settings(max_examples=examples(40), deadline=None)
@given(st.sampled_from([None, 2]), st.booleans(), CHUNKS)
def test_arrays_deeper_down_are_streamed(indent: int | None, ascii_only: bool, chunk: int) -> None:
    document = {
        "about": "x",
        "chats": {
            "note": [1],
            "list": [{"name": "a", "messages": [{"t": 1}, {"t": [2]}]}, 5, {"messages": []}],
            "end": {},
        },
        "left": {"list": 7},
    }
    found = list(
        elements(io.BytesIO(encoded(document, indent, ascii_only)), frozenset({"chats.list.messages", "left.x"}), chunk)
    )
    assert [(each.key, each.value) for each in found if not each.problem] == [
        ("about", "x"),
        ("chats.note", [1]),
        ("chats.list", {}),
        ("chats.list.name", "a"),
        ("chats.list.messages", {"t": 1}),
        ("chats.list.messages", {"t": [2]}),
        ("chats.list", {}),
        ("chats.end", {}),
        ("left.list", 7),
    ]
    assert len(found) == 9


@settings(max_examples=examples(80), deadline=None)
@given(
    st.dictionaries(TEXTS, VALUES | st.lists(ALIKE, max_size=5), max_size=5),
    st.sampled_from([None, 2]),
    CHUNKS,
    st.data(),
)
def test_an_object_some_of_whose_arrays_are_streamed(
    value: dict[str, object], indent: int | None, chunk: int, data: st.DataObject
) -> None:
    streamed = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    expected: list[tuple[str, object]] = []
    for key, member in value.items():
        expected += (
            [(key, each) for each in member] if key in streamed and isinstance(member, list) else [(key, member)]
        )
    found = list(elements(io.BytesIO(encoded(value, indent, True)), frozenset(streamed), chunk))
    assert not [each.problem for each in found if each.problem]
    assert [(each.key, each.value) for each in found] == expected


@settings(max_examples=examples(120), deadline=None)
@given(st.lists(VALUES | ALIKE, min_size=1, max_size=6), st.data(), CHUNKS)
def test_damage_is_told_and_what_came_before_it_is_kept(values: list[object], data: st.DataObject, chunk: int) -> None:
    raw = encoded(values, None, False)
    cut = data.draw(st.integers(1, len(raw) - 1))
    found = list(elements(io.BytesIO(raw[:cut]), chunk=chunk))
    assert found[-1].problem, "a document that is cut off says so"
    good = [each.value for each in found if not each.problem]
    assert good == values[: len(good)]
    flipped = bytearray(raw)
    flipped[cut] = data.draw(st.sampled_from(b'"\\[]{},: x'))
    list(elements(io.BytesIO(flipped), chunk=chunk))


def test_lines_are_those_where_the_values_begin() -> None:
    raw = b'\n[\n 1,\n\n {"a": "x\\ny",\n "b": 2},\n\n {"a": 3,\n "b": 4}, {"a": 5, "b": 6},\n 7 8\n]\n\nmore'
    found = list(elements(io.BytesIO(raw)))
    assert [(each.line, each.value) for each in found if not each.problem] == [
        (3, 1),
        (5, {"a": "x\ny", "b": 2}),
        (8, {"a": 3, "b": 4}),
        (9, {"a": 5, "b": 6}),
    ]
    assert [(each.line, each.problem.split(":")[0]) for each in found if each.problem] == [
        (10, "not JSON"),
        (13, "more text after the end of the JSON document"),
    ]


@pytest.mark.parametrize("chunk", [1, 3, 64, 1 << 20])
def test_a_value_that_is_too_large_is_passed_over(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_ELEMENT", 100)
    huge = ['y\\"]},[{' * 50, {"a": ["z" * 99, '"]' * 40]}, [[]] * 60, "\n" * 200, {"k": '\\" ' * 99}]
    values: list[object] = []
    for each in huge:
        values += ["small", each]
    found = list(elements(io.BytesIO(encoded([*values, 7], None, True)), chunk=chunk))
    assert [each.value for each in found] == ["small", None] * len(huge) + [7]
    assert {each.problem for each in found[1:-1:2]} == {"larger than 0 MiB"}


def test_nesting_is_bounded() -> None:
    deep = list(elements(io.BytesIO(b"[1, " + b"[" * 100_000)))
    assert deep[0].value == 1
    assert "levels deep" in str(deep[1].problem)
    assert len(deep) == 2


@pytest.mark.parametrize("raw", [b"", b"  ", b"17", b'"text"', b"null", b"}"])
def test_what_is_neither_array_nor_object(raw: bytes) -> None:
    assert [each.problem for each in elements(io.BytesIO(raw))] == ["neither a JSON array nor an object"]
