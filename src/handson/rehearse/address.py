"""Which address may be rehearsed against: this machine's own network, or one that the organiser says is theirs."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from handson.errors import HandsonError

WAY_OUT = "A rehearsal is a crowd. Add --i-own-this where the machine at that address is yours to crowd."


def room_address(typed: str, *, owned: bool = False) -> str:
    """`http://192.168.1.7:8000` of what was typed (`192.168.1.7:8000/`); raises HandsonError for another's address.

    Without `owned`, every address that the name stands for has to be on this machine or on a private network
    (RFC 1918, RFC 4193, link-local).
    """
    address = typed.strip()
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise HandsonError(f"{typed!r} is no address of a room.", "Type what attendees type: http://192.168.1.7:8000/")
    if not owned:
        for one in addresses_of(parts.hostname):
            if not is_near(one):
                raise HandsonError(f"{parts.hostname} ({one}) is a public address.", WAY_OUT)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def addresses_of(host: str) -> list[str]:
    """The IP addresses that a name stands for; raises HandsonError where it stands for none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise HandsonError(
            f"{host} is not known on this network ({error}).", "Type the room's IP address; it is on the board."
        ) from None
    return sorted({str(entry[4][0]).partition("%")[0] for entry in found})


def is_near(address: str) -> bool:
    """Whether an IP address is of this machine or of a private network."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    nets = _PRIVATE_4 if parsed.version == 4 else _PRIVATE_6
    return any(parsed in net for net in nets)


_PRIVATE_4 = [
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
]
_PRIVATE_6 = [ipaddress.ip_network(net) for net in ("::1/128", "fc00::/7", "fe80::/10")]


def is_this_machine(address: str) -> bool:
    """Whether the room at `address` (as `room_address` gives it) runs on this machine."""
    host = urlsplit(address).hostname or ""
    return all(_is_own(one) for one in addresses_of(host))


def _is_own(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
