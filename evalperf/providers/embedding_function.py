"""A Python function of the user's that turns texts into vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from evalperf.config.embedders import FunctionEmbedder
from evalperf.config.providers import FunctionProvider
from evalperf.errors import ProviderError
from evalperf.providers.embedding_base import Embeddings, Vector
from evalperf.providers.embedding_vectors import VectorCheck, as_vector
from evalperf.providers.function import open_function

__all__ = ["FunctionEmbeddings"]


class FunctionEmbeddings:
    """Calls the function with a list of texts; it returns a sequence of numbers for each, or a two-dimensional array.

    It is called as a function that answers cases is: in the loop if it is async, else in a thread. Raises ConfigError
    where it does not exist or can't be called with one argument and the options.
    """

    paid = True

    def __init__(self, config: FunctionEmbedder, base_dir: Path, *, threads: int) -> None:
        self.name = config.call
        self.identity = f"function {config.call} {json.dumps(config.options, sort_keys=True)}"
        called = FunctionProvider(type="function", call=config.call, options=config.options, timeout_s=config.timeout_s)
        self._function = open_function(called, base_dir, threads=threads)
        self._check = VectorCheck(config.call)

    async def check(self) -> None:
        """Nothing to try: the function was loaded, and its signature fits."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """What the function returns for the texts; a wrong number of vectors, or anything else, is a `bad_reply`."""
        returned = await self._function.call(list(texts))
        vectors = self._vectors(returned)
        self._check(vectors, texts)
        return Embeddings(vectors=vectors)

    async def aclose(self) -> None:
        """Lets the threads end."""
        await self._function.aclose()

    def _vectors(self, returned: object) -> list[Vector[float]]:
        try:
            return [as_vector(one) for one in returned]  # type: ignore[attr-defined]
        except TypeError as error:
            raise ProviderError(
                "bad_reply",
                f"{self.name} has returned {type(returned).__name__}, expected a list of vectors: {error}",
            ) from error
