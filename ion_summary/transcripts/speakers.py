"""Which role does the word play that a transcript calls a speaker by, in Korean or English?"""

from __future__ import annotations

ROLES = frozenset({"user", "assistant", "system", "tool"})
# The first line of each holds words that say no more than the role itself; the others are kept as the speaker's name.
_WORDS = {
    "user": (
        "user human me 사용자 유저 나",
        "customer client patient buyer guest visitor 고객 고객님 손님 문의자 구매자 환자 질문자 회원",
    ),
    "assistant": (
        "assistant ai model bot 어시스턴트 인공지능 봇",
        "agent advisor support operator representative chatbot chatgpt gpt claude gemini copilot"
        " 상담원 상담사 상담직원 직원 담당자 챗봇 도우미 비서 매니저 답변자",
    ),
    "system": ("system developer 시스템", ""),
    "tool": ("tool function 도구", ""),
}
_ROLE_OF = {word: role for role, groups in _WORDS.items() for words in groups for word in words.split()}
_PLAIN = frozenset(word for plain, _ in _WORDS.values() for word in plain.split())
WORDS = frozenset(_ROLE_OF)
"""Every word that stands for a role, in lower case."""


def role_of(word: str) -> str | None:
    """``user``, ``assistant``, ``system`` or ``tool``; None for any other name."""
    return _ROLE_OF.get(word.strip().lower())


def name_of(word: str) -> str | None:
    """The word itself if it says more than the role it stands for."""
    word = word.strip()
    return word if word and word.lower() not in _PLAIN else None
