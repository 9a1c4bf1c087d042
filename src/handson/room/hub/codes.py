"""Codes that people type: the class code, a seat's own, the presenter's phrase. No letter that is taken for another."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without I, L and O, and no digits: nobody asks whether that is a one."""
CLASS_CODE = 6
SEAT_CODE = 12
"""Letters of each: 23 to the power of 6 is 1.5e8 (guesses are rationed), of 12 is 2.2e16."""


def new_class_code() -> str:
    """Six letters, drawn anew."""
    return _drawn(CLASS_CODE)


def new_phrase() -> str:
    """The presenter's phrase: 16 letters in fours (72 bits)."""
    return in_fours(_drawn(16))


def seat_code(key: str, number: int) -> str:
    """The come-back code of attendee `number`: derived, so that nothing is stored and it can be shown again.

    `7-KRTM-WQXF-ABCD`: the number, then twelve letters of HMAC-SHA-256 under the room's key.
    """
    return f"{number}-{in_fours(_letters(key, f'seat {number}', SEAT_CODE))}"


def scan_code(key: str, class_code: str) -> str:
    """What the QR code carries beside the class code: twelve letters that nobody guesses, so that who scanned is never
    held up by those who do. Derived: a new class code makes a new one.
    """
    return _letters(key, f"scan {class_code}", SEAT_CODE)


def gate_key(key: str) -> str:
    """The key that passes are made with, derived from the room's: the proxy knows this one and no other."""
    return hmac.digest(bytes.fromhex(key), b"gate", hashlib.sha256).hex()


def gate_pass(key: str, user: str) -> str:
    """What a browser shows to the proxy to be let through to the seat of `user`; `key` is `gate_key`'s.

    web/src/room/gate.ts makes the same.
    """
    return hmac.digest(key.encode(), f"gate {user}".encode(), hashlib.sha256).hex()


def number_of(key: str, typed: str) -> int | None:
    """Whose come-back code was typed (case, blanks and dashes do not count), or None. Takes as long for wrong ones."""
    found = re.fullmatch(r"(\d{1,4})([A-Z]+)", _plain(typed))
    number = int(found[1]) if found else 0
    right = same_code(seat_code(key, number), typed)
    return number if right and found else None


def same_code(right: str, typed: str) -> bool:
    """Whether the code typed is the right one, in time that does not depend on where they differ."""
    return hmac.compare_digest(_plain(right).encode(), _plain(typed).encode())


def in_fours(letters: str) -> str:
    """ABCDEFGH → ABCD-EFGH."""
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _plain(typed: str) -> str:
    return re.sub(r"[\s\-–—.]", "", typed[:64]).upper()


def _letters(key: str, what: str, count: int) -> str:
    value = int.from_bytes(hmac.digest(bytes.fromhex(key), what.encode(), hashlib.sha256))
    letters = ""
    for _ in range(count):
        value, rest = divmod(value, len(LETTERS))
        letters += LETTERS[rest]
    return letters


def _drawn(count: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(count))
