from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from ion_summary.exports.report import Report, page

MADE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'&amp; </table> 환불 \x1b[31m\u202e"


class Outline(HTMLParser):
    """Every element with its attributes and text; fails where tags do not nest."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(name: str = "store", days: dict[date, int] | None = None) -> Report:
    groups = {"user": [(name, 3, 10, 1, 2)], "month": [("2026-01", 3, 10, 1, 2)], "source": []}
    return Report(name, MADE, {"total sessions": 1234, name: name}, days or {date(2026, 1, 4): 3}, groups)


def test_a_page_that_a_screen_reader_can_walk() -> None:
    found = Outline(page(report()).decode())
    assert found.named("html") == [{"lang": "en"}]
    assert len(found.named("title")) >= 1
    assert len(found.named("main")) == len(found.named("h1")) == 1
    headings = [tag for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert headings == ["h1", "h2", "h2", "h2", "h2"]
    assert len(found.named("caption")) == len(found.named("table")) == 2
    assert all(each.get("scope") in ("col", "row") for each in found.named("th"))
    assert all(each.get("role") == "img" and each.get("aria-label") for each in found.named("svg"))
    labelled = {each["aria-labelledby"] for each in found.named("section")}
    assert labelled == {each["id"] for each in found.named("h2")}
    assert "1,234" in found.text


def test_it_needs_no_network_and_runs_nothing() -> None:
    document = page(report()).decode()
    found = Outline(document)
    assert {tag for tag, _ in found.elements}.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not re.search(r"(?:\ssrc=|href=|url\(|@import|\son\w+=)", document)
    assert "default-src 'none'" in document


@given(st.text())
def test_no_name_becomes_markup(name: str) -> None:
    assert {tag for tag, _ in Outline(page(report(name)).decode()).elements} == {
        tag for tag, _ in Outline(page(report()).decode()).elements
    }


def test_hostile_names_are_shown_as_they_are() -> None:
    document = page(report(HOSTILE)).decode()
    assert "<script" not in document
    assert "\x1b" not in document
    assert "\u202e" not in document
    assert "<script>alert(1)</script>" in Outline(document).text
    assert "환불" in Outline(document).text


def test_every_day_of_the_picture_is_told() -> None:
    document = page(report(days={date(2026, 1, 4): 3, date(2026, 1, 1): 1000})).decode()
    assert "<title>2026-01-04: 3</title>" in document
    assert "<title>2026-01-01: 1,000</title>" in document
    assert "1,003 in all, at most 1,000 a day" in document


def test_an_empty_store_has_a_page_too() -> None:
    document = page(Report("store", MADE, {"total sessions": 0}, {}, {})).decode()
    assert "no sessions yet" in document
    assert Outline(document).named("svg") == []
