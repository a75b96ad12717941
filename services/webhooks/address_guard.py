"""Which addresses a delivery may go to, checked on the address that the socket is about to connect to.

A name can resolve to anything, and to something else a moment later, so neither the URL nor a look-up of our own says
where a connection ends. aiohttp asks `socket_factory` for a socket for each address that it is about to connect to,
whether it came from a name or stood in the URL: that is where the guard stands.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]

# IANA's special-purpose registries (RFC 6890 and its updates). Listed here, not taken from `is_global`: that differs
# between patch releases of Python.
_NOT_PUBLIC_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent, on an address that looks public
        "169.254.0.0/16",  # link-local, and nearly every cloud's metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Everything else outside it is unspecified, loopback, link-local, unique local, multicast, or not given out.
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


class AddressRefused(OSError):
    """This address may not be delivered to."""

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, f"deliveries to {address} are not allowed")


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of `OTA_CM_WEBHOOK_ALLOWED_NETWORKS`, comma-separated, empty for none. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def is_allowed(address: Address, allowed_networks: Iterable[Network]) -> bool:
    """Whether a delivery may connect to the address: a public one, or one in a network that the operator allows."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # the socket would connect over IPv4, so IPv4's rules count
    if any(address in network for network in allowed_networks):
        return True
    if isinstance(address, IPv4Address):
        return _is_public_v4(address)
    return _is_public_v6(address)


def guarded_socket(allowed_networks: Iterable[Network]) -> Callable[[AddrInfo], socket.socket]:
    """A socket factory for `aiohttp.TCPConnector` that raises AddressRefused instead of giving a socket to it."""
    networks = tuple(allowed_networks)

    def open_socket(info: AddrInfo) -> socket.socket:
        family, kind, protocol, _, target = info
        host = str(target[0])
        try:
            address = ip_address(host)
        except ValueError:
            raise AddressRefused(host) from None
        if not is_allowed(address, networks):
            raise AddressRefused(host)
        return socket.socket(family, kind, protocol)

    return open_socket


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _PUBLIC_V6 or any(address in network for network in _NOT_PUBLIC_V6):
        return False
    return address.sixtofour is None or _is_public_v4(address.sixtofour)
