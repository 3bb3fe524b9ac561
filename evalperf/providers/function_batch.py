"""A Python function of the user's that answers many requests in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalperf.config.model import FunctionProvider
from evalperf.errors import ProviderError
from evalperf.providers.function import Function, load_function
from evalperf.records import Completion, Request

__all__ = ["FunctionBatch", "open_function_batch"]


def open_function_batch(config: FunctionProvider, base_dir: Path, *, threads: int) -> FunctionBatch:
    """The provider for a function that takes a list; raises ConfigError as `open_function` does."""
    return FunctionBatch(config, load_function(config.call, base_dir), threads=threads)


class FunctionBatch(Function):
    """Calls the function with a list of what its first parameter is annotated as a list of; else of prompts.

    It returns a list of as many texts or Completions; an exception in the place of one fails that one alone.
    `complete` makes a call for one; that several share a call is up to whoever calls `complete_many`.
    """

    async def complete(self, request: Request) -> Completion:
        """The answer to one request."""
        (answer,) = await self.complete_many([request])
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def complete_many(self, requests: Sequence[Request]) -> list[Completion | ProviderError]:
        """An answer, or why there is none, for each request; raises ProviderError where the whole call failed."""
        returned = await self.call([self.argument(request) for request in requests])
        if not isinstance(returned, list | tuple):
            raise ProviderError("bad_reply", f"{self.name} has returned {type(returned).__name__}, expected a list")
        if len(returned) != len(requests):
            raise ProviderError("bad_reply", f"{self.name} has returned {len(returned)} answers to {len(requests)}")
        return [self._one(answer) for answer in returned]

    def _one(self, answer: object) -> Completion | ProviderError:
        if isinstance(answer, ProviderError):
            return answer
        if isinstance(answer, Exception):
            return ProviderError("provider", f"{type(answer).__name__}: {answer}")
        try:
            return self.completion(answer)
        except ProviderError as error:
            return error
