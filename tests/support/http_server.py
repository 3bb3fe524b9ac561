"""A scripted HTTP server on a real loopback socket: it says exactly the bytes that a test wants, also wrong ones."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Received", "ScriptedServer", "chat_reply", "http_reply", "json_reply", "scripted_server", "sse_reply"]


@dataclass(frozen=True)
class Received:
    """One request as it came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def asked(self) -> str:
        """The text of the last message or item, or the prompt."""
        body = self.json
        turns = body.get("messages") or body.get("input")
        return turns[-1]["content"] if turns else body["prompt"]


Action = Callable[[asyncio.StreamWriter], Awaitable[bool | None]]
"""Does as it likes with the connection, which is closed afterwards, unless it returns True."""
Script = Callable[[Received], bytes | Action]


@dataclass
class ScriptedServer:
    """What the server has seen; `url` is the base that a configuration would name."""

    url: str
    port: int
    requests: list[Received] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def scripted_server(
    script: Script | bytes | Action, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """Serves `script` (bytes: the same raw reply to everything; an Action: likewise) until the block is left."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.connections += 1
        try:
            while (received := await _read_request(reader)) is not None:
                server.requests.append(received)
                reply = script(received) if _is_script(script) else script
                if not isinstance(reply, bytes):
                    if not await reply(writer):  # type: ignore[operator]
                        return
                    continue
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled when the block is left
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server = ScriptedServer(f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1", port)
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(listener.wait_closed(), 1)


def _is_script(script: object) -> bool:
    """Actions are coroutine functions, scripts plain ones."""
    return callable(script) and not asyncio.iscoroutinefunction(script)


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)


def http_reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A well-formed reply; `_` in a header's name stands for `-`."""
    fields = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Something\r\n{lines}\r\n".encode("latin-1") + body


def json_reply(value: Any, status: int = 200, **headers: str) -> bytes:
    return http_reply(status, json.dumps(value).encode(), content_type="application/json", **headers)


def chat_reply(text: str | None, *, finish_reason: str = "stop", **fields: Any) -> bytes:
    """A whole chat completion with one choice."""
    return json_reply(
        {
            "id": "c1",
            "object": "chat.completion",
            "model": "served-model",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
            **fields,
        }
    )


def sse_reply(*events: Any, done: bool = True) -> bytes:
    """A whole event stream, each event an object or raw bytes, in one chunked body."""
    raw = [event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    body = b"".join(raw) + (b"data: [DONE]\n\n" if done else b"")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
