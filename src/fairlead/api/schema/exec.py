"""Extra processes of a container: create bodies in, inspect out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.api.schema.fields import Fields
from fairlead.errors import InvalidParameter
from fairlead.model.request import ExecRequest, ExecView


def parse_create(body: Mapping[str, Any]) -> ExecRequest:
    fields = Fields(body, "ExecOptions")
    cmd = fields.words("Cmd")
    if not cmd:
        raise InvalidParameter("No exec command specified")
    return ExecRequest(
        cmd=cmd,
        attach_stdin=fields.flag("AttachStdin"),
        attach_stdout=fields.flag("AttachStdout"),
        attach_stderr=fields.flag("AttachStderr"),
        tty=fields.flag("Tty"),
        detach_keys=fields.text("DetachKeys") or None,
        env=fields.texts("Env"),
        working_dir=fields.text("WorkingDir"),
        user=fields.text("User"),
        privileged=fields.flag("Privileged"),
        console_size=fields.pair("ConsoleSize"),
    )


def render_inspect(view: ExecView) -> dict[str, Any]:
    request = view.request
    return {
        "ID": view.id,
        "Running": view.running,
        "ExitCode": view.exit_code,
        "ProcessConfig": {
            "tty": request.tty,
            "entrypoint": request.cmd[0] if request.cmd else "",
            "arguments": list(request.cmd[1:]),
            "privileged": request.privileged,
        }
        | ({"user": request.user} if request.user else {}),
        "OpenStdin": request.attach_stdin,
        "OpenStderr": request.attach_stderr,
        "OpenStdout": request.attach_stdout,
        "CanRemove": not view.running and view.exit_code is not None,
        "ContainerID": view.container_id,
        "DetachKeys": request.detach_keys or "",
        "Pid": view.pid,
    }
