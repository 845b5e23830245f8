"""Names of images as a user writes them; ValueError with docker's words for what cannot be one."""

from __future__ import annotations

_COMPONENT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_TAG = _COMPONENT | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DOMAIN = _TAG | frozenset(":[]")
_HEX = frozenset("0123456789abcdef")
_INVALID = "invalid reference format"


def split(reference: str) -> tuple[str, str, str]:
    """Repository, tag, digest; what is missing is empty. A name is not completed."""
    name, at, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    elif not tag:
        raise ValueError(_INVALID)
    domain, path, known = _parts(head)
    if path != path.lower():
        raise ValueError(f"{_INVALID}: repository name ({known}) must be lowercase")
    for part in path.split("/"):
        if not part or not set(part) <= _COMPONENT or not part[0].isalnum() or not part[-1].isalnum():
            raise ValueError(_INVALID)
    if not set(domain) <= _DOMAIN or not set(tag) <= _TAG or tag[:1] in (".", "-") or len(tag) > 128:
        raise ValueError(_INVALID)
    if at and not _is_digest(digest):
        raise ValueError(_INVALID)
    return head, tag, digest


def _parts(name: str) -> tuple[str, str, str]:
    """The registry's host, the path below it, and the path as a registry knows it."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return first, rest, rest
    return "", name, name if slash else f"library/{name}"


def _is_digest(text: str) -> bool:
    algorithm, _, value = text.partition(":")
    return bool(algorithm) and len(value) >= 32 and set(value) <= _HEX


def check(reference: str) -> None:
    """Refuses what can be neither a name nor an id."""
    if not (len(reference) == 64 and set(reference) <= _HEX):
        split(reference)


def tagged(reference: str) -> str:
    """With `:latest` where it has neither tag nor digest: as messages name it."""
    name, tag, digest = split(reference)
    return reference if tag or digest else f"{name}:latest"


def to_pull(reference: str) -> tuple[str, str]:
    """`fromImage` and `tag` of POST /images/create; a digest goes in place of the tag."""
    name, tag, digest = split(reference)
    return name, digest or tag or "latest"
