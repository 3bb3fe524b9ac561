"""Vectors of texts: from an endpoint, from a function of the user's, or from a model in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from evalperf.config.embedders import AnyEmbedder
from evalperf.providers.embedding_base import Embeddings, RawEmbedder, Vector

__all__ = ["EMBEDDER_OPENERS", "Embeddings", "RawEmbedder", "Vector", "open_embedder"]

Opener = Callable[[Any, Path, int], RawEmbedder]
"""(section of the configuration, its folder, calls at once) → the embedder."""


def _open_openai(config: Any, base_dir: Path, connections: int) -> RawEmbedder:
    from evalperf.providers.embedding_openai import open_openai_embedder  # noqa: PLC0415 - TLS is dear to import

    return open_openai_embedder(config, base_dir, connections=connections)


def _open_function(config: Any, base_dir: Path, connections: int) -> RawEmbedder:
    from evalperf.providers.embedding_function import FunctionEmbeddings  # noqa: PLC0415 - only what is chosen is loaded

    return FunctionEmbeddings(config, base_dir, threads=connections)


def _open_local(config: Any, base_dir: Path, connections: int) -> RawEmbedder:  # noqa: ARG001 - a core is no connection
    from evalperf.providers.embedding_local import LocalEmbeddings  # noqa: PLC0415 - numpy is optional

    return LocalEmbeddings(base_dir / config.path)


EMBEDDER_OPENERS: dict[str, Opener] = {"openai": _open_openai, "function": _open_function, "local": _open_local}
"""By the `type` of the configuration."""


@asynccontextmanager
async def open_embedder(config: AnyEmbedder, base_dir: Path, *, connections: int = 5) -> AsyncIterator[RawEmbedder]:
    """The embedder of an `embedder` section, closed with the block; `connections` is how many calls it gets at once.

    Relative paths start at `base_dir`. Raises ConfigError where something named in the configuration does not exist.
    """
    embedder = EMBEDDER_OPENERS[config.type](config, base_dir, connections)
    try:
        yield embedder
    finally:
        await embedder.aclose()
