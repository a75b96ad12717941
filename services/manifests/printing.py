"""`python -m services.manifests.printing`: a printer, see `printers.py`. It reads manifests and writes PDFs.

Each is a length and so many bytes. A PDF is preceded by +; what failed by -, with the place in the code where it did: a
message might repeat a guest's name. It ends with its input, or when nothing has come for a while.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import sys
import traceback
from typing import IO, TYPE_CHECKING, Final

from services.manifests.printers import FAILED, LENGTH_BYTES, MADE
from services.manifests.sheets import Sheets

if TYPE_CHECKING:
    from services.manifests.contents import Manifest

IDLE_SECONDS: Final = 60.0
_NICENESS: Final = 5
"""Whoever waits for an answer of the API goes first."""


def main() -> None:
    os.nice(_NICENESS)
    gc.disable()  # a font is a million objects, looked through again and again: once, when it has answered, is enough
    # The pipe is ours alone: what a library may print goes nowhere.
    with os.fdopen(os.dup(1), "wb") as out, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        while (asked := _next(sys.stdin.buffer)) is not None:
            answer = _answer(asked)
            out.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
            out.flush()
            gc.collect()


def _next(pipe: IO[bytes]) -> bytes | None:
    """None at the end."""
    if not select.select([pipe], [], [], IDLE_SECONDS)[0]:
        return None
    length = pipe.read(LENGTH_BYTES)
    return pipe.read(int.from_bytes(length, "big")) if len(length) == LENGTH_BYTES else None


def _answer(asked: bytes) -> bytes:
    try:
        manifest: Manifest = pickle.loads(asked)  # noqa: S301 - our own process wrote it
        return MADE + Sheets(manifest).pdf()
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        return FAILED + f"{type(error).__name__}\n{where}".encode()


if __name__ == "__main__":
    main()
