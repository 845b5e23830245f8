"""`--platform` of the image verbs → the OCI platform that the API takes."""

from __future__ import annotations

from fairlead import platforms
from fairlead.cli import jsontext
from fairlead.cli.client import Refused


def query(text: str) -> str:
    """JSON for the query, empty for none; Refused with docker's words."""
    if not text:
        return ""
    system, architecture, variant = check(text, "invalid platform")
    return jsontext.dumps({"architecture": architecture, "os": system, **({"variant": variant} if variant else {})})


def check(text: str, what: str) -> tuple[str, str, str]:
    """System, architecture and variant."""
    try:
        return platforms.parse(text, (_here(), ""))
    except ValueError as error:
        raise Refused(f"{what}: {error}: invalid argument") from None


def _here() -> str:
    import posix

    return platforms.normal(posix.uname().machine)[0]
