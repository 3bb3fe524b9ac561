"""What the rest of the house knows of a provider."""

from __future__ import annotations

from typing import Protocol

from evalperf.errors import ProviderError
from evalperf.figures import ConnectionStatistics
from evalperf.records import Completion, Request

__all__ = ["ConnectionStatistics", "LocalFault", "Provider", "Unreachable", "WrongAddress"]


class Provider(Protocol):
    """Answers requests; one object per endpoint, used by many workers at once."""

    @property
    def name(self) -> str:
        """The endpoint's name in results."""

    @property
    def model(self) -> str | None:
        """The model that is asked for, where there is such a thing."""

    @property
    def paid(self) -> bool:
        """Whether an answer costs enough money or time to be worth the journal."""

    @property
    def in_process(self) -> bool:
        """Whether answering uses this process's CPU rather than waiting for someone else."""

    async def check(self) -> None:
        """Tries what can be tried for free, before the first case.

        Raises ConfigError where the endpoint can't be reached or loaded, StoppedError where it refuses the
        credentials; anything less certain passes.
        """

    async def complete(self, request: Request) -> Completion:
        """The answer; raises ProviderError and nothing else. A cancelled call leaves the provider usable."""

    async def probe(self, within_s: float) -> ProviderError | None:
        """Asks for nothing but a sign of life, at no cost: what is wrong, None where nothing is known to be.

        Takes at most `within_s`; raises nothing.
        """

    def connection_statistics(self) -> ConnectionStatistics | None:
        """The connections over the network so far, None where there are none to count."""

    async def aclose(self) -> None:
        """Ends connections, processes and threads; a second call does nothing."""


class WrongAddress(ProviderError):  # noqa: N818 - named for what is wrong, as a reader of the pipeline needs it
    """The server has answered, but not as this protocol does: a web page, a redirect, no such path or model.

    Where the very first answers of a run are like this, the URL is wrong and no case will fare better.
    """


class Unreachable(ProviderError):  # noqa: N818 - as above
    """No connection came about: nothing was sent, so nothing can have been paid for. `hint` says what to look at."""


class LocalFault(ProviderError):  # noqa: N818 - as above
    """This machine could not even try (no file descriptor left): the endpoint is not to blame."""
