"""What leaves the machine of a session, and does it come back into the summary?"""

from __future__ import annotations

from ion_summary.model import Message
from ion_summary.operations.asking import redacted, restored
from ion_summary.summarizers.llm import LlmRequest
from ion_summary.summarizers.llm.prompt import build


def test_speakers_that_are_telephone_numbers_leave_it_as_marks() -> None:
    messages = [
        Message("user", "010-1234-5678로 다시 걸어 주세요", name="+82 10-9876-5432"),
        Message("user", "네, 김민수입니다", name="김민수"),
    ]
    asked = redacted(messages)
    sent = build(LlmRequest(asked)).text
    assert "9876" not in sent and "1234" not in sent and "김민수: 네" in sent
    assert restored(messages, f"{asked[0].name}에게 {asked[0].content[:8]}") == "+82 10-9876-5432에게 010-1234-5678"
