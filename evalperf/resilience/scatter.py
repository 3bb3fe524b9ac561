"""Whether 429s depend on the pace at all: some servers refuse a share of requests however slowly they come."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Scatter", "Sent"]

CALM_SHARE = 0.9
"""Of the rate at the first refusal: only what is refused below it is evidence."""
LEAST_REFUSED = 3
LEAST_REFUSED_OF_STATED = 2
"""Where the pace is a limit that is stated, and so was not measured while a burst passed."""
LEAST_SHARE = 0.025
"""Of the calm requests; a pace that is a little too fast loses less."""
VOLLEY_S = 0.005
"""A limited rate does not recover in so short a time: once it refuses, it refuses the rest of a volley."""
LEAST_ACCEPTED = 5
"""Of a volley, after a refused request."""
HASTY_REFUSED, HASTY_SHARE = 8, 0.35
"""So many refused, and such a share of all, since the pace was lifted: the finding was wrong."""
TRIED = 50
"""Answers by which it is judged whether lifting the pace has brought anything."""
WORTHWHILE = 1.5
"""Times the pace that was lifted; less, and the pace can as well be kept."""


class Sent(NamedTuple):
    """A request that has left."""

    number: int
    """In the order in which they left."""
    at_s: float


class _Trial:
    """What has become of the requests since the pace was lifted."""

    __slots__ = ("accepted", "began_s", "number", "pace_per_s", "refused")

    def __init__(self, number: int, pace_per_s: float | None) -> None:
        self.number = number
        self.pace_per_s = pace_per_s  # None for one that is kept all the same, as a stated limit is
        self.began_s: float | None = None
        self.accepted = 0
        self.refused = 0

    def failed(self, now_s: float, last: int) -> bool:
        """Whether the pace did matter: many are refused, or no more are answered than at the pace."""
        if self.refused >= HASTY_REFUSED and self.refused > HASTY_SHARE * (last - self.number):
            return True
        if self.accepted != TRIED or self.began_s is None or self.pace_per_s is None:
            return False
        return self.accepted < WORTHWHILE * self.pace_per_s * (now_s - self.began_s)


class Scatter:
    """Looks for refusals that a limited rate would not give, in two ways.

    A limited rate refuses little once the pace is lowered, and all the rest of a volley once it refuses one request of
    it. Refusals for another reason (a share of requests at random, an overloaded backend behind a gateway) go on at any
    pace, and in between are answers. Pausing the endpoint for each of these would bring a run to a crawl without
    helping anybody. A finding that does not pay is taken back, and the next needs twice the evidence.
    """

    __slots__ = (
        "_accepted",
        "_calm_refused",
        "_calm_sent",
        "_first_per_s",
        "_needed",
        "_number",
        "_settled",
        "_stated",
        "_trial",
        "_volley",
        "lifted_per_s",
    )

    def __init__(self) -> None:
        self._number = 0
        self._first_per_s: float | None = None  # the rate before the pace was first lowered
        self._needed = 1  # times the least evidence
        self._calm_sent = self._calm_refused = 0
        self._volley: Sent | None = None  # the first refused request of one
        self._accepted = 0  # of the same volley, after it
        self._trial: _Trial | None = None
        self._stated = self._settled = False
        self.lifted_per_s: float | None = None
        """The pace that was lifted for the last finding."""

    @property
    def found(self) -> bool:
        """Whether refusals come at any pace."""
        return self._trial is not None

    def begin(self, first_per_s: float, *, stated: bool = False) -> None:
        """The pace is lowered for the first time; so many requests a second were sent until now.

        `stated` says that it is a limit that the configuration or the server names.
        """
        self._first_per_s = first_per_s
        self._stated = self._settled = stated
        self._calm_sent = self._calm_refused = 0

    def cut(self) -> None:
        """The pace is lowered once more: from now on refusals tell something.

        The first pace still has in it what the server has let pass as a burst.
        """
        if not self._settled:
            self._settled = True
            self._calm_sent = self._calm_refused = 0

    def sent(self, now_s: float) -> Sent:
        """A request has left."""
        self._number += 1
        self._calm_sent += 1
        if self._trial is not None and self._trial.began_s is None:
            self._trial.began_s = now_s
        return Sent(self._number, now_s)

    def accepted(self, sent: Sent, now_s: float, rate_per_s: float | None) -> bool:
        """A request was answered; True if this shows that the pace does not matter."""
        if self._trial is not None:
            self._trial.accepted += sent.number > self._trial.number
            self._look_back(now_s)
            return False
        volley = self._volley
        if volley is None or rate_per_s is None or sent.number < volley.number or sent.at_s - volley.at_s > VOLLEY_S:
            return False
        self._accepted += 1
        return self._accepted >= self._needed * LEAST_ACCEPTED and self._find(rate_per_s)

    def refused(self, sent: Sent, now_s: float, rate_per_s: float | None, *, after_cut: bool) -> bool:
        """A request was refused; True if this shows that the pace does not matter."""
        if self._trial is not None:
            self._trial.refused += sent.number > self._trial.number
            self._look_back(now_s)
            return False
        if self._volley is None or sent.at_s - self._volley.at_s > VOLLEY_S:
            self._volley, self._accepted = sent, 0
        if rate_per_s is None or self._first_per_s is None or not after_cut or not self._settled:
            return False
        if rate_per_s > CALM_SHARE * self._first_per_s:
            return False
        self._calm_refused += 1
        least = LEAST_REFUSED_OF_STATED if self._stated else LEAST_REFUSED
        enough = self._calm_refused >= self._needed * least
        return enough and self._calm_refused >= LEAST_SHARE * self._calm_sent and self._find(rate_per_s)

    def _find(self, pace_per_s: float) -> bool:
        self._trial = _Trial(self._number, None if self._stated else pace_per_s)
        self.lifted_per_s = pace_per_s
        self._volley = None
        self._calm_sent = self._calm_refused = 0
        return True

    def _look_back(self, now_s: float) -> None:
        if self._trial is not None and self._trial.failed(now_s, self._number):
            self._trial = None
            self._needed *= 2
