from __future__ import annotations

from handson.room.hub import codes

KEY = "ab" * 32


def test_a_class_code_is_six_letters_that_nobody_takes_for_others() -> None:
    drawn = {codes.new_class_code() for _ in range(200)}
    assert len(drawn) == 200
    assert all(len(code) == 6 for code in drawn)
    assert not set("".join(drawn)) & set("ILO01")


def test_a_code_may_be_typed_in_small_letters_with_blanks_and_dashes() -> None:
    assert codes.same_code("KRTMWQ", " krt-mwq ")
    assert not codes.same_code("KRTMWQ", "KRTMWR")
    assert not codes.same_code("KRTMWQ", "")


def test_a_code_in_letters_that_are_not_ascii_is_wrong_and_no_error() -> None:
    assert not codes.same_code("KRTMWQ", "КРТМВК")


def test_a_come_back_code_is_derived_so_that_it_can_be_shown_again() -> None:
    code = codes.seat_code(KEY, 7)
    assert code == codes.seat_code(KEY, 7)
    assert code.startswith("7-")
    assert code != codes.seat_code("cd" * 32, 7), "another room, another code"
    assert code.partition("-")[2] != codes.seat_code(KEY, 8).partition("-")[2]


def test_a_come_back_code_leads_to_its_number_only() -> None:
    code = codes.seat_code(KEY, 12)
    assert codes.number_of(KEY, code.lower().replace("-", " ")) == 12
    assert codes.number_of(KEY, "13" + code[2:]) is None
    assert codes.number_of(KEY, code[:-1]) is None
    assert codes.number_of(KEY, "") is None
    assert codes.number_of(KEY, "0") is None
    assert codes.number_of(KEY, "9" * 5000) is None


def test_the_qr_codes_part_is_not_guessed_and_changes_with_the_class_code() -> None:
    scanned = codes.scan_code(KEY, "KRTMWQ")
    assert len(scanned) == codes.SEAT_CODE
    assert set(scanned) <= set(codes.LETTERS)
    assert scanned != codes.scan_code(KEY, "KRTMWR")
    assert scanned != codes.scan_code("cd" * 32, "KRTMWQ")


def test_a_pass_is_of_one_seat_and_one_room_and_the_proxy_makes_the_same() -> None:
    """web/tests/room.test.ts has the same key and pass."""
    expected = "76bfe3af802488ddc6ca6d3c5c46d65177922cc2f594838d47e0b0f21b81ddb6"
    assert codes.gate_pass("00" * 32, "seat-7") == expected
    assert codes.gate_pass("00" * 32, "seat-77") != expected
    assert codes.gate_key(KEY) not in (KEY, codes.gate_key("cd" * 32))
