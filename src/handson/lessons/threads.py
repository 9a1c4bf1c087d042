"""How many threads PyTorch may use, and how they wait."""

from __future__ import annotations

# Threads that wait must not burn CPU time: on a busy machine it is lost to everybody, and a check would count it.
PASSIVE_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


def thread_limits(threads: int) -> dict[str, str]:
    """Environment variables that hold OpenMP, OpenBLAS and MKL to `threads` threads that do not spin."""
    count = str(threads)
    return {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count, **PASSIVE_THREADS}
