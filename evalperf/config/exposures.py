"""What of a configuration lets others read along: said at the start of a run, because nothing else would show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from evalperf.config.providers_http import EndpointConfig
from evalperf.config.proxies import is_loopback
from evalperf.config.section import Section

__all__ = ["exposures"]


def exposures(section: Section) -> list[str]:
    """A sentence for each endpoint whose certificate nobody checks, or to which a key goes in the clear."""
    return list(dict.fromkeys(_inside(section, checked=True)))


def _inside(value: Any, *, checked: bool) -> Iterator[str]:
    if isinstance(value, EndpointConfig):
        yield from _of_endpoint(value, checked=checked)
    elif isinstance(value, Section):
        checked = checked and getattr(value, "verify_tls", True)
        for name in type(value).model_fields:
            yield from _inside(getattr(value, name), checked=checked)
    elif isinstance(value, list):
        for item in value:
            yield from _inside(item, checked=checked)


def _of_endpoint(endpoint: EndpointConfig, *, checked: bool) -> Iterator[str]:
    try:
        parts = urlsplit(endpoint.url)
        host = parts.hostname or ""
    except ValueError:
        return  # what is wrong with it, the provider says
    if is_loopback(host):
        return
    if parts.scheme == "https" and not checked:
        yield f"nobody checks the certificate of {host} (verify_tls is false): who sits on the way can read all of it"
    if parts.scheme == "http" and (endpoint.api_key or parts.password or endpoint.headers):
        yield f"the key of {host} goes over http://, where everybody on the way can read it"
