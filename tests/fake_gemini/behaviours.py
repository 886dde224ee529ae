"""What can happen to a call: every name is one thing that the real service, or the way to it, does.

ok                 an answer with right citations
fenced             the same inside a Markdown code fence
cached             the same, a part of the prompt billed as cached
rate_minute        429 of a quota per minute, with RetryInfo (``rate_minute=2.5`` seconds; default 1)
rate_no_hint       429 without any detail
rate_day, rate_zero  429 of the quota of the day; of a quota that is 0
payment            402
no_model           404
bad_key, denied    400 API_KEY_INVALID, 403
bad_request        400
error, unavailable, unavailable_hint   500; 503 without and with RetryInfo (``unavailable_hint=2``)
bad_gateway        502 of a proxy: HTML, no message
gone               the connection breaks before anything is billed
gone_billed        it breaks after the answer was billed, before a byte of it
half               it breaks in the middle of the answer
stall, drip        nothing is answered; a byte every 50 ms (``drip=0.01``)
slow               the answer takes longer (``slow=2`` seconds)
malformed          text instead of JSON
cut_json           JSON that breaks off, as if it had ended
truncated          the same with finishReason MAX_TOKENS
wrong_types, unreal, uncited   bullets that are numbers; that cite messages that do not exist; that cite none
invented           a bullet with a number, a date, a name and a code that nobody said
hostile            markup, escape sequences and newlines in the answer
long               far more and longer bullets than asked for
empty, empty_body, html    200 with ``{}``, with nothing, with a web page
no_candidates      200 with a bill and nothing else
blocked            promptFeedback.blockReason
safety, recitation, spii, continuation, no_finish    finish reasons
"""

from __future__ import annotations

import json
from typing import Any

from tests.fake_gemini import answers
from tests.fake_gemini.http import Response

#: What is billed: these cost money, whatever arrives.
BILLED = frozenset(
    "ok fenced cached slow drip half gone_billed malformed cut_json truncated wrong_types unreal uncited invented "
    "hostile long no_candidates safety recitation spii continuation no_finish new_finish".split()
)


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> Response:
    """An error as the service words it."""
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        body["details"] = list(details)
    return Response.of({"error": body}, code)


def rate_limited(quota: str, limit: str, retry_s: float | None) -> Response:
    """A 429 with its QuotaFailure and, unless ``retry_s`` is None, its RetryInfo."""
    model = "gemini-2.5-flash-lite"
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": quota,
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": limit,
    }
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
    if retry_s is not None:
        details.append(retry_info(retry_s))
    return error(429, "RESOURCE_EXHAUSTED", f"You exceeded your current quota, limit: {limit}", *details)


def retry_info(seconds: float) -> dict[str, Any]:
    """google.rpc.RetryInfo."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:.3f}s"}


def respond(name: str, value: float | None, body: dict[str, Any], model: str) -> Response:
    """What a call that meets the behaviour ``name`` (with its number, if any) is answered."""
    if (refusal := _refusal(name, value)) is not None:
        return refusal
    if name in ("empty", "empty_body", "html"):
        return Response(body={"empty": b"{}", "empty_body": b"", "html": b"<html>Sign in</html>"}[name])
    if name == "blocked":
        used = {"promptTokenCount": answers.usage(body, "")["promptTokenCount"]}
        return Response.of({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": used})
    text = _text(name, answers.answer(body))
    finish = {"truncated": "MAX_TOKENS", "no_finish": None, "new_finish": "TOO_MUSICAL"}.get(
        name, name.upper() if name in ("safety", "recitation", "spii", "continuation") else "STOP"
    )
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    if name in ("safety", "recitation", "spii"):
        del candidate["content"]
    used = answers.usage(body, text, cached=64 if name == "cached" else 0)
    whole: dict[str, Any] = {"candidates": [candidate], "usageMetadata": used, "modelVersion": model}
    if name == "no_candidates":
        del whole["candidates"]
    response = Response.of(whole)
    response.drip_s = (value or 0.05) if name == "drip" else 0.0
    response.cut, response.drop = name == "half", name == "gone_billed"
    return response


def _refusal(name: str, value: float | None) -> Response | None:
    per_minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
    per_day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    invalid = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    match name:
        case "rate_minute":
            return rate_limited(per_minute, "15", 1.0 if value is None else value)
        case "rate_no_hint":
            return error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
        case "rate_day":
            return rate_limited(per_day, "1000", 30.0 if value is None else value)
        case "rate_zero":
            return rate_limited(per_day, "0", 12.0)
        case "payment":
            return error(402, "PAYMENT_REQUIRED", "Your prepayment credits are depleted.")
        case "no_model":
            return error(404, "NOT_FOUND", "models/x is not found for API version v1, or is not supported")
        case "bad_key":
            return error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", invalid)
        case "denied":
            return error(403, "PERMISSION_DENIED", "The caller does not have permission")
        case "bad_request":
            return error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        case "error":
            return error(500, "INTERNAL", "An internal error has occurred.")
        case "unavailable":
            return error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
        case "unavailable_hint":
            return error(503, "UNAVAILABLE", "The model is overloaded.", retry_info(value or 1.0))
        case "bad_gateway":
            return Response(502, b"<html><h1>502 Bad Gateway</h1></html>", {"Content-Type": "text/html"})
        case "gone":
            return Response(drop=True)
        case "stall":
            return Response(stall=True)
    return None


def _text(name: str, answer: dict[str, Any]) -> str:
    """The text of the candidate."""
    bullets = answer["bullets"]
    match name:
        case "malformed":
            return "Here is the summary you asked for."
        case "wrong_types":
            return json.dumps({"bullets": [1, None, {"text": 3, "messages": ["1"]}], "tags": "none"})
        case "unreal":
            bullets = [{"text": each["text"], "messages": [9_999]} for each in bullets]
        case "uncited":
            bullets = [{"text": each["text"], "messages": []} for each in bullets]
        case "invented":
            made_up = "The order ZX-991 of Rumpelstiltskin costs 987654 on 2031-07-19"
            bullets = [{"text": made_up, "messages": [bullets[0]["messages"][0]]}, *bullets[1:]]
        case "hostile":
            ugly = "- \x1b[31m**<b>red</b>**\n[bold]=HYPERLINK()\u202e " + bullets[0]["text"]
            bullets = [{"text": ugly, "messages": bullets[0]["messages"]}, *bullets[1:]]
        case "long":
            bullets = [
                {"text": f"{each['text']} {number} {'정말 길어요. ' * 60}", "messages": each["messages"]}
                for number in range(4)
                for each in bullets
            ]
    text = json.dumps(answer | {"bullets": bullets}, ensure_ascii=False)
    if name in ("cut_json", "truncated"):
        return text[: len(text) * 2 // 3]
    return f"```json\n{text}\n```" if name == "fenced" else text
