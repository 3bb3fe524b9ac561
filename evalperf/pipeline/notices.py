"""What the parts of a run have to tell its user: caches that give up, endpoints that do not answer."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Notices"]


class Notices:
    """Holds back what is told before anybody listens, and passes everything on from then on."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._tell: Callable[[str], None] = self._held.append

    def __call__(self, text: str) -> None:
        """Tells, now or when somebody listens."""
        self._tell(text)

    def listen(self, tell: Callable[[str], None]) -> None:
        """Passes on what was held back, and from now on everything at once."""
        held, self._held = self._held, []
        self._tell = tell
        for text in held:
            tell(text)
