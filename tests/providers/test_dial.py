"""How connections come about: what is never called, and when this machine is at fault."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from evalperf.errors import ConfigError
from evalperf.providers.base import LocalFault, WrongAddress
from evalperf.providers.http import HttpTransport
from evalperf.providers.proxy import Proxy
from evalperf.providers.transport import HttpLimits
from tests.support.http_server import http_reply, scripted_server
from tests.support.names import resolve_to
from tests.support.requests import openai_config, opened

LIMITS = HttpLimits(connect_s=5, attempt_s=20, idle_s=20, max_reply_bytes=1_000_000)


@asynccontextmanager
async def transport(**fields: Any) -> AsyncIterator[HttpTransport]:
    client = HttpTransport({}, LIMITS, connections=4, **fields)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.mark.parametrize("addresses", [["169.254.169.254"], ["127.0.0.1", "fd00:ec2::254"]])
async def test_a_name_that_leads_to_a_metadata_service_is_not_called(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, *addresses)
    async with scripted_server(http_reply(200, b"{}")) as server, transport() as client:
        with pytest.raises(WrongAddress, match=r"models\.example leads to .* own credentials") as caught:
            await client.post(server.url.replace("127.0.0.1", "models.example"), b"{}")
        assert server.connections == 0
    assert (caught.value.kind, caught.value.retryable) == ("rejected", False)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal"])
@pytest.mark.parametrize("proxied", [False, True])
async def test_a_metadata_service_is_not_called_also_through_a_proxy(host: str, proxied: bool) -> None:
    async with scripted_server(http_reply(200, b"{}")) as server:
        proxy = Proxy("127.0.0.1", server.port, None) if proxied else None
        async with transport(proxy=proxy) as client:
            with pytest.raises(WrongAddress, match="own credentials"):
                await client.get(f"http://{host}/latest/meta-data", within_s=5)
        assert server.connections == 0


async def test_the_check_before_the_run_says_why_a_name_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "169.254.169.254")
    async with opened(openai_config("http://models.example/v1")) as provider:
        with pytest.raises(ConfigError, match=r"endpoint models\.example .* leads to 169\.254\.169\.254"):
            await provider.check()


async def test_a_number_that_means_a_metadata_service_is_not_called() -> None:
    """169.254.169.254 written as one number, which resolvers understand."""
    async with transport() as client:
        with pytest.raises(WrongAddress, match=r"leads to 169\.254\.169\.254"):
            await client.get("http://2852039166/", within_s=5)


async def test_a_name_that_can_not_be_looked_up_for_want_of_descriptors_is_this_machines_fault() -> None:
    async with transport() as client:
        await asyncio.get_running_loop().getaddrinfo("localhost", 1)  # the threads of the resolver exist from now on
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            with suppress(OSError):
                while True:
                    held.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - closed below
            with pytest.raises(LocalFault, match="no file descriptor left"):
                await client.get("http://nobody.invalid/", within_s=5)
        finally:
            for file in held:
                file.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
