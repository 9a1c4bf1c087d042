"""What a process has freed goes back to the host."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

if not hasattr(ctypes.CDLL(None) if sys.platform.startswith("linux") else object(), "malloc_trim"):
    pytest.skip("this C library gives memory back by itself", allow_module_level=True)

# Many small pieces, the last of them kept: the C library can give back nothing from the end of its heap by itself.
SCRIPT = """
import ctypes
from handson.room.giveback import GiveBack, resident_bytes
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
after = GiveBack()
pieces = [library.malloc(4000) for _ in range(20_000)]
for piece in pieces:
    ctypes.memset(piece, 1, 4000)
for piece in pieces[:-1]:
    library.free(piece)
before = resident_bytes()
after()
print(before - resident_bytes())
"""


def test_what_is_free_goes_back() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50_000_000
