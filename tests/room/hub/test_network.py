from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from handson.errors import HandsonError
from handson.room.hub import network


def address(text: str, family: int = socket.AF_INET) -> Any:
    return SimpleNamespace(family=family, address=text)


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop: WiFi, Docker's bridge, a cable that is not plugged in."""
    addresses = {
        "docker0": [address("172.17.0.1")],
        "lo": [address("127.0.0.1")],
        "eth0": [address("10.1.2.3")],
        "wlan0": [address("fe80::1", socket.AF_INET6), address("192.168.1.20")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: addresses)
    monkeypatch.setattr(
        psutil, "net_if_stats", lambda: {name: SimpleNamespace(isup=name != "eth0") for name in addresses}
    )
    monkeypatch.setattr(network, "_way_out", lambda: "192.168.1.20")


@pytest.mark.usefixtures("interfaces")
def test_the_address_that_others_reach_comes_first() -> None:
    assert network.own_addresses() == ["192.168.1.20", "172.17.0.1"]


@pytest.mark.usefixtures("interfaces")
def test_an_address_that_this_machine_does_not_have_is_refused_with_the_list() -> None:
    assert network.checked_address("192.168.1.20") == "192.168.1.20"
    assert network.checked_address("127.0.0.1") == "127.0.0.1"
    for typed in ("192.168.1.99", "class", "", "2001:db8::1"):
        with pytest.raises(
            HandsonError, match=r"is no address of this machine\.\n  It has: 127\.0\.0\.1, 192\.168\.1\.20"
        ):
            network.checked_address(typed)


@pytest.mark.parametrize(("typed", "name"), [("class", "class.local"), ("My-Class.local", "my-class.local")])
def test_a_name_for_the_network_is_one_label(typed: str, name: str) -> None:
    assert network.mdns_name(typed) == name


@pytest.mark.parametrize("typed", ["", "a b", "-a", "x" * 64, "ü", "a.b"])
def test_a_name_that_is_none_is_refused(typed: str) -> None:
    with pytest.raises(HandsonError, match="is no name for a network"):
        network.mdns_name(typed)


def test_the_name_is_announced_and_found() -> None:
    zeroconf = pytest.importorskip("zeroconf", reason="zeroconf is not installed: pip install 'handson[room]'")

    async def test() -> Any:
        announced = network.Announced("handson-test.local", "127.0.0.1", 8000, "http")
        try:
            await announced.start()
        except OSError as error:
            pytest.skip(f"no multicast on loopback here: {error}")
        seeker = zeroconf.asyncio.AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=zeroconf.IPVersion.V4Only)
        try:
            return await seeker.async_get_service_info("_http._tcp.local.", "handson-test._http._tcp.local.", 3000)
        finally:
            await seeker.async_close()
            await announced.stop()

    found = asyncio.run(test())
    assert found is not None
    assert (found.server, found.port, found.parsed_addresses()) == ("handson-test.local.", 8000, ["127.0.0.1"])
