"""The certificate is one that strict clients accept, for the host that it was made for."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.simulator.certificate import CERTIFICATE, serving_context
from evalperf.simulator.p256 import ORDER, P, public_key, sign


async def _handshake(folder, host: str, connect_to: str) -> dict:
    server = await asyncio.start_server(lambda _, writer: writer.close(), host, 0, ssl=serving_context(folder, host))
    client = ssl.create_default_context(cafile=str(folder / CERTIFICATE))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    port = server.sockets[0].getsockname()[1]
    async with server:
        _, writer = await asyncio.open_connection(host, port, ssl=client, server_hostname=connect_to)
        found = writer.get_extra_info("peercert")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return found


@pytest.mark.parametrize("connect_to", ["127.0.0.1", "localhost"])
async def test_a_strict_client_accepts_it(tmp_path, connect_to):
    found = await _handshake(tmp_path, "127.0.0.1", connect_to)
    assert ("DNS", "localhost") in found["subjectAltName"]
    assert ("IP Address", "127.0.0.1") in found["subjectAltName"]


async def test_another_name_is_refused(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match=r"evalperf\.example"):
        await _handshake(tmp_path, "127.0.0.1", "evalperf.example")


async def test_the_key_is_left_nowhere(tmp_path):
    serving_context(tmp_path, "127.0.0.1")
    assert [path.name for path in tmp_path.iterdir()] == [CERTIFICATE]


def test_two_servers_have_different_keys(tmp_path):
    made = []
    for _ in range(2):
        serving_context(tmp_path, "localhost")
        made.append((tmp_path / CERTIFICATE).read_text())
    assert made[0] != made[1]


def test_the_published_example_of_a_key():
    """RFC 6979, A.2.5."""
    private_key = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    assert public_key(private_key).hex() == (
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(1, ORDER - 1), st.binary(max_size=50))
def test_a_signature_verifies(private_key, message):
    """By the equation of SEC 1, 4.1.4, in the key's own terms: the point is (digest + r·key) / s times the base."""
    r, s = sign(private_key, message)
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    nonce = (digest + r * private_key) * pow(s, -1, ORDER) % ORDER
    assert int.from_bytes(public_key(nonce)[1:33], "big") % ORDER == r


@settings(max_examples=10, deadline=None)
@given(st.integers(1, ORDER - 1))
def test_every_public_key_is_a_point_of_the_curve(private_key):
    encoded = public_key(private_key)
    x, y = (int.from_bytes(part, "big") for part in (encoded[1:33], encoded[33:]))
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    assert (y * y - (x**3 - 3 * x + b)) % P == 0
