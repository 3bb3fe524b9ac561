"""What can be learned of an endpoint for free: before the first case, and from time to time while a run goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from msgspec import Struct

from evalperf.config.problems import did_you_mean
from evalperf.errors import ConfigError, ProviderError, StoppedError
from evalperf.providers.base import LocalFault, Unreachable, WrongAddress
from evalperf.providers.endpoint import HttpEndpoint
from evalperf.providers.refusals import refusal
from evalperf.providers.transport import Reply, Transport

__all__ = ["HealthCheck", "check_endpoint"]

_SHOWN_MODELS = 8


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


async def check_endpoint(transport: Transport, endpoint: HttpEndpoint, *, model: str, within_s: float) -> None:
    """Asks for the list of models.

    Raises ConfigError where nobody is there or the model is not known for certain, StoppedError where the credentials
    are refused; whatever else is answered shows that someone is there, and the first case will show the rest.
    """
    url = endpoint.address("/models")
    try:
        reply = await transport.get(url, within_s=within_s)
    except (Unreachable, WrongAddress) as error:
        raise ConfigError(f"endpoint {endpoint.name} ({url}): {error.message}", hint=error.hint) from error
    except ProviderError:
        return  # someone is there; what it does with completions will be seen
    if reply.status in {401, 403}:
        raise StoppedError(
            f"endpoint {endpoint.name} ({url}) refuses the credentials: {_refusal(endpoint, reply).message}",
            hint="set api_key_env to the variable that holds the key, and auth to the header that carries it",
        )
    if reply.status == 407:
        raise ConfigError(
            f"endpoint {endpoint.name} ({url}): {endpoint.proxy} refuses the credentials",
            hint='write the name and the password into the URL of the proxy: "http://name:password@host:port"',
        )
    listed = _listed(reply)
    if listed and model not in listed:
        await _check_model(transport, endpoint, model, listed, within_s)


async def _check_model(
    transport: Transport, endpoint: HttpEndpoint, model: str, listed: Sequence[str], within_s: float
) -> None:
    """Asks for the model itself: lists are cut, leave out other names of a model, or mean nothing (llama.cpp)."""
    try:
        reply = await transport.get(endpoint.address(f"/models/{quote(model, safe='/:@')}"), within_s=within_s)
    except ProviderError:
        return
    said = _refusal(endpoint, reply).message if reply.status == 404 else ""
    if _denies(said, model):
        shown = ", ".join(listed[:_SHOWN_MODELS]) + (", …" if len(listed) > _SHOWN_MODELS else "")
        raise ConfigError(
            f'endpoint {endpoint.name} does not know the model "{model}" ({said})',
            hint=did_you_mean(model, list(listed)) or f"it has {shown}",
        )


def _denies(said: str, model: str) -> bool:
    """Whether a 404 is about the model; one that quotes the path is about the path, which not every server has."""
    return model in said and f"/{model}" not in said and re.search(r"\bmodel\b", said, re.IGNORECASE) is not None


def _listed(reply: Reply) -> list[str]:
    try:
        return [model.id for model in msgspec.json.decode(reply.body, type=_Models).data] if reply.status == 200 else []
    except (msgspec.DecodeError, RecursionError, ValueError):
        return []


def _refusal(endpoint: HttpEndpoint, reply: Reply) -> ProviderError:
    return refusal(reply.status, reply.headers, reply.body, secrets=endpoint.secrets)


class HealthCheck:
    """Asks an endpoint for a sign of life at the address that it has turned out to answer at.

    That is `/health` beside the base (vLLM, TGI, llama.cpp, gateways), else the list of models. Where it has neither,
    only whether a connection comes about is told, and then not even that: nothing is asked any more.
    """

    def __init__(self, transport: Transport, endpoint: HttpEndpoint) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._urls = [endpoint.beside("/health"), endpoint.address("/models")]
        self._proven = False  # the first of the addresses has answered well before

    async def probe(self, within_s: float) -> ProviderError | None:
        """What is wrong, None where nothing is known to be; takes at most `within_s` in all."""
        urls = tuple(self._urls)
        for url in urls:
            try:
                reply = await self._transport.get(url, within_s=within_s / len(urls))
            except LocalFault:
                return None  # says nothing about the endpoint
            except ProviderError as error:
                if self._proven or isinstance(error, Unreachable | WrongAddress):
                    return error
                continue
            if 200 <= reply.status < 300:
                self._urls, self._proven = [url], True
                return None
            if self._proven:
                return _refusal(self._endpoint, reply) if reply.status >= 500 else None
            if reply.status < 500 and reply.status != 429:
                self._urls.remove(url)
        return None
