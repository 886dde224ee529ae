from __future__ import annotations

import json
import unicodedata

import pytest

from ion_summary.errors import UsageError
from ion_summary.model import Message
from ion_summary.summarizers import selection, weights, words
from ion_summary.summarizers.explain import _Recording
from ion_summary.summarizers.rule import RunningSummary, digest_session, explain, summarize
from ion_summary.summarizers.running import POOL
from ion_summary.summarizers.vocabulary import MOST_TERMS, UNIT

REFUND = [
    Message("user", "안녕하세요. 주문번호 20251026-881 환불하고 싶어요."),
    Message("assistant", "네. 결제하신 39,000원은 3일 안에 환불됩니다."),
]
TALK = [
    {"role": "user", "content": "Hi! My printer shows error E-42 and prints nothing."},
    {"role": "assistant", "content": "I'm sorry to hear that. Is the paper tray full?"},
    {"role": "user", "content": "Yes."},
    {"role": "assistant", "content": "Then please replace the drum. The part number is DR-2400, it costs $89."},
    {"role": "user", "content": "Thanks! Can I install it myself?"},
]


def test_a_session_becomes_bullets_with_short_speakers() -> None:
    lines = summarize(REFUND).splitlines()
    assert lines == ["- U: 주문번호 20251026-881 환불하고 싶어요. → 결제하신 39,000원은 3일 안에 환불됩니다."]


def test_a_short_session_is_given_whole_with_questions_answered_or_marked_open() -> None:
    text = summarize(TALK)
    asked, answered = text.splitlines()
    assert asked == "- U: My printer shows error E-42 and prints nothing. → Is the paper tray full? → Yes."
    assert answered.startswith("- A: Then please replace the drum.")
    for part in ("error E-42", "Is the paper tray full? → Yes.", "DR-2400", "$89", "Can I install it myself? (open)"):
        assert part in text
    assert "Hi!" not in text and "Thanks" not in text


def test_an_open_question_is_marked_in_its_language() -> None:
    assert "언제 도착하나요? (답 없음)" in summarize([{"role": "user", "content": "택배는 언제 도착하나요?"}])


@pytest.mark.parametrize(
    "message",
    [
        {"speaker": "Customer", "content": "The oven is cold."},
        {"role": "고객", "content": "The oven is cold."},
        {"content": "The oven is cold."},
        Message("user", "The oven is cold."),
    ],
)
def test_whoever_asks_is_u(message: object) -> None:
    assert summarize([message]) == "- U: The oven is cold."  # type: ignore[list-item]


def test_people_in_a_room_have_names_and_no_two_the_same() -> None:
    room = [
        Message("user", "The roof leaks above the kitchen.", name="Project Manager"),
        Message("user", "A bucket stands under the hole.", name="Paul Miller"),
        Message("user", "The plumber comes on Monday morning.", name="지수"),
    ]
    text = summarize(room)
    assert "- PM: The roof leaks" in text and "지수: The plumber" in text
    assert "Paul Miller: A bucket" in text


def test_a_name_is_shown_unless_it_is_the_only_one_that_asks_an_assistant() -> None:
    asks = Message("user", "The oven is cold.", name="지수")
    assert summarize([asks]) == "- 지수: The oven is cold."
    answers = Message("assistant", "Replace the fuse.")
    assert summarize([asks, answers]) == "- U: The oven is cold. → Replace the fuse."


@pytest.mark.parametrize(
    ("said", "never", "still"),
    [
        ("@shop @help Hello! The **blue** lamp is broken. ^JK", ["@shop", "**", "^JK", "Hello"], "blue lamp is broken"),
        ("# Plan\n- buy the [red paint](https://x.example/1)\n- call Eve", ["#", "](", "- buy"], "red paint"),
        ("<b>Wichtig</b> &amp; neu: the invoice is wrong", ["<b>", "&amp;"], "invoice"),
        ("Um, the uh the server is down.", ["Um", "uh", "the the"], "server is down"),
        ("네, 음 그럼 계약서를 보낼게요.", ["네,", "음"], "계약서를 보낼게요"),
        ("Look https://t.co/abc123 the road is closed.", ["t.co"], "road is closed"),
        ("Where do I upgrade my plan: https://t.co/Mb ?", ["t.co", ":?", " ?"], "upgrade my plan?"),
        ("요금제는 여기서 바꿀 수 있어요: https://me2.do/abc", ["me2.do", "요:"], "바꿀 수 있어요"),
    ],
)
def test_noise_is_left_out(said: str, never: list[str], still: str) -> None:
    text = summarize([{"role": "user", "content": said}])
    assert still in text
    assert not [noise for noise in never if noise in text]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            {"name": "Jonas", "content": "@Maya Reed please send the invoice to Kim."},
            "Maya Reed please send the invoice",
        ),
        ({"role": "user", "name": "민지", "content": "@서준 견적서를 보내 주세요."}, "서준 견적서를 보내"),
        ({"role": "user", "content": "@김 대리 견적서를 보내 주세요."}, "김 대리 견적서를 보내"),
        ({"name": "Jonas", "content": "I told @Maya Reed that the invoice is wrong."}, "@Maya Reed that the invoice"),
    ],
)
def test_a_mention_keeps_its_name(said: dict[str, str], shown: str) -> None:
    assert shown in summarize([said])


