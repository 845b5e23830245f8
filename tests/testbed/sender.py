"""Run as a program: puts an image of one layer into a registry, compressed and written as nobody here would do it.
`sender.py URL REPOSITORY TAG gzip|zstd|plain`; prints the manifest's digest."""

from __future__ import annotations

import gzip
import json
import sys
import urllib.request
from urllib.parse import urljoin

import zstandard

from testbed.lyingregistry import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, digest, tar

_COMPRESSORS = {"gzip": lambda data: gzip.compress(data, 1, mtime=1), "zstd": zstandard.compress, "plain": bytes}


def _ask(method: str, url: str, data: bytes = b"", kind: str = "application/octet-stream") -> str:
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return urljoin(url, str(answer.headers.get("Location", "")))


def _blob(base: str, data: bytes, kind: str) -> dict[str, object]:
    place = _ask("POST", f"{base}/blobs/uploads/")
    _ask("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest(data)}", data)
    return {"digest": digest(data), "mediaType": kind, "size": len(data)}


def main() -> None:
    url, repository, tag, compression = sys.argv[1:]
    base, plain = f"{url}/v2/{repository}", tar("file", compression.encode() * 100_000)
    rootfs = {"type": "layers", "diff_ids": [digest(plain)]}
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": [compression]}, "rootfs": rootfs}
    layer_type = OCI_LAYER if compression == "plain" else f"{OCI_LAYER}+{compression}"
    manifest = {
        "annotations": {"org.example.by": "nobody here"},
        "schemaVersion": 2,
        "layers": [_blob(base, _COMPRESSORS[compression](plain), layer_type)],
        "config": _blob(base, json.dumps(config).encode(), OCI_CONFIG),
    }
    data = json.dumps(manifest, indent=7).encode()
    _ask("PUT", f"{base}/manifests/{tag}", data, OCI_MANIFEST)
    print(digest(data))


if __name__ == "__main__":
    main()
