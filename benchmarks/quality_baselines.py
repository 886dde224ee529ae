"""What do the known extractive methods make of a session, under the same limits?

Every system is ``(messages, max_bullets, max_chars) -> str`` and gets the same sentences; the best that fit are taken
in the order of the method's own ranking and shown in the order of the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

System = Callable[[list[dict[str, Any]], int, int], str]
_SENTENCE = re.compile(r"(?<=[.!?。？！])\s+|\n+")
_KOREAN = re.compile(r"[가-힣]+|[a-z0-9]+")


def sentences_of(messages: list[dict[str, Any]]) -> list[str]:
    """All sentences of a session in order."""
    return [s.strip() for m in messages for s in _SENTENCE.split(str(m["content"])) if s.strip()]


def _fill(ranked: Sequence[int], texts: Sequence[str], max_bullets: int, max_chars: int) -> str:
    taken: list[int] = []
    room = max_chars
    for place in ranked:
        need = len(texts[place]) + 2 + (1 if taken else 0)
        if len(taken) < max_bullets and need <= room:
            taken.append(place)
            room -= need
    return "\n".join(f"- {texts[place]}" for place in sorted(taken))


def lead(messages: list[dict[str, Any]], max_bullets: int, max_chars: int) -> str:
    """The first sentences."""
    texts = sentences_of(messages)
    return _fill(range(len(texts)), texts, max_bullets, max_chars)


def longest(messages: list[dict[str, Any]], max_bullets: int, max_chars: int) -> str:
    """The longest sentences."""
    texts = sentences_of(messages)
    return _fill(sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i)), texts, max_bullets, max_chars)


def newest(messages: list[dict[str, Any]], max_bullets: int, max_chars: int) -> str:
    """The rule of the original system: one line per message, cut at 120 characters, the newest lines kept."""
    lines: list[str] = []
    for message in messages:
        text = " ".join(str(message["content"]).split())
        if text:
            lines.append("- " + (text if len(text) <= 118 else text[:117] + "…"))
            lines = lines[-max_bullets:]
            while len(lines) > 1 and len("\n".join(lines)) > max_chars:
                del lines[0]
    return "\n".join(lines)[:max_chars]


def _words(text: str, language: str) -> tuple[str, ...]:
    if language != "ko":
        return tuple(re.findall(r"[^\W\d_]+", text.lower()))
    out: list[str] = []
    for word in _KOREAN.findall(text.lower()):
        out.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
    return tuple(out)


def sumy(method: str, language: str) -> System:
    """One of sumy's methods (``LexRank``, ``LSA``, ``Luhn``, ``TextRank``); its Korean words are pairs of syllables."""
    import warnings

    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
    from sumy.nlp.stemmers import Stemmer, null_stemmer
    from sumy.summarizers.lex_rank import LexRankSummarizer
    from sumy.summarizers.lsa import LsaSummarizer
    from sumy.summarizers.luhn import LuhnSummarizer
    from sumy.summarizers.text_rank import TextRankSummarizer
    from sumy.utils import get_stop_words

    kinds = {"LexRank": LexRankSummarizer, "LSA": LsaSummarizer, "Luhn": LuhnSummarizer, "TextRank": TextRankSummarizer}

    class Tokenizer:
        def to_words(self, text: str) -> tuple[str, ...]:
            return _words(str(text), language)

    class Ranked(kinds[method]):  # type: ignore[misc]
        def _get_best_sentences(self, sentences: Any, _count: Any, rating: Any, *args: Any, **kwargs: Any) -> list[int]:
            rate = rating
            if isinstance(rating, dict):
                rate = lambda s: rating[s]  # noqa: E731
            all_sentences = list(sentences)
            values = [rate(s, *args, **kwargs) for s in all_sentences]
            return sorted(range(len(values)), key=lambda i: (-values[i], i))

    summarizer = Ranked(null_stemmer if language == "ko" else Stemmer("english"))
    if language == "en":
        summarizer.stop_words = get_stop_words("english")
    tokenizer = Tokenizer()

    last: list[Any] = [None, [], []]  # the same session is asked for with several budgets, the ranking is the same

    def run(messages: list[dict[str, Any]], max_bullets: int, max_chars: int) -> str:
        if last[0] is not messages:
            texts = [t for t in sentences_of(messages) if _words(t, language)]
            document = ObjectDocumentModel([Paragraph([Sentence(t, tokenizer) for t in texts])])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                last[:] = [messages, list(summarizer(document, len(texts))), texts]
        return _fill(last[1], last[2], max_bullets, max_chars)

    return run