def test_code_is_shortened_to_its_point() -> None:
    block = "Try this:\n```bash\n# first\n\nsudo systemctl restart web\n```\nIt takes a minute."
    error = "It fails:\n```\nTraceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'total'\n```"
    text = summarize([{"role": "assistant", "content": block}, {"role": "user", "content": error}])
    assert "`sudo systemctl restart web`" in text and "`KeyError: 'total'`" in text
    assert "```" not in text and "# first" not in text and "File" not in text


def test_full_width_marks_end_sentences_too() -> None:
    assert summarize([{"role": "user", "content": "部屋が寒い。窓は開いていません。"}], 4, 14) == "- U: 部屋が寒い。"


def test_duplicates_are_dropped_when_room_is_short() -> None:
    said = [{"role": "user", "content": "The garden gate is locked again."} for _ in range(9)]
    said.append({"role": "user", "content": "The spare key hangs in the shed."})
    assert "spare key" in summarize(said, 2, 90)


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("You can answer whenever it suits you.", "The spare key hangs in the shed."),
        ("편하실 때 답변 주시면 됩니다.", "여분 열쇠는 창고에 걸려 있습니다."),
    ],
)
def test_a_sentence_that_comes_again_is_shown_once(said: str, other: str) -> None:
    again = [{"role": role, "content": said} for role in ("assistant", "user") * 3]
    text = summarize([*again, {"role": "user", "content": other}, *again])
    assert text.count(said) == 1 and other in text


def test_nfd_and_nfc_give_the_same() -> None:
    decomposed = [Message(m.role, unicodedata.normalize("NFD", m.content)) for m in REFUND]
    assert digest_session(decomposed) == digest_session(REFUND)


def test_bullets_follow_the_conversation() -> None:
    said = [
        {"role": "user" if n % 2 else "assistant", "content": f"Topic number{n} concerns building{n} and garden{n}."}
        for n in range(40)
    ]
    places = [int(line.split("number")[1].split(" ")[0]) for line in summarize(said).splitlines()]
    assert places == sorted(places) and len(places) > 3


@pytest.mark.parametrize("said", ["안녕하세요!", "/A", "^LB"])
def test_small_talk_alone_is_still_something(said: str) -> None:
    assert summarize([{"role": "user", "content": said}]) == f"- U: {said}"


def test_tiny_rooms_never_cut_a_number_or_an_address() -> None:
    said = [{"role": "user", "content": "20251026881 https://shop.example/orders/20251026881"}]
    for room in range(1, 60):
        text = summarize(said, 1, room)
        assert text
        assert not any(piece in text and "20251026881" not in text for piece in ("2025", "026", "881"))
        assert "https" not in text or "https://shop.example/orders/20251026881" in text


def test_a_line_limit_cuts_between_words() -> None:
    running = RunningSummary()
    running.add(
        {
            "role": "user",
            "content": "The committee wants the bridge rebuilt before winter because the old one is closed to lorries",
        }
    )
    line = running.summary(3, 300, per_line_max=60)
    assert len(line) <= 60 and line.endswith("…")
    assert (
        line[5:-1].strip()
        in "The committee wants the bridge rebuilt before winter because the old one is closed to lorries"
    )


def test_the_entrances_agree() -> None:
    running = RunningSummary()
    for message in TALK:
        running.add(message)
    assert (
        digest_session(TALK, 8, 800)
        == (summarize(TALK, 8, 800), running.tags())
        == (running.summary(8, 800), running.tags())
    )


def test_memory_stays_bounded() -> None:
    running = RunningSummary()
    for n in range(3000):
        running.add(
            {"name": f"guest{n}", "content": f"word{n} thing{n}x item{n}y are {n} new ones, said for the first time."}
        )
    state = running.to_dict()
    assert len(state["pool"]) <= POOL * 3 // 2 and len(state["vocabulary"]) <= MOST_TERMS + POOL * 20
    assert len(state["voices"]) <= 60 and running.summary()


