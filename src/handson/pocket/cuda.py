"""`torch.cuda`: there is none. Programs that ask first, as most do, go on with the CPU."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed_all(seed: int) -> None:
    """Accepted, and without effect."""
    del seed
