"""Which addresses the guard lets a delivery connect to."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from services.webhooks.address_guard import AddressRefused, guarded_socket, is_allowed, parse_networks

REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "223.255.255.255",
    "::ffff:93.184.216.34",
    "64:ff9b::93.184.216.34",
    "2002:5db8:d822::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(ip_address(address), ())


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_allowed(ip_address(address), ())


def test_the_operator_can_allow_a_network() -> None:
    allowed = parse_networks("127.0.0.0/8, ::1/128")
    assert is_allowed(ip_address("127.0.0.1"), allowed)
    assert is_allowed(ip_address("::1"), allowed)
    assert is_allowed(ip_address("::ffff:127.0.0.1"), allowed)
    assert not is_allowed(ip_address("10.0.0.1"), allowed)
    assert not is_allowed(ip_address("64:ff9b::127.0.0.1"), allowed)


def test_no_networks_by_default_and_bad_ones_are_refused() -> None:
    assert parse_networks("") == ()
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        parse_networks("10.0.0.1/8")


def test_no_socket_is_given_to_a_refused_address() -> None:
    open_socket = guarded_socket(())
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
    with pytest.raises(AddressRefused, match="a name"):
        open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("a name", 80)))


def test_a_socket_is_given_to_an_allowed_address() -> None:
    with guarded_socket(())((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.216.34", 80))) as opened:
        assert opened.family == socket.AF_INET
