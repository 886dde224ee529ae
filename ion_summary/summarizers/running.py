"""What are the main points of a conversation that is still going on?

Whatever was said, only ``POOL`` sentences and a bounded vocabulary are kept, so that neither time nor memory of a turn
depends on how long the conversation is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

from ion_summary.errors import UsageError
from ion_summary.summarizers import speakers, weights
from ion_summary.summarizers.bullets import Bullet, as_open, cut, render
from ion_summary.summarizers.candidates import BIT, Heard, Sentence, factor_of, factors, listen, of_size
from ion_summary.summarizers.selection import Frame, Limits, length_power, select
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.tags import tags_of
from ion_summary.summarizers.vocabulary import Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ion_summary.model import Message
    from ion_summary.summarizers.candidates import Said

    AnyMessage: TypeAlias = Message | Mapping[str, Any]

POOL = 36  # sentences kept when half as many again are there
_VERSION = 2
_LONGEST_TURN = 300  # characters: what one speaker says in several messages is one turn up to that length
_MOST_VOICES = 60
_TOPIC_TURNS = 6  # a greeting opens a new topic only after so many turns
_LONGEST_ASSENT = 16
_READABLE = 240  # characters of a bullet
_LEAD, _REPLY, _ANSWER, _NOVEL, _LATE = (BIT[name] for name in ("lead", "reply", "answer", "novel", "late"))
_SOON_BITS = (0, 0, *[BIT["early"]] * 2, *[BIT["soon"]] * 3)  # by the turn's number
_SIDE_BIT = {"U": BIT["user"], "A": BIT["assistant"], "S": BIT["system"], "T": BIT["tool"], "": 0}


class RunningSummary:
    """Follows a conversation: ``add`` each message, ask for the ``summary`` at any time. Deterministic."""

    pool_size = POOL

    def __init__(self) -> None:
        self._pool: list[Sentence] = []
        self._vocabulary = Vocabulary()
        self._voices: dict[Speaker, int] = {}
        self._shown: dict[Speaker, str] = {}  # how each of them is shown
        self._messages = self._turn = self._order = self._topic_turn = self._spoken = self._opening = 0
        self._last: Speaker | None = None
        self._frame: Frame | None = None  # the last one that was asked for, with the sentences of the pool in it
        self._asked: Sentence | None = None  # the question that nobody has answered yet
        self._new_topic = True
        self._small_talk: Sentence | None = None  # shown only if nothing else was ever said
        self._mark = 0  # of the last message

    def add(self, message: AnyMessage) -> None:
        """Takes account of the next message: a ``Message``, or a mapping with ``content`` and ``role`` or ``name``."""
        side, name, text = speakers.read(message)
        self._messages += 1
        self._mark = _mark_of(side, name, text)
        speaker = (side, name)
        voice = self._voices.get(speaker)
        if voice is None:
            voice = len(self._voices)
            if voice < _MOST_VOICES:
                self._voices[speaker] = voice
        heard = listen(text[1:] if text[:1] == "@" and speakers.is_person(name) else text)
        if heard.greets and self._turn - self._topic_turn >= _TOPIC_TURNS:
            self._new_topic = True
        if heard.sentences:
            self._take(heard, speaker, voice)
        else:
            self._take_small_talk(heard, speaker)

    def follow(self, messages: Sequence[AnyMessage]) -> None:
        """Takes account of what is new in ``messages``, which are all of the conversation so far.

        Begins anew if they are not what was added before: fewer messages, another last one, or another text or speaker
        of a message that the summary could show. A change of any other message goes unseen, as it does in the summary.
        """
        if not self._knows(messages):
            self.__init__()  # type: ignore[misc]
        for place in range(self._messages, len(messages)):
            self.add(messages[place])

    def _knows(self, messages: Sequence[AnyMessage]) -> bool:
        if not self._messages:
            return True
        if self._messages > len(messages):
            return False
        marks = {sentence.message: sentence.mark for sentence in self._pool}
        marks[self._messages] = self._mark
        return all(_mark_of(*speakers.read(messages[number - 1])) == mark for number, mark in marks.items())

    def _take_small_talk(self, heard: Heard, speaker: Speaker) -> None:
        if self._asked is not None and heard.assent and speaker != self._last and len(heard.assent) <= _LONGEST_ASSENT:
            self._asked.text += " → " + heard.assent
            self._frame = None
            self._spoken = _LONGEST_TURN  # what comes next is another turn, whoever says it
            self._asked = None
        if self._small_talk is None and heard.small_talk:
            self._small_talk = Sentence(heard.small_talk, [], 0, 1.0, speaker, 0, 0, self._mark, 0)

    def _take(self, heard: Heard, speaker: Speaker, voice: int) -> None:
        goes_on = speaker == self._last and self._spoken < _LONGEST_TURN
        if not goes_on:
            self._turn += 1
            self._spoken = 0
        self._count(heard.sentences, self._features_of_turn(heard, speaker), speaker, voice)
        if heard.asks:
            self._asked = self._pool[-1]
        elif speaker != self._last:
            self._asked = None
        self._last = speaker
        if len(self._pool) > self.pool_size * 3 // 2:
            self._prune()

    def _count(self, said: list[Said], of_turn: int, speaker: Speaker, voice: int) -> None:
        """Takes every sentence of a message into the pool, with its place and its features, and counts its terms."""
        vocabulary, pool, factor = self._vocabulary, self._pool, factors.get
        message, turn, mark, order, known = self._messages, self._turn, self._mark, self._order, vocabulary.terms
        here = of_turn | _LEAD
        if speaker != self._last:
            here |= _REPLY if self._asked is None else _ANSWER
        length = 0
        for ordinal, (text, words, spoken, features) in enumerate(said):
            before = len(known)
            terms = vocabulary.add(words, voice)
            size = len(terms)
            if 2 * (len(known) - before) > size:
                here |= _NOVEL
            features |= here | of_size[size, spoken]
            pool.append(
                Sentence(
                    text, terms, features, factor(features) or factor_of(features),
                    speaker, turn, message, mark, order + ordinal,
                )
            )  # fmt: skip
            length += len(text)
            here = of_turn if ordinal < 2 else of_turn | _LATE
        self._order = order + len(said)
        self._spoken += length

    def _features_of_turn(self, heard: Heard, speaker: Speaker) -> int:
        features = _SIDE_BIT[speaker[0]]
        if speaker[0] not in ("A", "S", "T") and self._opening in (0, self._turn):
            # What the first one who wants something says: an assistant's "how can I help" is no subject.
            self._opening = self._turn
            features |= BIT["opening"]
        elif self._new_topic and speaker[0] not in ("S", "T"):
            features |= BIT["topic"]
        if self._new_topic:
            self._topic_turn = self._turn
            self._new_topic = False
        if self._turn < len(_SOON_BITS):
            features |= _SOON_BITS[self._turn]
        return features | BIT["rich"] if len(heard.sentences) > 2 else features

    def _prune(self) -> None:
        """Keeps the best sentences, by what each would be worth alone."""
        pool, vocabulary = self._pool, self._vocabulary
        vocabulary.settle()
        vocabulary.let_go(sentence.terms for sentence in pool)
        worth = self._worths_alone()
        ranked = sorted(range(len(pool)), key=worth.__getitem__, reverse=True)
        kept = sorted(ranked[: self.pool_size])
        self._pool = [pool[place] for place in kept]
        if self._frame is not None:
            self._frame.keep(kept)
        vocabulary.hold(sentence.terms for sentence in self._pool)
        vocabulary.forget_rare()

    def _worths_alone(self) -> list[float]:
        power = length_power(Limits(1, 60, 60))
        return [
            fresh * sentence.factor / (len(sentence.text) + weights.PADDING) ** power
            for sentence, fresh in zip(self._pool, self._vocabulary.fresh, strict=True)
        ]

    def summary(self, max_bullets: int = 6, max_chars: int = 600, per_line_max: int | None = None) -> str:
        """The main points so far, as lines ``- U: …`` in the order of the conversation.

        At most ``max_bullets`` lines of ``per_line_max`` characters (default: what reads well) and ``max_chars``
        characters in all, newlines included. "" only if nothing has been said. Raises ``UsageError`` for a limit that
        is no whole number from 1.
        """
        limits = limits_of(max_bullets, max_chars, per_line_max)
        frame = self._framed(limits, self._labels())
        if not frame.text:
            bullets = self._select(frame)
            if not bullets:
                return self._at_any_price(min(limits.chars, limits.line), frame.labels)
            frame.text = "\n".join([render(bullet.sentences, frame.labels) for bullet in bullets])
        return frame.text

    def _labels(self) -> dict[Speaker, str]:
        if len(self._voices) < _MOST_VOICES:
            if len(self._shown) != len(self._voices):
                self._shown = speakers.labels(self._voices)
            return self._shown
        return speakers.labels(dict.fromkeys((*self._voices, *(s.speaker for s in self._pool))))

    def _select(self, frame: Frame) -> list[Bullet]:
        self._vocabulary.settle()
        return select(frame, self._vocabulary.fresh, self._turn)

    def _framed(self, limits: Limits, labels: Mapping[Speaker, str]) -> Frame:
        """The pool, with the open question marked and what would never fit cut."""
        frame, pool, asked = self._frame, self._pool, self._asked
        if frame is None or frame.limits != limits or (frame.labels is not labels and frame.labels != labels):
            frame = self._frame = Frame(limits, labels)
        if frame.text and len(frame.sentences) == len(pool):
            return frame
        if frame.open:
            frame.drop_last()
        frame.show(pool[len(frame.sentences) :])
        if asked is not None and pool and asked is pool[-1]:
            frame.drop_last()
            frame.show((asked.with_text(as_open(asked.text), weights.OPEN),))
            frame.open = True
        return frame

    def _at_any_price(self, room: int, labels: Mapping[Speaker, str]) -> str:
        """Something in ``room`` characters, however few they are."""
        best = self._small_talk
        if self._pool:
            worth = self._worths_alone()
            best = self._pool[worth.index(max(worth))]
        if best is None:
            return ""
        head = f"- {labels.get(best.speaker, '?')}: "
        for mark in (head, "- ", ""):
            text = cut(best.text, room - len(mark))
            if text:
                return mark + text
        return "- …" if room > 2 else "…"

    def tags(self, limit: int = 5) -> list[str]:
        """The topics so far, at most ``limit`` of them, the weightiest first."""
        self._vocabulary.settle()
        return tags_of(self._vocabulary, limit)

    def to_dict(self) -> dict[str, Any]:
        """The whole state as JSON values; ``from_dict`` goes on from it exactly as this would."""
        return {
            "version": _VERSION,
            "pool": [sentence.to_list() for sentence in self._pool],
            "vocabulary": self._vocabulary.to_dict(),
            "voices": [list(speaker) for speaker in self._voices],
            "counts": [self._messages, self._turn, self._order, self._topic_turn, self._spoken, self._opening],
            "mark": self._mark,
            "last": None if self._last is None else list(self._last),
            "asked": None if self._asked is None else self._asked.to_list(),
            "new_topic": self._new_topic,
            "small_talk": None if self._small_talk is None else self._small_talk.to_list(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> RunningSummary:
        """The summary that ``to_dict`` described. Raises ``UsageError`` for a state of another version."""
        if state.get("version") != _VERSION:
            raise UsageError(
                reason=f"a running summary of version {state.get('version')!r} cannot be continued",
                accepted=f"version {_VERSION}; begin a new RunningSummary and add the messages again",
            )
        made = cls()
        vocabulary = made._vocabulary = Vocabulary.from_dict(state["vocabulary"])
        made._pool = [Sentence.from_list(values, vocabulary) for values in state["pool"]]
        vocabulary.hold(sentence.terms for sentence in made._pool)
        made._voices = {(side, name): voice for voice, (side, name) in enumerate(state["voices"])}
        made._messages, made._turn, made._order, made._topic_turn, made._spoken, made._opening = state["counts"]
        made._mark = state["mark"]
        made._last = None if state["last"] is None else (state["last"][0], state["last"][1])
        if state["asked"] is not None:
            asked = Sentence.from_list(state["asked"], vocabulary)
            made._asked = next((s for s in made._pool if s.order == asked.order), asked)
        made._new_topic = state["new_topic"]
        if state["small_talk"] is not None:
            made._small_talk = Sentence.from_list(state["small_talk"], vocabulary)
        return made


def _mark_of(side: str, name: str, text: str) -> int:
    return crc32(f"{side}{name}\n{text}".encode("utf-8", "surrogatepass"))


def limits_of(max_bullets: int, max_chars: int, per_line_max: int | None = None) -> Limits:
    """The limits, checked."""
    line = max_chars if per_line_max is None else per_line_max
    if not (type(max_bullets) is type(max_chars) is type(line) is int and min(max_bullets, max_chars, line) > 0):
        for name, value in (("max_bullets", max_bullets), ("max_chars", max_chars), ("per_line_max", line)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(reason=f"{name} is {value!r}", accepted=f"{name} is a whole number from 1")
    if per_line_max is None:
        # A bullet is one thought: no single one may take most of the room.
        line = min(line, max(_READABLE, 3 * max_chars // max_bullets))
    return Limits(max_bullets, max_chars, line)