def test_a_state_of_another_version_is_refused() -> None:
    state = RunningSummary().to_dict()
    with pytest.raises(UsageError):
        RunningSummary.from_dict({**state, "version": 99})
    assert json.dumps(RunningSummary.from_dict(state).to_dict()) == json.dumps(state)


@pytest.mark.parametrize("bad", [0, -1, True, 1.5, "8", None])
def test_limits_that_mean_nothing_are_usage_errors(bad: object) -> None:
    for limits in ({"max_bullets": bad}, {"max_chars": bad}):
        with pytest.raises(UsageError):
            summarize(REFUND, **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("huge", [10**9, 10**400])
def test_huge_limits_are_fine(huge: int) -> None:
    assert summarize(REFUND, huge, huge)


@pytest.mark.parametrize("content", [None, 42, 1.5, ["a"], {"a": 1}, ""])
def test_content_that_is_no_text_does_not_crash(content: object) -> None:
    assert isinstance(summarize([{"role": "user", "content": content}]), str)


def test_tags_are_nouns_without_particles_or_plurals_of_grammar() -> None:
    said = [
        {"role": "user", "content": "환불을 요청했는데 환불이 안 됩니다. 배송도 늦었어요."},
        {"role": "assistant", "content": "환불은 금요일에 처리하고 배송을 확인하겠습니다."},
        {"role": "user", "content": "The invoices are wrong, every invoice has the wrong address."},
    ]
    tags = digest_session(said)[1]
    assert {"환불", "배송", "invoice"} <= set(tags) and len(tags) <= 5
    assert RunningSummary.from_dict(json.loads(json.dumps(_heard(said).to_dict()))).tags(1) == tags[:1]


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("고객님들이 건의했습니다.", "고객"),
        ("건물 앞에서 운동하고 있어요.", "운동"),
        ("'캐시 지우기'를 눌렀어요.", "캐시"),
        ("The invoices were lost.", "invoice"),
    ],
)
def test_a_tag_is_the_bare_noun(said: str, tag: str) -> None:
    tags = digest_session([{"role": "user", "content": said}])[1]
    assert tag in tags and not [each for each in tags if each.startswith(tag) and each != tag]


@pytest.mark.parametrize("said", ["바꾸셨나요?", "갈래?", "보내 주셔서요.", "SELECT DISTINCT lower", "day week pick"])
def test_what_is_no_subject_makes_no_tag(said: str) -> None:
    assert digest_session([{"role": "user", "content": said}])[1] == []


def _heard(said: list[dict[str, str]]) -> RunningSummary:
    running = RunningSummary()
    for message in said:
        running.add(message)
    return running


def test_explain_shows_what_the_summary_was_made_of() -> None:
    found = explain(TALK, 2, 120)
    text = summarize(TALK, 2, 120)
    assert any(f.chosen for f in found) and not all(f.chosen for f in found)
    assert all((f.text in text) == f.chosen for f in found)
    first = found[0]
    assert first.message == 1 and first.speaker == "U" and "opening" in first.factors and first.terms


def test_explained_scores_are_those_that_were_used() -> None:
    recording = _Recording()
    for message in TALK:
        recording.add(message)
    limits = selection.Limits(2, 120, 120)
    labels = recording._labels()
    explained = [found.score for found in recording.explained(2, 120)]
    frame = recording._framed(limits, labels)
    used = selection._Selection(frame, recording._vocabulary.fresh, recording._turn)
    assert explained == pytest.approx([score / UNIT for score in used.score])
    assert weights.FACTOR["opening"] > 1


def test_words_in_use_are_remembered_and_no_more_than_twice_as_many_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "_REMEMBERED", 10)
    memory = words._Memory()
    often = memory["refund"]
    for number in range(100):
        memory[f"word{number}"]
        assert memory["refund"] is often
        assert len(memory) + len(memory._before) <= 20
    memory.clear()
    assert not memory and not memory._before
    assert memory["refund"] is not often and memory["refund"].term == often.term


def test_a_summary_that_nothing_was_added_to_is_the_same_and_one_that_was_answered_is_not() -> None:
    running = RunningSummary()
    for message in TALK:
        running.add(message)
    text = running.summary()
    assert text.endswith("(open)")
    running.add({"role": "user", "content": "Hello!"})
    assert running.summary() is text
    assert running.summary(1, 60) != text == running.summary()
    running.add({"role": "assistant", "content": "Yes."})
    assert running.summary().endswith("Can I install it myself? → Yes.")
