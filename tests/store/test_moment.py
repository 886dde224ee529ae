"""What does a reader do that finds lines of somebody who is just writing them?"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from ion_summary.store.index import IndexWriter
from ion_summary.store.query import Query
from ion_summary.store.reading import IndexReader
from ion_summary.store.storage import SessionSummaryStorage


@pytest.fixture
def filled(store: Path) -> Path:
    with SessionSummaryStorage(store) as storage:
        storage.save("s-0", "u", "- 환불")
        assert storage.find(Query(text="환불"))[0] == 1
    return store


@pytest.mark.parametrize(("until_asked", "copies"), [(False, 0), (True, 1)])
def test_it_waits_a_moment_for_the_index_and_then_looks_itself(
    filled: Path, mocker: MockerFixture, until_asked: bool, copies: int
) -> None:
    there, looked, answered = threading.Event(), threading.Event(), threading.Event()
    extend = IndexWriter.extend

    def slowly(writer: IndexWriter, *what: Any) -> None:
        there.set()
        assert (answered if until_asked else looked).wait(60)
        extend(writer, *what)

    def save() -> None:
        with SessionSummaryStorage(filled) as other:
            other.save("s-1", "u", "- 환불")

    def look(*what: Any) -> bool:
        looked.set()
        return taken_in(*what)

    from ion_summary.store import reading

    taken_in = reading._are_taken_in
    mocker.patch.object(IndexWriter, "extend", slowly)
    mocker.patch.object(reading, "_are_taken_in", look)
    # For the one that is to be in time, a moment is as long as it takes on a busy machine.
    mocker.patch.object(reading, "_A_MOMENT_S", 0.05 if until_asked else 60)
    copied = mocker.spy(IndexReader, "_copied")
    writer = threading.Thread(target=save)
    writer.start()
    try:
        assert there.wait(60)
        with SessionSummaryStorage(filled) as storage:
            assert storage.find(Query(text="환불"))[0] == 2
    finally:
        answered.set()
        looked.set()
        writer.join()
    assert copied.call_count == copies


def test_what_is_about_to_be_written_anew_is_still_there(filled: Path) -> None:
    """Who deletes says so in the catalog before. A reader that has just looked must not take it for what there is."""
    with SessionSummaryStorage(filled) as storage, SessionSummaryStorage(filled) as other:
        storage.save("s-1", "u", "- 환불")
        assert storage.find(Query(text="환불"))[0] == 2
        with other.writing() as writer:
            writer.expect_changes(list(writer.catalog.partitions()))
            assert storage.find(Query(text="환불"))[0] == 2
            assert storage.find(Query(user="u"))[0] == 2
        assert storage.find(Query(text="환불"))[0] == 2
