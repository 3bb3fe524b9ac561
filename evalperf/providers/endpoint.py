"""Where HTTP calls go: address, headers with the key in its form, proxy, and what no message may show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from evalperf.config.expand import secrets_in
from evalperf.config.model import EndpointConfig
from evalperf.errors import ConfigError
from evalperf.providers.proxy import Proxy, http_basic

__all__ = ["HttpEndpoint", "http_endpoints"]

_SHORTEST_SECRET = 6
"""Below this a value is a word like "EMPTY", and hiding it would only garble messages."""

_SHORTEST_CREDENTIAL = 12
"""Below this a value may be a word that a model says."""


Auth = Literal["bearer", "api-key", "x-api-key", "none"]


class HttpEndpoint:
    """One endpoint of the configuration, checked; raises ConfigError where it can't be called at all.

    `headers` are the protocol's own, over which those of the configuration win; `auth` is its way to send a key.
    """

    def __init__(
        self,
        config: EndpointConfig,
        name: str,
        base_dir: Path = Path(),
        *,
        auth: Auth = "bearer",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._parts = _split(config.url, name)
        key = _key_header(config, self._parts, config.auth or auth)
        self.headers = _merged({"User-Agent": "evalperf", **(headers or {})}, config.headers, key)
        for header, value in self.headers.items():
            _check_header(header, value, name)
        self.ca_file = None if config.ca_file is None else base_dir / config.ca_file
        through = None if config.proxy in {None, "none"} else _split(config.proxy or "", f"{name}, its proxy")
        self.proxy = None if through is None else _proxy(through)
        values = {*config.headers.values(), *_credentials(config, self._parts, self.proxy)}
        self.secrets = tuple(value for value in values if len(value) >= _SHORTEST_SECRET)
        """What no message about the endpoint may show."""
        longer = {value.rpartition(" ")[2] for value in values}  # without a scheme, as in Bearer
        self.credentials = tuple(value for value in longer if len(value) >= _SHORTEST_CREDENTIAL)
        """What no answer may show: of the secrets those that can't be words."""

    def beside(self, path: str) -> str:
        """The URL of `path` in the place of the last part of the base: http://host/health beside http://host/v1."""
        return self._url(self._parts.path.rstrip("/").rpartition("/")[0] + path)

    def address(self, path: str) -> str:
        """The URL of `path` under the base; a query of the base (as Azure's api-version) stays, a password does not."""
        return self._url(self._parts.path.rstrip("/") + path)

    def _url(self, path: str) -> str:
        host = self._parts.netloc.rpartition("@")[2]
        return urlunsplit((self._parts.scheme, host, path, self._parts.query, ""))


def http_endpoints(
    configs: Sequence[EndpointConfig],
    base_dir: Path = Path(),
    *,
    auth: Auth = "bearer",
    headers: Mapping[str, str] | None = None,
) -> tuple[HttpEndpoint, ...]:
    """The endpoints under names that differ: a second one on the same host gets "-2".

    Files are looked for in `base_dir`; the rest as for one endpoint.
    """
    taken = {config.name for config in configs if config.name is not None}
    endpoints = []
    for config in configs:
        name = config.name
        if name is None:
            base = _split(config.url, config.url).netloc.rpartition("@")[2]
            name = next(n for n in (base, *(f"{base}-{i}" for i in range(2, len(configs) + 2))) if n not in taken)
            taken.add(name)
        endpoints.append(HttpEndpoint(config, name, base_dir, auth=auth, headers=headers))
    return tuple(endpoints)


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"endpoint {name}: the URL has no usable host and port", hint="as in http://127.0.0.1:8000/v1"
        )
    return parts


def _key_header(config: EndpointConfig, parts: SplitResult, auth: Auth) -> dict[str, str]:
    """The header that carries the key; a name and password in the URL go the way that HTTP has for them."""
    key = config.api_key
    if key and auth != "none":
        return {"Authorization": f"Bearer {key}"} if auth == "bearer" else {auth: key}
    basic = http_basic(parts)
    return {} if basic is None else {"Authorization": basic}


def _merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Headers of which a later one takes the place of an earlier one of its name, in whatever case."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        merged.update((name.lower(), (name, value)) for name, value in layer.items())
    return dict(merged.values())


def _proxy(parts: SplitResult) -> Proxy:
    return Proxy(parts.hostname or "", parts.port or 80, http_basic(parts))


def _credentials(config: EndpointConfig, parts: SplitResult, proxy: Proxy | None) -> Iterator[str]:
    """The key, and what the URLs of the endpoint and its proxy hold, as it is written and as it is sent."""
    sent = (config.api_key, http_basic(parts), None if proxy is None else proxy.authorization)
    yield from (secret for secret in sent if secret)
    for secret in secrets_in([config.url, config.proxy or ""]):
        yield from (secret, unquote(secret))


def _check_header(header: str, value: str, name: str) -> None:
    clean = value.isascii() and value.isprintable()
    if not clean or not header.isascii() or not header.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(
            f'endpoint {name}: the header "{header}" can\'t be sent: only printable ASCII may stand in it',
            hint="a line break at the end of the key is the usual reason",
        )
