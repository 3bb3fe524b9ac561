"""The addresses at which clouds hand out a machine's credentials: nothing is ever sent there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["is_metadata_host"]

_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})

_ADDRESSES = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, Oracle and most others
            "169.254.170.2",  # tasks of AWS ECS
            "169.254.170.23",  # pods of AWS EKS
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",  # Google over IPv6
            "100.100.100.200",  # Alibaba
        ),
    )
)


def is_metadata_host(host: str) -> bool:
    """Whether a name or an address (in any usual spelling, without brackets) is that of a metadata service."""
    host = host.rstrip(".").lower()
    if host in _NAMES:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return address in _ADDRESSES or _inner(address) in _ADDRESSES
    return address in _ADDRESSES


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped one (::ffff:0:0/96) or one for translation (64:ff9b::/96)."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    prefix = int(address) >> 32
    return IPv4Address(int(address) & 0xFFFFFFFF) if prefix == 0x0064FF9B0000000000000000 else None
