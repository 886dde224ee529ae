"""Is only noise taken away, and no code, command, placeholder or address?"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ion_summary.summarizers.candidates import listen
from ion_summary.summarizers.noise import tidy
from ion_summary.summarizers.rule import summarize


def shown(said: str) -> str:
    return summarize([{"role": "user", "content": said}]).removeprefix("- U: ").removesuffix(" (open)")


FORMS = pytest.mark.parametrize("form", ["NFC", "NFD"])


@FORMS
@pytest.mark.parametrize(
    "said",
    [
        "Run `cat a.log | grep 500` on __init__.py, `git checkout <branch>`, dict[key], a || b",
        "`cat a.log | grep 500` 실행하고 `git checkout <브랜치>` 하면 `a[키]` 값이 나와요",
        "Change `**kwargs` to `<b>x</b>` and `~~a~~` in `[Laughter]`",
        "설정은 `[웃음] | __가__ | **나** | um the the` 그대로 두세요",
        "Type ``a `b` | c`` in the shell",
        "The cells `a|b` and `c | d` stay, and so does `- x` / `&lt;tag&gt;`",
        "Map<String,Integer> holds List<T> and vector<b> of Foo<Title>",
        "Map<문자열,Integer> 타입을 List<고객> 으로 바꿔 주세요",
        "GET /api/users/<user_id>/orders returns <title> of the post",
        "주소는 /api/users/<user_id>/orders 또는 /회원/<이름> 입니다",
        "Send it to Kim <minsu@example.com> or <https://shop.example/a>",
        "메일은 김민수 <minsu@example.com> 앞으로 보내 주세요",
        "ffmpeg -i <input> <output> works, <input file> does not",
        "Call f(*args, **kwargs) or g(**opts), then h(*args)",
        "**kwargs go to g(**opts) and x**2 + y**2 to h",
        "함수는 **kwargs 인자를 받아 g(**opts) 호출로 넘깁니다",
        "Both __init__ and __all__ = [x], __version__ are in a.__dict__",
        "__init__ 메서드와 __str__ 메서드를 고쳤습니다",
        "Use src/**/*.py, tests/**/*.py or **/*.js, lib/** for it",
        "Copy *.py,*.js and count(*), sum(*) of the rows",
        "ps aux | grep java | wc -l shows three",
        "터미널에서 ps aux | grep java 입력하면 나와요",
        "make test || echo failed",
        "|x| + |y| is |z|",
        "Press [ctrl] + [c] and read dict[key], arr[i], a[b](c), [Enter]",
        "단축키는 [확인] 버튼 옆 [ctrl] + [c] 그리고 배열[번호] 입니다",
        "Call handlers[key](event.name) at once",
        "The file is in src/README",
        "It runs on macOS/Linux and over Wi-Fi",
        "Look into ~/Desktop",
        "@types/node is missing from the package",
        "환불은~~내일까지~~ 됩니다",
    ],
)
def test_what_only_looks_like_markup_stays(said: str, form: str) -> None:
    assert shown(unicodedata.normalize(form, said)) == said


@FORMS
@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("The **blue** lamp and __the old__ one are ~~here~~ gone", "The blue lamp and the old one are here gone"),
        ("***Both*** lamps are **broken**, *really* broken", "Both lamps are broken, really broken"),
        ("**환불**은 __내일 오전__에, ~~취소~~는 **`취소`**를 보세요", "환불은 내일 오전에, 취소는 `취소`를 보세요"),
        ("<b>Wichtig</b>: the<br>invoice <span class='x'>is</span> wrong<hr/>", "Wichtig: the invoice is wrong"),
        ("<p>환불은 <b>금요일</b>에 <a href='https://x.example'>처리</a>됩니다", "환불은 금요일 에 처리 됩니다"),
        ("We agreed [Laughter] on the budget [inaudible] today", "We agreed on the budget today"),
        ("[Objection.] 예산은 [웃음] 내일까지 정합니다", "예산은 내일까지 정합니다"),
        ("Read the [red manual](https://x.example/1) today", "Read the red manual today"),
        ("여기[설명서](https://x.example/1)를 읽어 주세요", "여기설명서를 읽어 주세요"),
        ("<Media omitted> The roof leaks", "The roof leaks"),
        ("The order is late. ^JK", "The order is late."),
        ("The order is late. /DV", "The order is late."),
        ("The order is late - Paul", "The order is late"),
    ],
)  # fmt: skip
def test_markup_goes_and_its_text_stays(said: str, left: str, form: str) -> None:
    assert shown(unicodedata.normalize(form, said)) == left


@pytest.mark.parametrize(
    ("said", "cells"),
    [
        ("| name | price |\n|---|:-:|\n| lamp || 9 |\n| `a | b` | 7 |", ["name, price", "lamp || 9", "`a | b`, 7"]),
        ("이름 | 가격\n--- | ---\n전등 | 9원\n\nls | wc", ["이름, 가격", "전등, 9원", "ls | wc"]),
        ("Try:\ncat a.log \\\n  | grep 500 \\\n  | wc -l", ["Try:", "cat a.log \\", "  | grep 500 \\", "  | wc -l"]),
    ],
)
def test_only_a_table_loses_its_pipes(said: str, cells: list[str]) -> None:
    lines = "\n".join(text for text, _ in tidy(said)).split("\n")
    assert [" ".join(line.split()) for line in lines if line.strip()] == [" ".join(cell.split()) for cell in cells]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Um the the server is is down", "the server is down"),
        ("The uh I I I think it failed", "The I think it failed"),
        ("Um they had had a leak and said that that pipe broke", "they had had a leak and said that that pipe broke"),
        ("Um it is very very slow, port 80 80", "it is very very slow, port 80 80"),
        ("Um 천천히 천천히 그리고 너무 너무 느려요", "천천히 천천히 그리고 너무 너무 느려요"),
        ("Um 너무너무 느리고 하나 하나 다시 했어요", "너무너무 느리고 하나 하나 다시 했어요"),
        ("Um the screw is 20 mm long, type `um the the`", "the screw is 20 mm long, type `um the the`"),
    ],
)
def test_a_stutter_is_of_words_that_carry_nothing(said: str, left: str) -> None:
    assert shown(said) == left


def test_code_between_three_backticks_in_a_line_is_no_block() -> None:
    assert tidy("```ls -la | wc``` counts\nthe files") == [("```ls -la | wc``` counts\nthe files", False)]


@given(
    st.lists(
        st.sampled_from(["`", "``", "a|b", "<b>", "</b>", "**", "[x]", " ", "\n", "|", "가", "\ud83d"]), max_size=40
    )
)
@example(["`a` "] * 3000)
@example(["** "] * 3000)
@example(["<b"] * 3000)
@example(["`" * (n % 50 + 1) + " " for n in range(400)])
def test_no_stand_in_is_ever_left(pieces: list[str]) -> None:
    for text, _ in tidy("".join(pieces)):
        assert not any("\ud800" <= char <= "\udfff" for char in text)


@FORMS
@pytest.mark.parametrize(
    ("said", "sentences"),
    [
        ("Run `echo Done. So, go! | wc` now. It ends.", ["Run `echo Done. So, go! | wc` now.", "It ends."]),
        ("`Okay, um. go` is printed twice.", ["`Okay, um. go` is printed twice."]),
        ("`echo 됐어요. 네, 끝! 가요` 치세요. 전화하세요.", ["`echo 됐어요. 네, 끝! 가요` 치세요.", "전화하세요."]),
        ("A ` alone. It ends here.", ["A ` alone.", "It ends here."]),
        ("Say ``a b. c`` to it. It ends.", ["Say ``a b. c`` to it.", "It ends."]),
        ("The file `a.log`. It ends.", ["The file `a.log`.", "It ends."]),
    ],
)  # fmt: skip
def test_no_sentence_ends_or_opens_within_code(said: str, sentences: list[str], form: str) -> None:
    heard = listen(unicodedata.normalize(form, said))
    assert [text for text, *_ in heard.sentences] == sentences


def test_no_clause_ends_within_code() -> None:
    code = "`awk '{ print $1, $2, $3, $4, $5, $6, $7 }' access.log, which is a long command, and goes on`"
    said = f"When the report is late, as the disk was full, you run {code}, and then you send the result to Kim at noon"
    clauses = [text for text, *_ in listen(said).sentences]
    assert len(clauses) > 1 and " ".join(clauses) == said and any(code in clause for clause in clauses)
