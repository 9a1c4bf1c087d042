"""Only this machine's own network is crowded, unless somebody says that more is theirs."""

from __future__ import annotations

import pytest

from handson.errors import HandsonError
from handson.rehearse.address import is_near, is_this_machine, room_address


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("http://192.168.1.7:8000/", "http://192.168.1.7:8000"),
        ("10.1.2.3", "http://10.1.2.3"),
        ("https://127.0.0.1:8443/hub/join", "https://127.0.0.1:8443"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        (" http://169.254.3.4 ", "http://169.254.3.4"),
    ],
)
def test_what_attendees_type_is_an_address(typed: str, address: str) -> None:
    assert room_address(typed) == address


@pytest.mark.parametrize("typed", ["http://8.8.8.8/", "1.1.1.1:8000", "http://[2606:4700::1111]/", "100.64.1.1"])
def test_a_public_address_is_refused_unless_it_is_owned(typed: str) -> None:
    with pytest.raises(HandsonError, match="public address") as refused:
        room_address(typed)
    assert "--i-own-this" in refused.value.way_out
    assert room_address(typed, owned=True)


@pytest.mark.parametrize("typed", ["", "ftp://10.0.0.1/", "http://10.0.0.1:99999/", "http://", "http://10.0.0.1:0"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(HandsonError, match="no address of a room"):
        room_address(typed)


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(HandsonError, match="not known on this network"):
        room_address("http://nowhere.invalid/")


def test_an_ipv4_address_written_as_ipv6_is_what_it_is() -> None:
    assert is_near("::ffff:192.168.0.1")
    assert not is_near("::ffff:8.8.8.8")


def test_this_machine_is_known_by_its_addresses() -> None:
    assert is_this_machine("http://127.0.0.1:8000")
    assert not is_this_machine("http://192.0.2.1:8000")
