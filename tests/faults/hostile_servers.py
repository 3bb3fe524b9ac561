"""Servers that answer as no server should, each with what has to come of a call to them.

ok: an answer · bad_input: a failure that says what is wrong with the reply · policy: a failure because of a limit, or
of something that a client does not do.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from tests.faults.hostile_actions import dripping, endless, once, reset, reset_after, silent
from tests.support.http_server import Action, chat_reply, http_reply, json_reply, sse_reply

Class = Literal["ok", "bad_input", "policy"]

MAX_REPLY_BYTES = 1_000_000
BAD_STATUSES = "204 400 402 404 405 409 413 415 418 422 429 451 500 501 502 503 504 529 599 999"


class Scenario(NamedTuple):
    """One way to answer every request."""

    name: str
    expected: Class
    reply: bytes | Action
    stream: bool = False


GOOD = json.loads(chat_reply("7").partition(b"\r\n\r\n")[2])
PAGE = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body>" + b"<p>x</p>" * 1_000 + b"</body></html>"


def scenarios(elsewhere: str) -> list[Scenario]:
    """All of them; redirects go to the base URL `elsewhere`."""
    parts = (_bodies(), _statuses(), _framing(), _cuts(), _coding(), _slow(), _redirects(elsewhere), _streams())
    return [scenario for part in parts for scenario in part]


def changed(**fields: Any) -> bytes:
    return json_reply({**GOOD, **fields})


def choice(**message: Any) -> bytes:
    return changed(choices=[{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}])


def _bodies() -> Iterator[Scenario]:
    yield Scenario("a good reply", "ok", chat_reply("7"))
    yield Scenario("unknown fields", "ok", changed(extra={"a": [1]}, usage=None))
    yield Scenario("no usage", "ok", json_reply({key: value for key, value in GOOD.items() if key != "usage"}))
    yield Scenario(
        "json under another type", "ok", http_reply(200, json.dumps(GOOD).encode(), content_type="text/plain")
    )
    yield Scenario("controls in the text", "ok", choice(content="\x1b]0;x\x07\x00\u202e"))
    yield Scenario(
        "usage of the wrong kind", "bad_input", changed(usage={"prompt_tokens": "many", "completion_tokens": None})
    )
    for name, count in {"of 400 digits": int("9" * 400), "beyond 64 bits": 2**64}.items():
        usage = {"prompt_tokens": count, "completion_tokens": count}
        yield Scenario(f"usage {name}", "ok", changed(usage=usage))
    yield Scenario("usage below 0", "ok", changed(usage={"prompt_tokens": -5, "completion_tokens": -1}))
    yield Scenario("900 kB of text", "ok", choice(content="x" * 900_000))
    for name, content in {
        "an empty body": b"", "blanks": b"  \n ", "a page": PAGE, "a number": b"7", "a text": b'"7"', "null": b"null",
        "a list": b"[]", "an object": b"{}", "cut": json.dumps(GOOD).encode()[:-7], "nan": b'{"choices": NaN}',
        "two documents": json.dumps(GOOD).encode() * 2, "no utf-8": b'{"choices": "\xff\xfe"}',
        "binary": bytes(range(256)),
        "utf-16": json.dumps(GOOD).encode("utf-16"), "deep": b"[" * 500_000, "deep objects": b'{"a":' * 100_000,
        "xml": b"<?xml version='1.0'?><error>no</error>", "yaml": b"choices: []", "only zeros": bytes(1_000),
    }.items():  # fmt: skip
        yield Scenario(f"body {name}", "bad_input", http_reply(200, content, content_type="application/json"))
    for name, value in {
        "of null": None, "of nothing": [], "that are an object": {}, "that are a text": "7", "of numbers": [7],
        "without message": [{"index": 0}], "with a message of null": [{"message": None}],
        "with a number as text": [{"message": {"content": 7}}],
        "with an object as text": [{"message": {"content": {}}}],
    }.items():  # fmt: skip
        yield Scenario(f"choices {name}", "bad_input", changed(choices=value))
    yield Scenario("no text", "bad_input", choice(content=None))
    yield Scenario("an empty text", "bad_input", choice(content=""))
    surrogate = json.dumps(GOOD).replace('"7"', '"\\ud800"').encode()
    yield Scenario("a lone surrogate in the text", "ok", http_reply(200, surrogate))
    yield Scenario("an error under 200", "bad_input", json_reply({"error": {"message": "no", "type": "server_error"}}))
    yield Scenario(
        "a number of 400 digits", "ok", http_reply(200, json.dumps({**GOOD, "created": int("9" * 400)}).encode())
    )


def _statuses() -> Iterator[Scenario]:
    for status in (100, 102, 199):
        yield Scenario(f"only a status {status}", "policy", f"HTTP/1.1 {status} Wait\r\n\r\n".encode())
    for status in (201, 202):
        yield Scenario(f"status {status} with an answer", "ok", json_reply(GOOD, status))
    for status in map(int, BAD_STATUSES.split()):
        yield Scenario(f"status {status}", "bad_input", http_reply(status))
    for status in (400, 429, 500, 502, 503):
        yield Scenario(f"status {status} with a page", "bad_input", http_reply(status, PAGE, content_type="text/html"))
    yield Scenario("429 for a year", "bad_input", http_reply(429, retry_after="31536000"))
    for wish in ("-5", "soon", "nan", "inf", "1e400", "9" * 500, "Wed, 21 Oct 1815 07:28:00 GMT", "\xff"):
        yield Scenario(f"retry after {wish[:12]!r}", "bad_input", http_reply(503, retry_after=wish))
    yield Scenario("an error of 900 kB", "bad_input", json_reply({"error": {"message": "x" * 900_000}}, 400))
    yield Scenario("an error with an escape", "bad_input", json_reply({"error": {"message": "\x1b[2J\x00"}}, 400))
    yield Scenario("an error that is a list", "bad_input", json_reply(["no"], 400))
    yield Scenario("an error that is a number", "bad_input", json_reply({"error": 7}, 400))


def _framing() -> Iterator[Scenario]:
    body = json.dumps(GOOD).encode()
    head = b"HTTP/1.1 200 OK\r\n"
    for name, reply in {
        "no http": b"hello\r\n\r\n", "ssh": b"SSH-2.0-OpenSSH_9.2\r\n", "smtp": b"220 mail ESMTP\r\n",
        "tls": b"\x16\x03\x01\x02",
        "an empty line": b"\r\n\r\n", "http/9.9": b"HTTP/9.9 200 OK\r\n\r\n", "no status": b"HTTP/1.1\r\n\r\n",
        "a status in words": b"HTTP/1.1 fine OK\r\n\r\n", "a header without a colon": head + b"nonsense\r\n\r\n" + body,
        "a negative length": head + b"content-length: -5\r\n\r\n" + body,
        "a length in words": head + b"content-length: long\r\n\r\n" + body,
        "two lengths": head + b"content-length: 5\r\ncontent-length: 500\r\n\r\n" + body,
        "a length of 400 digits": head + b"content-length: " + b"9" * 400 + b"\r\n\r\n" + body,
        "a length and chunks": head + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "a chunk of no size": head + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + body,
        "a chunk of 20 digits": head + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffffff\r\n" + body,
        "a negative chunk": head + b"transfer-encoding: chunked\r\n\r\n-1\r\n" + body,
        "a nul in a header": head + b"x: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
    }.items():  # fmt: skip
        yield Scenario(f"framing: {name}", "bad_input", once(reply))
    yield Scenario("framing: shorter than announced", "bad_input", once(http_reply(200, body)[:-9]))
    longer = http_reply(200, body).replace(b"\r\n\r\n", b"\r\n\r\n", 1) + b"garbage behind"
    yield Scenario("framing: longer than announced", "ok", once(longer))
    yield Scenario("framing: no length at all", "ok", once(head + b"connection: close\r\n\r\n" + body))
    yield Scenario("framing: chunks with extensions", "ok", once(_chunked(head, body, b";a=b")))
    yield Scenario(
        "framing: a byte a chunk", "ok", once(head + b"transfer-encoding: chunked\r\n\r\n" + _bytewise(body))
    )
    yield Scenario("framing: chunks that break off", "bad_input", once(_chunked(head, body, b"")[:-20]))
    yield Scenario(
        "framing: line feeds only", "ok", once(b"HTTP/1.1 200 OK\ncontent-length: %d\n\n" % len(body) + body)
    )
    yield Scenario("framing: a header of 10 MB", "policy", once(head + b"x: " + b"y" * 10_000_000 + b"\r\n\r\n"))
    yield Scenario("framing: 100,000 headers", "policy", once(head + b"x: y\r\n" * 100_000 + b"\r\n"))
    yield Scenario("framing: nothing", "bad_input", once(b""))
    yield Scenario("framing: a reset", "bad_input", reset)
    yield Scenario("framing: 100 continues", "bad_input", once(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))


def _cuts() -> Iterator[Scenario]:
    """A whole reply, cut at every 16th byte, by a hang-up or by a reset."""
    whole = chat_reply("7")
    for at in range(0, len(whole), 16):
        yield Scenario(f"cut at byte {at}", "bad_input", once(whole[:at]))
        yield Scenario(f"reset at byte {at}", "bad_input", reset_after(whole[:at]))


def _coding() -> Iterator[Scenario]:
    body = json.dumps(GOOD).encode()
    yield Scenario("gzip", "ok", http_reply(200, gzip.compress(body), content_encoding="gzip"))
    yield Scenario("deflate", "ok", http_reply(200, zlib.compress(body), content_encoding="deflate"))
    for name, content in {
        "that is none": body, "cut": gzip.compress(body)[:-9], "empty": b"", "garbage": random.Random(0).randbytes(500),
        "with a wrong checksum": gzip.compress(body)[:-8] + bytes(8),
    }.items():  # fmt: skip
        yield Scenario(f"gzip {name}", "bad_input", http_reply(200, content, content_encoding="gzip"))
    for name in ("br", "zstd", "compress", "gzip, gzip, gzip", "x" * 1_000):
        yield Scenario(f"coding {name[:20]}", "bad_input", http_reply(200, body[::-1], content_encoding=name))
    for name, byte in {"blanks": b" ", "zeros": b"\0", "brackets": b"["}.items():
        yield Scenario(f"gzip bomb of {name}", "policy", http_reply(200, bomb(byte), content_encoding="gzip"))
    yield Scenario("gzip bomb as an error", "policy", http_reply(500, bomb(b"x"), content_encoding="gzip"))


def bomb(byte: bytes) -> bytes:
    """200 MB in 200 kB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(byte * 1_000_000) for _ in range(200)) + packer.flush()


