"""How many tokens will a text cost, without asking the provider?

Counting is a network call there. A text's letters give a first guess, and every answer's usage corrects it.
"""

from __future__ import annotations

from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest
from ion_summary.summarizers.llm.prompt import answer_room
from ion_summary.summarizers.llm.tokens import ASCII, HANGUL

_PER_CALL = 360  # the instructions, the schema and the marks around the session
_PER_MESSAGE = 5  # its number, its speaker and its line's end
_WEIGHT = 0.1  # of the newest observation
_FIRST_MARGIN, _LEAST_MARGIN = 1.6, 1.1
_SURE_AFTER = 20  # observations

_ANSWER_PER_BULLET = 15  # JSON on one line around a bullet, and the numbers that it cites
_ANSWER_FILLED = 0.6  # share of the room that answers use


class _Ratio:
    """How far observations lie from guesses: their mean, and the largest seen lately."""

    def __init__(self) -> None:
        self.mean = 1.0
        self._seen = 0
        self._largest = 0.0

    def learn(self, ratio: float) -> None:
        self._seen += 1
        # The first ones count as many as they are, so that a bad guess is forgotten at once.
        self.mean += (ratio - self.mean) * max(_WEIGHT, 1 / self._seen)
        self._largest = max(ratio, self._largest * 0.999)

    @property
    def most(self) -> float:
        if self._seen < _SURE_AFTER:
            return max(_FIRST_MARGIN, self._largest * _LEAST_MARGIN)
        return max(self.mean, self._largest) * _LEAST_MARGIN


class Estimator:
    """Estimates requests and learns from what they really took, Korean and English apart."""

    def __init__(self) -> None:
        self._input = {"ko": _Ratio(), "en": _Ratio()}
        self._output = {"ko": _Ratio(), "en": _Ratio()}

    def estimate(self, request: LlmRequest) -> Usage:
        """What ``request`` will probably take."""
        language = request.language
        given, answered = _raw_input(request), _raw_output(request, language)
        return Usage(round(given * self._input[language].mean), round(answered * self._output[language].mean))

    def ceiling(self, request: LlmRequest) -> Usage:
        """The most that ``request`` can take: the answer is limited by the request, the input by experience."""
        most = self._input[request.language].most
        return Usage(round(_raw_input(request) * most), answer_room(request))

    def learn(self, request: LlmRequest, usage: Usage) -> None:
        """Corrects itself by what the provider has counted for one call."""
        language = request.language
        if usage.input:
            self._input[language].learn(usage.input / _raw_input(request))
        if usage.output:
            self._output[language].learn(usage.output / _raw_output(request, language))


def _raw_input(request: LlmRequest) -> float:
    return _PER_CALL + _PER_MESSAGE * len(request.messages) + request.raw_tokens


def _raw_output(request: LlmRequest, language: str) -> float:
    per_letter = HANGUL if language == "ko" else ASCII
    return request.max_chars * per_letter * _ANSWER_FILLED + request.max_bullets * _ANSWER_PER_BULLET
