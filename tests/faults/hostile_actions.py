"""What a hostile server does to a connection, beyond sending a reply."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.support.http_server import Action


def once(reply: bytes) -> Action:
    """Says that, and hangs up."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()

    return act


def endless(head: bytes, block: bytes, *, every_s: float = 0.0) -> Action:
    """The same block for ever."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(every_s)

    return act


def dripping(head: bytes, drop: bytes) -> Action:
    """A drop now and then, so that a server which has some never seems idle."""
    return endless(head, drop, every_s=0.02)


async def silent(writer: asyncio.StreamWriter) -> None:
    """Keeps the connection, and says nothing."""
    await asyncio.sleep(60)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Breaks the connection off."""
    writer.transport.abort()


def reset_after(reply: bytes) -> Action:
    """Says that, and resets the connection instead of closing it."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    return act
