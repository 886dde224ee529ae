"""An error says the same wherever it is met: here, or in the process that waits for a worker."""

from __future__ import annotations

import pickle
import string

import pytest

from ion_summary.errors import IonSummaryError, ProviderError, StoreLockedError
from ion_summary.model import Usage
from ion_summary.workers import Workers


def _all(base: type[IonSummaryError]) -> list[type[IonSummaryError]]:
    return [base, *(each for direct in base.__subclasses__() for each in _all(direct))]


def _example(kind: type[IonSummaryError]) -> IonSummaryError:
    texts = kind.text + kind.hint_text
    fields = {name: 7 if spec else f"<{name}>" for _, name, spec, _ in string.Formatter().parse(texts) if name}
    if issubclass(kind, ProviderError):
        return kind(reason="x {y}", retry_after_s=1.5, usage=Usage(3, 4), cost_usd=0.1, calls=2)
    return kind(**fields)


@pytest.mark.parametrize("kind", _all(IonSummaryError), ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_after_it_passed_between_processes(kind: type[IonSummaryError]) -> None:
    error = _example(kind)
    passed = pickle.loads(pickle.dumps(error))
    assert type(passed) is kind
    assert (passed.message, passed.hint, passed.args) == (error.message, error.hint, error.args)
    assert vars(passed) == vars(error)


def _refuse(number: int) -> int:
    raise StoreLockedError(path=f"/store {number}", seconds=10)


def test_an_error_of_a_worker_process_reaches_the_one_that_waits() -> None:
    with Workers(1) as workers, pytest.raises(StoreLockedError, match="/store 3 is being written") as caught:
        workers.submit(_refuse, 3).result()
    assert caught.value.exit_code == 11
    assert "--lock-timeout" in caught.value.hint
