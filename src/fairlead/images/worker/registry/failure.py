"""Why a registry's answer is not taken, in words for the user and in a kind for the engine."""

from __future__ import annotations

import json
from http import HTTPStatus

DENIED, MISSING, UNNAMED, UNAUTHORIZED = "denied", "missing", "unnamed", "unauthorized"
REFUSED, SYSTEM, UNREACHABLE = "refused", "system", "unreachable"
RETRIED = (408, 429, 500, 502, 503, 504)
_KINDS = {
    "DENIED": DENIED, "MANIFEST_UNKNOWN": MISSING, "NAME_UNKNOWN": UNNAMED, "UNAUTHORIZED": UNAUTHORIZED,
}  # fmt: skip
_SHOWN = 256


class Failure(Exception):
    """`retry`: another try may help; `after_s`: the registry said when."""

    def __init__(self, text: str, kind: str = SYSTEM, *, retry: bool = False, after_s: float | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.retry = retry
        self.after_s = after_s


def of_response(status: int, body: bytes, retry_after: str | None = None) -> Failure:
    """An error answer, in the words of Docker's client for registries."""
    retry = status in RETRIED
    after = float(retry_after) if retry and retry_after and retry_after.isdigit() else None
    if status >= 500:
        return Failure(f"received unexpected HTTP status: {_phrase(status)}", retry=retry, after_s=after)
    try:
        code, text = _first(body)
    except (ValueError, KeyError, TypeError, IndexError):
        if status == 401:
            return Failure("unauthorized: authentication required", UNAUTHORIZED)
        kind = MISSING if status == 404 else SYSTEM
        shown = _quoted(body)
        return Failure(
            f"error parsing HTTP {status} response body: {syntax(body)}: {shown}", kind, retry=retry, after_s=after
        )
    return Failure(text, _KINDS.get(code, SYSTEM), retry=retry, after_s=after)


def syntax(body: bytes) -> str:
    """What Go's decoder says of a text that is no JSON."""
    text = body.decode(errors="replace").lstrip()
    if not text:
        return "unexpected end of JSON input"
    if text[0] in "{[":
        return "unexpected content in JSON"
    return f"invalid character '{text[0]}' looking for beginning of value"


def _quoted(body: bytes) -> str:
    text = body[:_SHOWN].decode(errors="replace")
    return json.dumps(text + ("…" if len(body) > _SHOWN else ""), ensure_ascii=False)


def _first(body: bytes) -> tuple[str, str]:
    """Code and text of the first error of a registry's list."""
    error = json.loads(body)["errors"][0]
    code = str(error["code"])
    name = code.replace("_", " ").lower()
    return code, f"{name}: {error.get('message') or name}"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
