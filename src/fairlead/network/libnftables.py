"""Loads ruleset text from within, by the library that the `nft` program is made of: at once, without a process.

For repair, where every millisecond without rules counts, and no start or stop of a container may come between.
"""

from __future__ import annotations

import ctypes

from fairlead.errors import SystemFailure

_LIBRARY = "libnftables.so.1"


def available() -> bool:
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return False
    return True


def load(text: str) -> None:
    """One transaction; raises SystemFailure with nft's words."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise SystemFailure(f"load nftables ruleset: {error}") from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    if not context:
        raise SystemFailure("load nftables ruleset: no context")
    try:
        library.nft_ctx_buffer_error(context)
        if library.nft_run_cmd_from_buffer(context, ctypes.c_char_p(text.encode())):
            said = library.nft_ctx_get_error_buffer(context) or b""
            raise SystemFailure(f"load nftables ruleset: {said.decode(errors='replace').strip()}")
    finally:
        library.nft_ctx_free(context)
