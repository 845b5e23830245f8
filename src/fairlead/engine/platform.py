"""Whether an image is for this machine, and for the one that was asked for (`--platform`)."""

from __future__ import annotations

import os

from fairlead.errors import InvalidParameter, NotFound
from fairlead.model.image import Image

_ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm", "i386": "386",
    "i686": "386", "armv7l": "arm",
}  # fmt: skip
_SYSTEMS = ("linux", "windows", "darwin", "freebsd")


def here() -> str:
    """This machine's architecture, in Go's words."""
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def check(image: Image, reference: str, wanted: str) -> list[str]:
    """Warnings. NotFound, as in Docker, if the image is for another platform than the wanted one."""
    found = f"{image.os}/{image.architecture}"
    if wanted:
        system, architecture = parse(wanted)
        if (system or image.os, architecture or image.architecture) != (image.os, image.architecture):
            raise NotFound(
                f"image with reference {reference} was found but its platform ({found}) does not match the specified "
                f"platform ({'/'.join(filter(None, (system, architecture)))})"
            )
        return []
    if (image.os, image.architecture) == ("linux", here()):
        return []
    return [
        f"The requested image's platform ({found}) does not match the detected host platform (linux/{here()}) "
        "and no specific platform was requested"
    ]


def parse(text: str) -> tuple[str, str]:
    """`linux/arm64/v8`, `linux`, `arm64` → (system, architecture); '' is any."""
    parts = text.lower().split("/")
    if not 1 <= len(parts) <= 3 or not all(part.replace("-", "").replace("_", "").isalnum() for part in parts):
        raise InvalidParameter(f'"{text}": invalid platform specifier: invalid argument')
    if len(parts) == 1:
        return (parts[0], "") if parts[0] in _SYSTEMS else ("", _normal(parts[0]))
    return parts[0], _normal(parts[1])


def _normal(architecture: str) -> str:
    return _ARCHITECTURES.get(architecture, architecture)
