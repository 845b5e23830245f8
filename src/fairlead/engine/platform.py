"""Whether an image is for this machine, and for the one that was asked for (`--platform`)."""

from __future__ import annotations

import os

from fairlead import platforms
from fairlead.errors import InvalidParameter, NotFound
from fairlead.images.worker.registry import documents
from fairlead.model.image import Image


def here() -> str:
    """This machine's architecture, in Go's words."""
    return platforms.normal(os.uname().machine)[0]


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
    try:
        found = documents.parse_platform(text or "/", documents.Platform("", ""))
    except ValueError as error:
        raise InvalidParameter(str(error)) from error
    return ("" if found.architecture and "/" not in text else found.os), found.architecture
