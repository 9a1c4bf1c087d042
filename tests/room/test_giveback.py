"""What a process has freed goes back to the host."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from handson.room.seat.keeper import _template_environment

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


# A thread, as a server's that reads notebooks, frees all that it had. Once something large was freed, the C library keeps
# as much on the top of each arena, and gives back that of the first one only.
THREAD = """
import threading
from handson.room.giveback import give_back, resident_bytes
bytes(30_000_000)
before = resident_bytes()
def work():
    pieces = [b"x" * 100_000 for _ in range(400)]
for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
give_back()
print(resident_bytes() - before)
"""


def test_what_a_thread_has_freed_goes_back_in_a_rooms_templates() -> None:
    environment = _template_environment()
    done = subprocess.run([sys.executable, "-c", THREAD], capture_output=True, text=True, check=True, env=environment)
    assert int(done.stdout) < 10_000_000
    del environment["MALLOC_ARENA_MAX"]
    done = subprocess.run([sys.executable, "-c", THREAD], capture_output=True, text=True, check=True, env=environment)
    assert int(done.stdout) > 20_000_000, "this C library needs to be told no more"
