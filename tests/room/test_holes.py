from __future__ import annotations

import subprocess
import sys

CODE = """
import json, sys
from handson.room.forge.holes import fill_holes, free_places
trash = [object() for _ in range(100_000)]
del trash[::2]
free = dict(free_places())
filled = fill_holes()
left = dict(free_places())
print(json.dumps([free[16], left[16], filled, sum(size * n for size, n in left.items()), sum(size * n for size, n in free.items())]))
"""


def test_what_is_free_in_used_pools_is_occupied() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    free, left, filled, bytes_left, bytes_before = eval(done.stdout)
    assert free > 40_000
    assert left < 2_000
    assert filled > 600_000
    assert bytes_left < bytes_before / 2
    assert done.stderr == "", "the allocator's statistics are not for people"
