"""Addresses that are never called."""

from __future__ import annotations

import pytest

from evalperf.config.metadata_hosts import is_metadata_host


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "fd00:ec2::254",
        "FD00:0EC2:0:0:0:0:0:254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
    ],
)
def test_a_metadata_service_is_known_in_each_spelling(host: str) -> None:
    assert is_metadata_host(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.1.1", "10.0.0.1", "::1", "fd00::1", "example.org", ""])
def test_other_hosts_are_none_also_private_ones(host: str) -> None:
    """Models are served on private networks, and on link-local ones between two machines."""
    assert not is_metadata_host(host)
