"""Most calls under way at once, over all endpoints of all models of a run."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["CallLimit"]


class CallLimit:
    """Counts the calls of several routers. One per run, and only where the configuration sets a limit."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._under_way = 0
        self._on_free: list[Callable[[], None]] = []

    @property
    def room(self) -> int:
        """How many more calls there may be."""
        return self.most - self._under_way

    def join(self, on_free: Callable[[], None]) -> None:
        """`on_free` is called when a place is free; the last to join comes first, for judges finish what was begun."""
        self._on_free.insert(0, on_free)

    def take(self) -> None:
        """A call has its place; there must be room."""
        self._under_way += 1

    def leave(self) -> None:
        """A call is over."""
        self._under_way -= 1
        for on_free in self._on_free:
            on_free()
