"""The headers of a reply, and those among them that say something on rate limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["Headers", "LimitHeaders"]

_MAX_SHAPES = 256


class Headers(Mapping[str, str]):
    """The headers of a reply under their names in any case; of a repeated one the first."""

    __slots__ = ("raw",)

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self.raw = raw
        """Names in lower case."""

    def __getitem__(self, name: str) -> str:
        return _text(self.raw[name.lower().encode("latin-1", "replace")])

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


class LimitHeaders:
    """Finds the headers on rate limits; fast, as most replies of a server have the same headers."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[bytes, ...], tuple[tuple[bytes, str], ...]] = {}

    def among(self, headers: Headers) -> dict[str, str] | None:
        """Those with "ratelimit" in their name and all "retry-after", names in lower case; None where there is none."""
        raw = headers.raw
        shape = tuple(raw)
        names = self._shapes.get(shape)
        if names is None:
            names = self._names(shape)
        return {shown: _text(raw[name]) for name, shown in names} if names else None

    def _names(self, shape: tuple[bytes, ...]) -> tuple[tuple[bytes, str], ...]:
        on_limits = (name for name in shape if b"ratelimit" in name or name.startswith(b"retry-after"))
        names = tuple((name, name.decode("latin-1")) for name in on_limits)
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes[shape] = names
        return names


def _text(value: bytes) -> str:
    return value.strip().decode("utf-8", "surrogateescape")
