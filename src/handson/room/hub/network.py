"""Under which address others find this machine, and a name for it on the local network."""

from __future__ import annotations

import ipaddress
import re
import socket

import psutil

from handson.errors import HandsonError

_VIRTUAL = re.compile(r"^(lo|docker|br-|veth|virbr|vmnet|vboxnet|tun|tap|wg|zt|tailscale)")


def own_addresses() -> list[str]:
    """The IPv4 addresses by which others reach this machine, the likeliest first; none where there is no network."""
    found = []
    states = psutil.net_if_stats()
    for interface, addresses in psutil.net_if_addrs().items():
        if interface in states and not states[interface].isup:
            continue
        for one in addresses:
            if one.family == socket.AF_INET and _is_for_others(one.address):
                found.append((bool(_VIRTUAL.match(interface)), one.address != _way_out(), one.address))
    return [address for *_, address in sorted(found)]


def _is_for_others(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast)


def _way_out() -> str:
    """The address that a packet to anywhere would come from; nothing is sent. Empty where there is no way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 of RFC 5737
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def checked_address(typed: str) -> str:
    """An IP address of this machine; raises HandsonError for anything else, with the list of those that are."""
    try:
        address = str(ipaddress.ip_address(typed))
    except ValueError:
        address = ""
    known = ["127.0.0.1", *own_addresses()]
    if address in known:
        return address
    if address and ipaddress.ip_address(address).version == 6 and _can_be_bound(address):
        return address
    raise HandsonError(f"{typed!r} is no address of this machine.", f"It has: {', '.join(known)}.")


def _can_be_bound(address: str) -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def mdns_name(name: str) -> str:
    """`name.local`; raises HandsonError where it is no label of a name (RFC 1123)."""
    label = name.lower().removesuffix(".local")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label):
        raise HandsonError(f"{name!r} is no name for a network.", "Letters, digits and dashes, such as `class`.")
    return f"{label}.local"


class Announced:
    """The room's name on the local network (mDNS). Android's browsers do not ask for it."""

    def __init__(self, name: str, address: str, port: int, scheme: str) -> None:
        self._name, self._address, self._port, self._scheme = name, address, port, scheme
        self._zeroconf: object | None = None

    async def start(self) -> None:
        """Announce it; raises OSError where the network does not let us."""
        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

        kind = f"_{self._scheme}._tcp.local."
        info = AsyncServiceInfo(
            kind,
            f"{self._name.removesuffix('.local')}.{kind}",
            addresses=[socket.inet_aton(self._address)],
            port=self._port,
            server=f"{self._name}.",
        )
        zeroconf = AsyncZeroconf(interfaces=[self._address], ip_version=IPVersion.V4Only)
        self._zeroconf = zeroconf
        await zeroconf.async_register_service(info, allow_name_change=False)

    async def stop(self) -> None:
        """Take it back."""
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()  # type: ignore[attr-defined]
            await self._zeroconf.async_close()  # type: ignore[attr-defined]
            self._zeroconf = None