def _slow() -> Iterator[Scenario]:
    yield Scenario("silence", "policy", silent)
    yield Scenario("headers that drip", "policy", dripping(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"))
    yield Scenario("a head that stops", "policy", dripping(b"HTTP/1.1 200 OK\r\ncontent-le", b""))
    yield Scenario("a body that drips", "policy", dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"x"))
    yield Scenario("a body that stops", "policy", dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{", b""))
    yield Scenario(
        "chunks that drip", "policy", dripping(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n")
    )
    yield Scenario("an error that drips", "policy", dripping(b"HTTP/1.1 500 No\r\ncontent-length: 9999\r\n\r\n", b"x"))
    yield Scenario("a body without end", "policy", endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536))
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    yield Scenario("chunks without end", "policy", endless(chunked, b"ffff\r\n" + b"x" * 65_535 + b"\r\n"))
    yield Scenario("headers without end", "policy", endless(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 8_000 + b"\r\n"))
    yield Scenario("a header line without end", "policy", endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 65_536))


def _redirects(elsewhere: str) -> Iterator[Scenario]:
    for status in (300, 301, 302, 303, 307, 308):
        target = f"{elsewhere}/chat/completions"
        yield Scenario(f"redirect {status} to another host", "policy", http_reply(status, location=target))
    for target in (
        "/v1/other",
        "//127.0.0.1:1/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "",
        "javascript:x",
    ):
        yield Scenario(f"redirect to {target!r}", "policy", http_reply(307, location=target))
    yield Scenario("redirect to nowhere", "policy", http_reply(302))
    yield Scenario("nothing has changed", "policy", http_reply(304))


def _streams() -> Iterator[Scenario]:
    def event(**delta: Any) -> dict[str, Any]:
        return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    end = {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    for name, expected, reply in (
        ("a good one", "ok", sse_reply(event(content="7"), end)),
        ("comments and unknown fields", "ok", sse_reply(b": hi\n\nretry: 5\nid: 1\n", event(content="7"), end)),
        ("an empty event", "ok", sse_reply(b"data:\n\n", event(content="7"), end)),
        ("an answer that is no stream", "ok", chat_reply("7")),
        ("nothing", "bad_input", sse_reply(done=False)),
        ("only its end", "bad_input", sse_reply()),
        ("no json", "bad_input", sse_reply(b"data: {broken\n\n", end)),
        ("no object", "bad_input", sse_reply(b"data: 7\n\n", end)),
        ("deep", "bad_input", sse_reply(b"data: " + b"[" * 200_000 + b"\n\n", end)),
        ("an error in it", "bad_input", sse_reply({"error": {"message": "no", "type": "server_error"}})),
        ("broken off", "bad_input", once(sse_reply(event(content="7"), end)[:-60])),
        ("without an end", "bad_input", sse_reply(event(content="7"), done=False)),
        ("a page", "bad_input", http_reply(200, PAGE, content_type="text/html")),
        ("no utf-8", "bad_input", sse_reply(b'data: {"choices": "\xff"}\n\n', end)),
        ("a text that is a number", "bad_input", sse_reply(event(content=7), end)),
        ("choices of null", "bad_input", sse_reply({"choices": None}, {"choices": 7})),
        ("an event of 2 MB", "policy", sse_reply(event(content="x" * 2_000_000), end)),
        ("2 MB in all", "policy", sse_reply(*[event(content="x" * 1_000)] * 2_000, end)),
        ("one without end", "policy", endless(head, b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n' * 50)),
        ("a line without end", "policy", endless(head, b"data: " + b"x" * 65_536)),
        ("comments without end", "policy", endless(head, b": still there\n\n" * 1_000)),
        ("one that drips", "policy", dripping(head, b": still there\n\n")),
        ("one that stops", "policy", dripping(head + b'data: {"choices": []}\n\n', b"")),
        ("a gzip bomb", "policy", http_reply(200, bomb(b"\n"), content_encoding="gzip")),
    ):  # fmt: skip
        yield Scenario(f"stream: {name}", expected, reply, stream=True)  # type: ignore[arg-type]


def _chunked(head: bytes, body: bytes, extension: bytes) -> bytes:
    return head + b"transfer-encoding: chunked\r\n\r\n%x%s\r\n" % (len(body), extension) + body + b"\r\n0\r\n\r\n"


def _bytewise(body: bytes) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
