"""Keys: a digest of everything that decides an answer, and of nothing else.

A key is the digest of canonical JSON (sorted keys, no white space, whole numbers without a fraction), so that the same
settings have the same key however they were written. Concurrency, timeouts, API keys, retries and the entry's time to
live decide no answer and are in no key. 128 bits are taken to be free of accidental collisions: among 10¹⁰ entries one
is expected with probability 10⁻¹⁹. Cases from strangers, who could search for collisions, are a reason for `sha256`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from evalperf.cache.hashes import KEY_HASHES, KeyHash

__all__ = ["KEY_VERSION", "KeyMaker", "canonical_json", "is_sampled", "response_key", "response_parts", "url_family"]

KEY_VERSION = 1
"""Raised when the meaning of keys changes: old entries are then missed, never mistaken."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class KeyMaker:
    """Makes the keys of one kind of entry; the parts that are the same for all of them are digested once.

    `kind` keeps the entries of different caches apart. A key for a request of 1 KB takes about a microsecond.
    """

    def __init__(self, kind: str, static_parts: Mapping[str, Any], key_hash: KeyHash = "xxh3_128") -> None:
        self.kind = kind
        self.static_parts = static_parts
        self._digest = KEY_HASHES[key_hash]
        self._prefix = self._digest(canonical_json([KEY_VERSION, kind, _plain_numbers(static_parts)]))

    def __call__(self, *parts: Any) -> bytes:
        """The key for what differs from entry to entry: JSON values, in this order."""
        try:
            return self._digest(self._prefix + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
        except TypeError:
            return self._digest(self._prefix + canonical_json(parts))


def response_key(
    static_parts: Mapping[str, Any], messages: Any, *, epoch: int | None = None, key_hash: KeyHash = "xxh3_128"
) -> bytes:
    """One answer's key, for when there is only one to make; `epoch` None where the answer is not sampled."""
    return KeyMaker("response", static_parts, key_hash)(messages, epoch)


def response_parts(answers: Mapping[str, Any], *, url: str | None, family: str | None = None) -> dict[str, Any]:
    """What decides an answer besides the messages and the epoch.

    `answers` are the provider's deciding settings (type, model, api, parameters, tools). All endpoints of one provider
    are declared to serve the same model, so the first one's `url`, or the name `family`, stands for them: the same
    model name at another address is another model, and one more endpoint makes no earlier answer worthless.
    """
    return {**answers, "family": family if family is not None else None if url is None else url_family(url)}


def url_family(url: str) -> str:
    """The address without what decides no answer: credentials, case, default port, trailing slash."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}{query}"


def is_sampled(params: Mapping[str, Any]) -> bool:
    """Whether asking again may bring another answer: unless the temperature is 0; servers' own default is not."""
    temperature = params.get("temperature")
    return not (isinstance(temperature, int | float) and temperature == 0)


def canonical_json(value: Any) -> bytes:
    """The same bytes for the same JSON value; also for integers and surrogates that orjson refuses."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # the texts of the two writers can't be mistaken: this one is used for values the other has no text for
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _plain_numbers(value: Any) -> Any:
    """The value in which 1.0 and -0.0 are 1 and 0, as a server reads them alike."""
    if isinstance(value, Mapping):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
