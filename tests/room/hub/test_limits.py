from __future__ import annotations

import pytest

from handson.room.hub.limits import Guesses, Ration, device_of, sender_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_ration_is_used_up_and_comes_back_one_by_one() -> None:
    clock = Clock()
    ration = Ration(3, 10.0, clock=clock)
    assert [ration.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert ration.take("b"), "others have their own"
    assert ration.wait("a") == 10
    clock.now = 9.9
    assert ration.wait("a") > 0
    clock.now = 10.1
    assert ration.wait("a") == 0
    assert [ration.take("a"), ration.take("a")] == [True, False]


def test_keys_are_forgotten_not_heaped_up() -> None:
    ration = Ration(1, 1e9, keys=10, clock=Clock())
    for number in range(1000):
        ration.take(str(number))
    assert ration.take("0"), "forgotten"
    assert not ration.take("999")


def test_a_device_that_guesses_waits_and_its_neighbours_do_not() -> None:
    clock = Clock()
    guesses = Guesses(20, 10.0, clock=clock)
    for _ in range(20):
        assert guesses.wait("192.168.1.7") == 0
        guesses.wrong("192.168.1.7")
    assert guesses.wait("192.168.1.7") == 10
    assert guesses.wait("192.168.1.8") == 0


def test_a_class_behind_one_address_may_mistype_its_code_twice_each() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    for _ in range(2 * 30):
        assert guesses.wait("192.168.1.7") == 0
        guesses.wrong("192.168.1.7")
    assert guesses.wait("192.168.1.7") == 2


def test_guessing_from_many_devices_leaves_those_alone_that_have_not_guessed() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    for number in range(310):
        guesses.wrong(f"10.0.{number // 200}.{number % 200}")
    assert guesses.wait("10.0.0.1") > 0, "it has guessed, and all together are at their limit"
    assert guesses.wait("192.168.1.8") == 0


def test_an_ipv6_device_does_not_get_a_ration_for_each_of_its_addresses() -> None:
    assert device_of("fe80:0:0:1::1") == device_of("fe80:0:0:1:ffff::9")
    assert device_of("fe80:0:0:1::1") != device_of("fe80:0:0:2::1")
    assert device_of("::ffff:192.168.1.7") == device_of("192.168.1.7")
    assert device_of("nonsense") == "unknown"


@pytest.mark.parametrize(
    ("forwarded", "sender"),
    [("192.168.1.7", "192.168.1.7"), ("1.2.3.4, 5.6.7.8, 192.168.1.7", "192.168.1.7"), (None, "peer"), ("", "peer")],
)
def test_the_sender_is_who_the_proxy_heard_whatever_was_written_before(forwarded: str | None, sender: str) -> None:
    assert sender_of(forwarded, "peer") == sender


def test_while_a_device_has_to_wait_the_right_code_is_not_heard_either() -> None:
    """Else one could go on guessing: that `wait` is asked before the code is looked at is tested in test_room_origin."""
    guesses = Guesses(clock=Clock())
    for _ in range(60):
        guesses.wrong("192.168.1.7")
    assert guesses.wait("192.168.1.7") > 0
    assert guesses.wait("192.168.1.8") == 0
