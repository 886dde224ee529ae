"""What does a failure of Gemini or of its client mean: wait, try again, give up, or stop altogether?

No message of the provider is passed on: it may quote what was sent. Codes, statuses and names of quotas are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ion_summary.errors import (
    NoQuotaError,
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
    RateLimitedError,
    UnknownModelError,
    UnusableAnswerError,
)

# https://ai.google.dev/gemini-api/docs/troubleshooting
_ACCESS = {
    401: "the key is not accepted",
    402: "payment is required: see the billing of the key's project",
    403: "the key may not use this model or API",
}
_BROKEN = {408, 409, 425, 499}  # and everything from 500
_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
#: Nobody waits longer than this, in seconds: a provider that asks for more has said no for this run.
LONGEST_WAIT_S = 900.0


def from_status(code: int, body: Any, model: str, header_retry_after: str | None = None) -> ProviderError:
    """The error for an HTTP answer that is not 200.

    Args:
        code: the HTTP status, or the code in an error of a batch.
        body: the JSON of the answer (``{"error": {...}}`` or the error itself), or anything else.
        model: the model that was asked for, "" where something else was.
        header_retry_after: the header ``Retry-After``, if there was one.
    """
    error = _error_of(body)
    reason = _name(code, error)
    wait = _retry_after(error, header_retry_after)
    if code == 429:
        return _rate_limited(error, reason, wait, model)
    if code == 404 and model:
        return UnknownModelError(reason=reason, terminal=True, whole_run=True, model=model)
    if code in _BROKEN or code >= 500:
        return ProviderUnavailableError(reason=reason, retry_after_s=wait)
    if 300 <= code < 400:
        why = "the address sends its callers elsewhere, and the key goes nowhere else"
        return ProviderRefusedError(reason=f"{why} ({reason})", terminal=True, whole_run=True)
    if code in _ACCESS:
        return ProviderRefusedError(reason=f"{_ACCESS[code]} ({reason})", terminal=True, whole_run=True)
    if _about_the_key(error):
        return ProviderRefusedError(reason=f"{_ACCESS[401]} ({reason})", terminal=True, whole_run=True)
    # FAILED_PRECONDITION: not for this account or country, whatever the request.
    everything = error.get("status") == "FAILED_PRECONDITION"
    return ProviderRefusedError(reason=reason, terminal=True, whole_run=everything)


def from_exception(error: Exception, model: str) -> ProviderError:
    """The error for an exception that the client let through."""
    code = getattr(error, "code", None)
    if isinstance(code, int) and hasattr(error, "details"):  # google.genai.errors.APIError, which is not imported here
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        return from_status(code, error.details, model, headers.get("retry-after"))
    name = type(error).__name__
    if isinstance(error, TimeoutError) or "Timeout" in name:
        # A connection or a place in the pool that was waited for in vain has cost nothing.
        unsent = name in ("ConnectTimeout", "PoolTimeout")
        return ProviderUnavailableError(reason="no answer in time", perhaps_billed=not unsent)
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):  # JSONDecodeError, a model's validation
        return UnusableAnswerError(
            reason=f"the answer is not what the interface promises ({name})", perhaps_billed=True
        )
    unsent = name in ("ConnectError", "ProxyError", "UnsupportedProtocol", "LocalProtocolError")
    return ProviderUnavailableError(reason=f"the connection failed ({name})", perhaps_billed=not unsent)


def _rate_limited(error: Mapping[str, Any], reason: str, wait: float | None, model: str) -> RateLimitedError:
    quotas = list(_quotas(error))
    named = ", ".join(name for name, _ in quotas) or reason
    message = str(error.get("message", ""))
    never = any(value == "0" for _, value in quotas) or re.search(r"\blimit: 0\b", message) is not None
    if never:
        return NoQuotaError(
            reason=f"there is no quota for this model ({named}: 0)", terminal=True, whole_run=True, model=model
        )
    if any("perday" in name.lower() for name, _ in quotas):
        return RateLimitedError(
            reason=f"the quota of the day is used up ({named})", terminal=True, whole_run=True, retry_after_s=wait
        )
    if wait is not None and wait > LONGEST_WAIT_S:
        asked = f"the provider asks to wait {wait:.0f} s ({named})"
        return RateLimitedError(reason=asked, terminal=True, whole_run=True, retry_after_s=wait)
    return RateLimitedError(reason=named, retry_after_s=wait)


def _quotas(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and limit of each quota that a 429 says was exceeded."""
    for detail in _details(error, "QuotaFailure"):
        for violation in detail.get("violations") or ():
            if isinstance(violation, dict):
                name = str(violation.get("quotaId") or violation.get("quotaMetric") or "")
                found = _PRINTABLE.fullmatch(name.rpartition("/")[2])
                yield (found.group() if found else "quota"), str(violation.get("quotaValue", ""))


def _retry_after(error: Mapping[str, Any], header: str | None) -> float | None:
    """Seconds that the provider asks to wait: google.rpc.RetryInfo, else the header."""
    for detail in _details(error, "RetryInfo"):
        found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)s", str(detail.get("retryDelay", "")))
        if found:
            return float(found[1])
    return float(header) if header and re.fullmatch(r"\d{1,9}", header) else None


def _about_the_key(error: Mapping[str, Any]) -> bool:
    reasons = [str(detail.get("reason", "")) for detail in _details(error, "ErrorInfo")]
    return any(reason.startswith("API_KEY_") for reason in reasons)


def _details(error: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("." + kind):
            yield detail


def _error_of(body: Any) -> Mapping[str, Any]:
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        return inner if isinstance(inner, dict) else {}
    return {}


def _name(code: int, error: Mapping[str, Any]) -> str:
    status = str(error.get("status", ""))
    return f"{code} {status}" if re.fullmatch(r"[A-Z_]{2,40}", status) else str(code)
