"""Rationing: guesses at a code, and what one attendee may send."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass
class _Bucket:
    left: float
    at: float


class Ration:
    """So many at once, then one every so many seconds, for each key; the oldest keys are forgotten beyond `keys`."""

    def __init__(self, at_once: int, seconds: float, *, keys: int = 4096, clock: Clock = time.monotonic) -> None:
        self._at_once, self._seconds, self._keys, self._clock = at_once, seconds, keys, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the next one is allowed; 0 where it is now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0.0
        left = self._left(bucket)
        return 0.0 if left >= 1 else (1 - left) * self._seconds

    def untouched(self, key: str) -> bool:
        """Whether nothing of it is used up."""
        bucket = self._buckets.get(key)
        return bucket is None or self._left(bucket) >= self._at_once

    def take(self, key: str) -> bool:
        """Use one up; False where none is left."""
        now = self._clock()
        bucket = self._buckets.get(key) or _Bucket(self._at_once, now)
        left = self._left(bucket)
        self._buckets[key] = _Bucket(left - 1 if left >= 1 else left, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return left >= 1

    def _left(self, bucket: _Bucket) -> float:
        return min(float(self._at_once), bucket.left + (self._clock() - bucket.at) / self._seconds)


class Guesses:
    """Wrong codes, by the device that sent them and all together; a right one costs nothing.

    A device has 60 wrong ones, then one every 2 seconds: behind one address there may be a class that mistypes. All
    devices have 300, then one a second; when those are used up, only devices without a wrong one of their own are still
    heard. At one a second, a class code of 1.5e8 has one chance in 41,000 to be found in an hour. Somebody who goes on
    guessing from behind the class's own address keeps others from typing the code; codes that cannot be guessed (that
    of the QR code, come-back codes) are heard all the same, before anybody is told to wait.
    """

    EVERYBODY = "*"

    def __init__(self, at_once: int = 60, seconds: float = 2.0, *, clock: Clock = time.monotonic) -> None:
        self._each = Ration(at_once, seconds, clock=clock)
        self._all = Ration(300, 1.0, clock=clock)

    def wait(self, address: str) -> float:
        """Seconds that the device at `address` has to wait before its next try; 0: none."""
        device = device_of(address)
        if self._each.untouched(device):
            return 0.0
        return max(self._each.wait(device), self._all.wait(self.EVERYBODY))

    def wrong(self, address: str) -> None:
        """A wrong code came from there."""
        self._each.take(device_of(address))
        self._all.take(self.EVERYBODY)


def device_of(address: str) -> str:
    """One key for one device: an IPv4 address, or the /64 of an IPv6 one, of which a device has as many as it likes."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def sender_of(forwarded: str | None, peer: str) -> str:
    """The address that the proxy heard from: the last one of X-Forwarded-For, which the proxy wrote.

    Those before it, and X-Real-Ip, anybody can write.
    """
    return forwarded.rsplit(",", 1)[-1].strip() if forwarded else peer
