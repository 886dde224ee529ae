"""How many calls a second does the provider take, when it says so and when it does not?

A token bucket spaces what may go per minute. Where the rate is not known it is found as TCP finds a line's: doubled
until the provider refuses, then a little below what it took, and from there up again along the curve of CUBIC (RFC
9438): quickly at first, slowly near the rate that was refused, and the faster the longer nothing is refused above it.
A limit that was found may rise, and one that was taken for too low, because the machine stood still, is left soon.
"""

from __future__ import annotations

from collections import deque

# 2 % below the limit: clocks differ, and calls do not arrive as evenly as they are sent.
_SHARE = 0.98
_FIRST_RATE = 8.0  # calls a second that are tried where nothing is known
_DOUBLING_S = 0.5
_MOST_RATE = 1000.0
_BELOW = 0.92  # of the rate that was refused
_BACK_S = 10.0  # after so many seconds the rate that was refused is tried again
_CURVE = (1 - _BELOW) / _BACK_S**3  # of that rate, a cubed second
_SLOW = 0.97  # of that rate: not more while it is known what a minute takes
_WINDOW_S = 60.0  # over which providers count
_WAIT_OF_A_WINDOW_S = 5.0  # who is sent away for longer has used up a minute's quota, not a second's
_SOON_S = 5.0  # a rate that is refused again so soon is far too high
# How far back one looks for the rate that was taken: some calls, and some seconds.
_RECENT_S, _RECENT_CALLS = 10.0, 20  # so long that a machine that stands still for a second changes little
_CALLS_FOR_A_SECOND = 10  # so many calls teach as much as a second: slow providers are not asked more by the call


class Bucket:
    """Tokens that come in evenly; whoever takes more than there are leaves a debt that is waited for.

    Args:
        rate: tokens a second.
        room: tokens that gather while nobody takes any.
        now: the present time in seconds, of any clock that only goes forward.
    """

    def __init__(self, rate: float, room: float, now: float) -> None:
        self.rate = rate
        self.room = room
        self._level = room
        self._at = now

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until ``tokens`` may be taken; a request larger than the bucket goes when it is full."""
        self._fill(now)
        missing = min(tokens, self.room) - self._level
        return missing / self.rate if missing > 1e-9 else 0.0

    def take(self, tokens: float, now: float) -> None:
        """Takes ``tokens``, negative ones giving back what was taken too much."""
        self._fill(now)
        self._level = min(self.room, self._level - tokens)

    def empty(self, now: float) -> None:
        """Leaves one token of all that will have gathered by ``now``."""
        self._fill(now)
        self._level = min(self._level, 1.0)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self.room, self._level + (now - self._at) * self.rate)
            self._at = now


class TokenPace:
    """The input tokens of a minute.

    Args:
        tpm: tokens a minute; None for as many as one likes.
    """

    def __init__(self, tpm: float | None, now: float) -> None:
        self._bucket = None if tpm is None else Bucket(_SHARE * tpm / 60, tpm * (1 - _SHARE), now)

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until a request of so many tokens may go."""
        return 0.0 if self._bucket is None else self._bucket.wait(tokens, now)

    def take(self, tokens: int, now: float) -> None:
        """Counts a request, or with what was wrongly estimated corrects the count."""
        if self._bucket is not None:
            self._bucket.take(tokens, now)


