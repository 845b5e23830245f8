"""`RUN --mount`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import mounts
from fairlead.images.dockerfile.mounts import RunMount

READ = [
    ("type=cache,target=/c", RunMount(type="cache", target="/c", read_only=False)),
    ("type=cache,target=$T,id=i,sharing=locked,uid=1,gid=2,mode=0700", RunMount(
        type="cache", target="/t", id="i", sharing="locked", uid=1, gid=2, mode=0o700, read_only=False)),
    ("target=/b,source=s,from=a", RunMount(target="/b", source="s", origin="a", read_only=True)),
    ("type=bind,dst=/b,rw", RunMount(target="/b", read_only=False)),
    ("type=bind,dst=/b,ro=false", RunMount(target="/b", read_only=False)),
    ("type=tmpfs,target=/t,size=1m", RunMount(type="tmpfs", target="/t", size_bytes=1 << 20, read_only=False)),
    ("type=secret,id=s,required", RunMount(type="secret", id="s", required=True, read_only=True)),
    ('type=bind,"target=/a,b"', RunMount(target="/a,b", read_only=True)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "mount"), READ)
def test_mounts(text: str, mount: RunMount) -> None:
    assert mounts.parse(text, {"T": "/t"}) == replace(mount)


REFUSED = [
    ("type=foo,target=/x", 'unsupported mount type "foo"'),
    ("type=cache,target=/x,sharing=foo", 'unsupported sharing value "foo"'),
    ("type=bind,target=/x,foo=1", "unexpected key 'foo' in 'foo=1'"),
    ("type=bind,target=/x,foo", "invalid field 'foo' must be a key=value pair"),
    ("type=bind,target=/x,size=1", "unexpected key 'size' for mount type 'bind'"),
    ("type=bind,target=/x,uid=1", 'uid not allowed for "bind" type mounts'),
    ("type=bind,target=/x,ro=maybe", "invalid value for readonly: maybe"),
    ("type=bind,target=/x,sharing=shared", "invalid cache sharing set for bind mount"),
    ("type=secret", "invalid secret mount. one of source, target required"),
    ("type=cache", "cache mount requires a target"),
]


@pytest.mark.parametrize(("text", "complaint"), REFUSED)
def test_refusals(text: str, complaint: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        mounts.parse(text, {})
    assert caught.value.message == complaint
