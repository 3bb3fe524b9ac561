"""The proxies that the environment names, for the endpoints that name none themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar
from urllib.parse import urlsplit

from evalperf.config.providers_http import EndpointConfig
from evalperf.config.section import Section
from evalperf.errors import ConfigError

__all__ = ["environment_proxy", "is_loopback", "proxy_secrets", "with_proxies"]

_VARIABLES = {"https": ("https_proxy", "HTTPS_PROXY"), "http": ("http_proxy", "HTTP_PROXY")}

AnySection = TypeVar("AnySection", bound=Section)


def with_proxies(section: AnySection, environ: Mapping[str, str]) -> AnySection:
    """The section in which every endpoint without a `proxy` has the one of the environment; raises ConfigError."""
    if isinstance(section, EndpointConfig):
        proxy = section.proxy if section.proxy is not None else environment_proxy(section.url, environ)
        return section.model_copy(update={"proxy": proxy})
    changed = {
        name: value
        for name in type(section).model_fields
        if (value := _inside(getattr(section, name), environ)) is not getattr(section, name)
    }
    return section.model_copy(update=changed) if changed else section


def _inside(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, Section):
        return with_proxies(value, environ)
    if isinstance(value, list) and any(isinstance(item, Section) for item in value):
        return [_inside(item, environ) for item in value]
    return value


def environment_proxy(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy for a URL, None where it is reached directly; raises ConfigError for one of another kind than HTTP.

    The name in small letters goes first, as everywhere. This machine itself is never reached through a proxy.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None  # what is wrong with it, the provider says
    variable = next((name for name in _VARIABLES.get(parts.scheme, ()) if environ.get(name)), None)
    if variable is None or is_loopback(host) or _is_excepted(host, port, environ):
        return None
    proxy = _with_scheme(environ[variable])
    if not proxy.startswith("http://"):
        raise ConfigError(
            f"the environment variable {variable} names a proxy that is not spoken to with HTTP",
            hint='name an http:// proxy, or set "proxy": "none" for the endpoint',
        )
    return proxy.rstrip("/")


def proxy_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """The proxies that the environment names, as URLs; the names and passwords in them are secrets."""
    for names in _VARIABLES.values():
        yield from (_with_scheme(environ[name]) for name in names if environ.get(name))


def _with_scheme(named: str) -> str:
    return named if "://" in named else f"http://{named}"


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_excepted(host: str, port: int | None, environ: Mapping[str, str]) -> bool:
    """Whether NO_PROXY has the host: `*`, a name with all below it, an address, or a network as in 10.0.0.0/8."""
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return any(_covers(entry, host, port) for entry in listed.replace(",", " ").lower().split())


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*" or _in_network(host, entry):
        return True
    name, colon, stated = entry.rpartition(":")
    if colon and stated.isdigit():
        if port != int(stated):
            return False
        entry = name
    entry = entry.strip("[]").lstrip("*").lstrip(".")
    return bool(entry) and (host == entry or host.endswith("." + entry))


def _in_network(host: str, entry: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False
