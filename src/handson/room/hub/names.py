"""Names of attendees: any script, at most 40 characters, no two alike; hostile until shown otherwise."""

from __future__ import annotations

import unicodedata

LONGEST = 40
_JOINERS = "\u200c\u200d"
"""Parts of words in Persian and some Indian scripts, and of emoji: the only invisible characters that a name keeps."""
_REFUSED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_VISIBLE = ("L", "N", "S", "P")


class NameRefusedError(ValueError):
    """Why a name cannot be taken: the key of the sentence in `texts`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def clean_name(typed: str) -> str:
    """The name as it is kept and shown: NFC, blanks at the ends gone, one between words.

    Raises NameRefusedError for an empty one, one of more than 40 characters, or one with control characters or such as
    turn the writing's direction (they would disturb the names beside it).
    """
    if len(typed) > 16 * LONGEST:
        raise NameRefusedError("name_long")
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not any(unicodedata.category(letter)[0] in _VISIBLE for letter in name):
        raise NameRefusedError("name_empty")
    if len(name) > LONGEST:
        raise NameRefusedError("name_long")
    if any(unicodedata.category(letter) in _REFUSED and letter not in _JOINERS for letter in name):
        raise NameRefusedError("name_letters")
    marks = longest = 0
    for letter in name:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        longest = max(longest, marks)
    if longest > 4:  # letters stacked into the lines above
        raise NameRefusedError("name_letters")
    return name


def folded(name: str) -> str:
    """What two names that people would take for one have in common: neither case nor width nor joiners count."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", name) if letter not in _JOINERS)
    return " ".join(unicodedata.normalize("NFKC", plain.casefold()).split())
