"""A chat server that answers after 200 ± 50 ms, cheap enough not to be what is measured. Usage: PORT."""

from __future__ import annotations

import asyncio
import json
import random
import sys

import uvloop

from tests.benchmarks.measure import REPLY

BODY = json.dumps(REPLY).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
LATENCY_S, SPREAD_S = 0.2, 0.05


class Chat(asyncio.Protocol):
    """One keep-alive connection; a request is over when its stated length has arrived."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, rest = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        delay_s = LATENCY_S + random.uniform(-SPREAD_S, SPREAD_S) if head.startswith(b"POST") else 0
        asyncio.get_running_loop().call_later(delay_s, self.transport.write, ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Chat, "127.0.0.1", int(sys.argv[1]), backlog=8192)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
