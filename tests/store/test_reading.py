"""Does a reader see everything that counts, at once?"""

from __future__ import annotations

from pathlib import Path

from ion_summary.store.storage import SessionSummaryStorage


def test_a_look_before_the_first_save_does_not_hide_it(store: Path) -> None:
    store.mkdir()
    with SessionSummaryStorage(store) as storage:
        assert storage.list_recent() == []
        storage.save("s-1", "u", "- 환불")
        assert [one.session_id for one in storage.list_recent()] == ["s-1"]
        storage.delete("s-1")
        assert storage.load("s-1") is None
        storage.save("s-2", "u", "- 환불")
        assert storage.load("s-2") is not None


def test_what_another_process_saves_is_seen(store: Path) -> None:
    with SessionSummaryStorage(store) as reader, SessionSummaryStorage(store) as writer:
        writer.save("s-1", "u", "- 환불 하나")
        assert len(reader.search(query_text="환불")) == 1
        for number in range(2, 12):
            writer.save(f"s-{number}", "u", f"- 환불 {number}")
            assert len(reader.search(query_text="환불")) == number
        writer.save("s-1", "u", "- 반품")
        assert len(reader.search(query_text="환불")) == 10
        writer.delete("s-2")
        assert len(reader.search(query_text="환불")) == 9
        assert reader.load("s-2") is None
