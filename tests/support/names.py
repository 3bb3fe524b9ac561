"""Host names for tests, without a name server."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

__all__ = ["resolve_to"]


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """On the running loop every name has these addresses."""

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
