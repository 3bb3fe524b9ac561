"""Where HTTP calls go: the address, the headers with the key in its form, and what no message may show."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from evalperf.config.model import EndpointConfig
from evalperf.errors import ConfigError

__all__ = ["HttpEndpoint", "http_endpoints"]

_SHORTEST_SECRET = 6
"""Below this a value is a word like "EMPTY", and hiding it would only garble messages."""


class HttpEndpoint:
    """One endpoint of the configuration, checked; raises ConfigError where it can't be called at all."""

    def __init__(self, config: EndpointConfig, name: str) -> None:
        self.name = name
        self._parts = _split(config.url, name)
        self.headers = {"User-Agent": "evalperf", **config.headers, **_auth(config, self._parts)}
        for header, value in self.headers.items():
            _check_header(header, value, name)
        values = (*config.headers.values(), *_credentials(config, self._parts))
        self.secrets = tuple({value for value in values if len(value) >= _SHORTEST_SECRET})

    def address(self, path: str) -> str:
        """The URL of `path` under the base; a query of the base (as Azure's api-version) stays, a password does not."""
        parts = self._parts
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path.rstrip("/") + path, parts.query, ""))


def http_endpoints(configs: Sequence[EndpointConfig]) -> tuple[HttpEndpoint, ...]:
    """The endpoints under names that differ: a second one on the same host gets "-2"."""
    taken = {config.name for config in configs if config.name is not None}
    endpoints = []
    for config in configs:
        name = config.name
        if name is None:
            base = _split(config.url, config.url).netloc.rpartition("@")[2]
            name = next(n for n in (base, *(f"{base}-{i}" for i in range(2, len(configs) + 2))) if n not in taken)
            taken.add(name)
        endpoints.append(HttpEndpoint(config, name))
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


def _auth(config: EndpointConfig, parts: SplitResult) -> dict[str, str]:
    """The header that carries the key; a name and password in the URL go the way that HTTP has for them."""
    key = config.api_key
    if key and config.auth != "none":
        if config.auth == "bearer":
            return {"Authorization": f"Bearer {key}"}
        return {config.auth: key}
    if parts.password is not None:
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _credentials(config: EndpointConfig, parts: SplitResult) -> tuple[str, ...]:
    return tuple(value for value in (config.api_key, parts.password) if value)


def _check_header(header: str, value: str, name: str) -> None:
    clean = value.isascii() and value.isprintable()
    if not clean or not header.isascii() or not header.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(
            f'endpoint {name}: the header "{header}" can\'t be sent: only printable ASCII may stand in it',
            hint="a line break at the end of the key is the usual reason",
        )