class CallPace:
    """The calls of a minute, found by trying if nobody knows.

    Args:
        rpm: calls a minute that the provider takes at most; None if it is not known.
    """

    def __init__(self, rpm: float | None, now: float) -> None:
        self._most = _MOST_RATE if rpm is None else _SHARE * rpm / 60
        self._burst = 1.0 if rpm is None else max(1.0, rpm // 100)
        # The rate that was refused; without one, the search is still doubling. A known limit needs no search.
        self._refused: float | None = None if rpm is None else self._most
        self._bucket = Bucket(_FIRST_RATE if rpm is None else self._most, self._burst, now)
        self._grown_at = self._settled_until = self._known_until = now
        self._learned_s = 0.0  # since the last refusal, while calls waited for the rate
        self._saved_until = now  # until then the provider took also what it had saved up
        self._wanted = False
        self._calls = self._since_refusal = 0  # the former since the rate last grew
        self._first = float("inf")
        self._refused_at = float("-inf")
        self._sent: deque[float] = deque()  # of the last minute, without those that were refused

    @property
    def rate(self) -> float:
        """Calls a second that are sent at present."""
        return self._bucket.rate

    def wait(self, now: float) -> float:
        """Seconds until the next call may go."""
        self._grow(now)
        wait = self._bucket.wait(1, now)
        self._wanted = self._wanted or wait > 0
        return wait

    def take(self, now: float) -> None:
        """Counts a call."""
        self._bucket.take(1, now)
        self._calls += 1
        self._since_refusal += 1
        self._first = min(self._first, now)
        self._sent.append(now)
        while self._sent[0] < now - _WINDOW_S:
            self._sent.popleft()

    def refused(self, now: float, retry_after_s: float) -> None:
        """The provider has refused a call and asks to wait so many seconds. What follows at once is the same event."""
        if self._sent:
            self._sent.pop()
        self._bucket.empty(now + retry_after_s)
        if now < self._settled_until:
            return
        self._settled_until = now + max(retry_after_s, 1 / self._bucket.rate) + 0.5
        self._grown_at = now + retry_after_s
        if retry_after_s >= _WAIT_OF_A_WINDOW_S:
            self._window_is_full(now, retry_after_s)
        elif now >= self._known_until:  # else what a minute takes is known; that its calls come unevenly is no news
            self._rate_is_too_high(now, retry_after_s)
        self._since_refusal, self._refused_at, self._learned_s = 0, now, 0.0

    def _rate_is_too_high(self, now: float, retry_after_s: float) -> None:
        taken = self._taken(now, retry_after_s)
        if self._refused is None:
            self._saved_until = now
            self._refused = min(self.rate, max(taken, self.rate / 4))
        elif self._since_refusal < _RECENT_CALLS or now - self._refused_at < _SOON_S:
            self._refused = min(self.rate, max(taken, self.rate / 2))
        else:
            self._refused = self.rate
        self._set(self._refused * _BELOW)

    def _window_is_full(self, now: float, retry_after_s: float) -> None:
        """What was sent within the provider's minute is its limit, if all of that minute was seen."""
        seen = now - self._first >= _WINDOW_S - retry_after_s - 1
        limit = max(1.0, self._count(now, _WINDOW_S)) / _WINDOW_S
        if not seen:  # perhaps no minute's quota, but a rate so low that even one call has to wait
            limit = max(limit, 1 / retry_after_s)
        self._refused = limit if seen else None
        self._known_until = now + retry_after_s + _WINDOW_S if seen else now
        self._set(limit * _BELOW)

    def _taken(self, now: float, retry_after_s: float) -> float:
        """Calls a second that the provider has taken lately, with the one that it will take after ``retry_after_s``.

        What it had saved up was gone with the first refusal: what it took from there on is its limit.
        """
        began = max(self._first, now - min(_WINDOW_S, max(_RECENT_S, _RECENT_CALLS / self.rate)))
        if began < self._saved_until and self._count(now, now - self._saved_until) >= _CALLS_FOR_A_SECOND:
            began = self._saved_until
        return (self._count(now, now - began) + 1) / max(now + retry_after_s - began, _DOUBLING_S)

    def _count(self, now: float, seconds: float) -> int:
        return sum(at > now - seconds for at in self._sent)

    def _grow(self, now: float) -> None:
        passed = now - self._grown_at
        if passed < _DOUBLING_S:
            return
        # Only who is held back by the rate learns anything about it.
        if self._wanted:
            if self._refused is None:
                self._set(self.rate * 2 ** min(passed / _DOUBLING_S, 2))
            else:
                self._learned_s += min(passed, self._calls / _CALLS_FOR_A_SECOND)
                self._set(self._raised(self._refused))
        self._grown_at, self._wanted, self._calls = now, False, 0

    def _raised(self, refused: float) -> float:
        most = float("inf")
        if self._grown_at < self._known_until:
            most, self._learned_s = refused * _SLOW, min(self._learned_s, _BACK_S)
        raised = refused * (1 + _CURVE * (self._learned_s - _BACK_S) ** 3)
        return max(self.rate, min(raised, most))

    def _set(self, rate: float) -> None:
        self._bucket.rate = min(rate, self._most)
        self._bucket.room = max(self._burst, 0.05 * self._bucket.rate)
