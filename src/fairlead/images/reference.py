"""Image references: `[host/]path[:tag][@digest]`, Docker Hub's short forms included. Pure.

Grammar: distribution/reference. The familiar form is what users see (`busybox:latest`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fairlead.errors import InvalidParameter

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_HOST = re.compile(rf"(?:{_DOMAIN})\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}\Z")
_HUB = "docker.io"
_MAX_PATH = 255


@dataclass(frozen=True, slots=True)
class Reference:
    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Familiar repository name, without tag."""
        if self.domain != _HUB:
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix("library/")

    @property
    def canonical(self) -> str:
        """With the domain, whatever it is."""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.domain}/{self.path}" + (f":{self.tag}" if self.tag else "") + digest

    def __str__(self) -> str:
        text = self.name + (f":{self.tag}" if self.tag else "")
        return text + (f"@{self.digest}" if self.digest else "")

    def tagged(self) -> Reference:
        """With the tag `latest` if it has neither tag nor digest."""
        if self.tag or self.digest:
            return self
        return Reference(self.domain, self.path, "latest")


def canonical(name: str) -> str:
    """With the domain: the order in which Docker tells the names of an image."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"{_HUB}/{name}" if slash else f"{_HUB}/library/{name}"


def parse(text: str) -> Reference:
    """Raises InvalidParameter with Docker's text."""
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.match(digest):
        raise InvalidParameter("invalid reference format")
    slash = rest.rfind("/")
    colon = rest.find(":", slash + 1)
    tag = ""
    if colon >= 0:
        rest, tag = rest[:colon], rest[colon + 1 :]
    domain, path = _split(rest)
    if path != path.lower():
        shown = path if domain == _HUB else f"{domain}/{path}"
        raise InvalidParameter(f"invalid reference format: repository name ({shown}) must be lowercase")
    tagged = colon < 0 or _TAG.match(tag)
    if not tagged or not _PATH.match(path) or not _HOST.match(domain):
        raise InvalidParameter("invalid reference format")
    if len(path) > _MAX_PATH:
        raise InvalidParameter(f"repository name must not be more than {_MAX_PATH} characters")
    return Reference(domain, path, tag, digest)


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        domain, path = _HUB, name
    else:
        domain, path = first, rest
    if domain == "index.docker.io":
        domain = _HUB
    if domain == _HUB and "/" not in path:
        path = f"library/{path}"
    return domain, path
