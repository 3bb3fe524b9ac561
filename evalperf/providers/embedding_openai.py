"""OpenAI's `/embeddings`, spoken by OpenAI, Azure, vLLM, TEI, Ollama, llama.cpp and gateways."""

from __future__ import annotations

import binascii
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET, Struct, UnsetType

from evalperf.config.embedders import OpenAIEmbedder
from evalperf.errors import ConfigError, ProviderError, StoppedError
from evalperf.providers.checks import check_endpoint
from evalperf.providers.embedding_base import Embeddings, Vector
from evalperf.providers.embedding_vectors import VectorCheck, as_vector
from evalperf.providers.endpoint import HttpEndpoint, http_endpoints
from evalperf.providers.http import open_transport
from evalperf.providers.reading import BodyDecoder, bad_reply, encode, fields_after
from evalperf.providers.refusals import is_page, page, refusal, refusal_in_body
from evalperf.providers.transport import HttpLimits, Transport
from evalperf.records import counted_usage

__all__ = ["OpenAIEmbeddings", "open_openai_embedder", "read_embeddings"]


class _Row(Struct):
    embedding: str | list[float]
    index: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None


class _Reply(Struct):
    data: list[_Row] | None = None
    usage: _Usage | None = None
    error: object | UnsetType = UNSET


_decoder = BodyDecoder(_Reply)


def open_openai_embedder(config: OpenAIEmbedder, base_dir: Path, *, connections: int) -> OpenAIEmbeddings:
    """The embedder, with a pool of `connections` to each endpoint; needs a running loop.

    Raises ConfigError for a URL or a header that can't be sent.
    """
    limits = HttpLimits(
        connect_s=config.timeouts.connect_s,
        attempt_s=config.timeouts.attempt_s,
        idle_s=config.timeouts.idle_s,
        max_reply_bytes=config.max_reply_bytes,
    )
    return OpenAIEmbeddings(
        config,
        [
            _Endpoint(
                endpoint, open_transport(endpoint, limits, connections=connections + 1, verify_tls=config.verify_tls)
            )
            for endpoint in http_endpoints(config.endpoints, base_dir)
        ],
    )


class OpenAIEmbeddings:
    """Asks the endpoint with the fewest calls under way, and the next one where that one is in trouble."""

    paid = True

    def __init__(self, config: OpenAIEmbedder, endpoints: Sequence[_Endpoint]) -> None:
        self.name = config.model
        self.identity = f"openai {endpoints[0].address} {config.model} {config.dimensions}"
        self._config = config
        self._endpoints = endpoints
        self._check_vectors = VectorCheck(config.model, config.dimensions)
        # all of a body but the texts is the same for every call, so it is rendered once
        self._head = b'{"model":%s,"input":' % encode(config.model)
        shortened = {} if config.dimensions is None else {"dimensions": config.dimensions}
        self._tail = fields_after({"encoding_format": config.encoding, **shortened})

    async def check(self) -> None:
        """Asks each endpoint for its models; raises for the first in trouble only where all are."""
        troubles = [await self._trouble(endpoint) for endpoint in self._endpoints]
        found = [trouble for trouble in troubles if trouble is not None]
        if len(found) == len(troubles):
            raise found[0]

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """The vectors of at least one text, in one call where the first endpoint is well."""
        body = self._head + encode(list(texts)) + self._tail
        by_load = sorted(self._endpoints, key=lambda endpoint: endpoint.in_flight)
        for endpoint in by_load[:-1]:
            try:
                return self._read(await endpoint.post(body), texts)
            except ProviderError as error:
                if not error.retryable:
                    raise
        return self._read(await by_load[-1].post(body), texts)

    async def aclose(self) -> None:
        """Closes the connections."""
        for endpoint in self._endpoints:
            await endpoint.transport.aclose()

    def _read(self, embeddings: Embeddings, texts: Sequence[str]) -> Embeddings:
        self._check_vectors(embeddings.vectors, texts)
        return embeddings

    async def _trouble(self, endpoint: _Endpoint) -> ConfigError | StoppedError | None:
        try:
            await check_endpoint(
                endpoint.transport,
                endpoint.endpoint,
                model=self._config.model,
                within_s=self._config.timeouts.connect_s,
            )
        except (ConfigError, StoppedError) as error:
            return error
        return None


class _Endpoint:
    def __init__(self, endpoint: HttpEndpoint, transport: Transport) -> None:
        self.endpoint = endpoint
        self.transport = transport
        self.in_flight = 0
        self.address = endpoint.address("/embeddings")

    async def post(self, body: bytes) -> Embeddings:
        self.in_flight += 1
        try:
            reply = await self.transport.post(self.address, body)
        finally:
            self.in_flight -= 1
        if not 200 <= reply.status < 300:
            raise refusal(reply.status, reply.headers, reply.body, secrets=self.endpoint.secrets)
        if reply.body[:1] != b"{" and is_page(reply.headers, reply.body):
            raise page(reply.status, reply.body, secrets=self.endpoint.secrets)
        return read_embeddings(reply.body, self.endpoint.secrets)


def read_embeddings(body: bytes, secrets: Sequence[str] = ()) -> Embeddings:
    """The vectors in a reply in the order of the texts, whatever order they came in; raises ProviderError."""
    reply = _decoder.decode(body, secrets)
    if reply.error is not UNSET and reply.error:
        raise refusal_in_body(body, secrets=secrets)
    if not reply.data:
        raise bad_reply("no vectors", body, secrets)
    rows = reply.data
    if any(row.index is not None for row in rows):
        numbers = [-1 if row.index is None else row.index for row in rows]
        if sorted(numbers) != list(range(len(rows))):
            raise bad_reply(f"vectors numbered {numbers[:8]}, expected each of 0 to {len(rows) - 1} once", b"", secrets)
        rows = [row for _, row in sorted(zip(numbers, rows, strict=True), key=lambda pair: pair[0])]
    tokens = None if reply.usage is None else reply.usage.prompt_tokens
    return Embeddings(
        vectors=[_vector(row.embedding) for row in rows],
        usage=counted_usage(tokens, 0),
    )


def _vector(embedding: str | list[float]) -> Vector[float]:
    if not isinstance(embedding, str):
        return as_vector(embedding)
    try:
        raw = binascii.a2b_base64(embedding, strict_mode=True)
        vector = array("f", raw)
    except ValueError as error:
        raise bad_reply(f"a vector that is no base64 of single-precision numbers ({error})", b"", ()) from error
    if sys.byteorder == "big":
        vector.byteswap()  # they come with the lowest byte first
    return vector
