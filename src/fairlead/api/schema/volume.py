"""Volumes in Docker's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.api.schema import times
from fairlead.api.schema.fields import Fields
from fairlead.model.request import VolumeRequest
from fairlead.model.volume import Volume


def render(volume: Volume) -> dict[str, Any]:
    return {
        "CreatedAt": times.render(volume.created.replace(microsecond=0)),
        "Driver": volume.driver,
        "Labels": dict(volume.labels) or None,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": dict(volume.options) or None,
        "Scope": "local",
    }


def parse_create(body: Mapping[str, Any]) -> VolumeRequest:
    fields = Fields(body, "CreateOptions")
    return VolumeRequest(
        name=fields.text("Name"),
        driver=fields.text("Driver") or "local",
        labels=fields.text_mapping("Labels"),
        options=fields.text_mapping("DriverOpts"),
    )
