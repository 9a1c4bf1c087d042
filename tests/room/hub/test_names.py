from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handson.room.hub.names import LONGEST, NameRefusedError, clean_name, folded


@pytest.mark.parametrize(
    "name",
    ["Ada", "Łucja Żak", "山田 太郎", "مریم", "நளினி", "می\u200cخواهم", "Zoë 👩‍💻", "O'Brien", "7", "<b>Bob</b>"],
)
def test_names_of_any_script_are_kept(name: str) -> None:
    assert clean_name(f"  {name} ") == name


def test_blanks_are_one_and_letters_composed() -> None:
    assert clean_name(" Zoe\u0308 \t  K. ") == "Zoë K."


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "name_empty"),
        ("   ", "name_empty"),
        ("\u200d\u200c", "name_empty"),
        ("x" * (LONGEST + 1), "name_long"),
        ("x" * 100_000, "name_long"),
        ("Ada\u202egnp", "name_letters"),
        ("Ada\x00", "name_letters"),
        ("\u2066Ada", "name_letters"),
        ("A" + "\u0301" * 12, "name_letters"),
    ],
)
def test_names_that_disturb_others_are_refused_with_the_reason(typed: str, why: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        clean_name(typed)
    assert refused.value.why == why


@given(st.text(max_size=80))
def test_a_name_that_is_taken_is_short_and_harmless(typed: str) -> None:
    try:
        name = clean_name(typed)
    except NameRefusedError:
        return
    assert 0 < len(name) <= LONGEST
    assert clean_name(name) == name
    assert name.isprintable() or any(joiner in name for joiner in "\u200c\u200d")


def test_names_that_people_take_for_one_are_one() -> None:
    assert folded("Maria") == folded("MARIA") == folded("Ｍａｒｉａ") == folded("Ma\u200dria")
    assert folded("Straße") == folded("STRASSE")
    assert folded("Maria") != folded("Mario")
