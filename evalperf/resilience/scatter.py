"""Whether 429s depend on the pace at all: some servers refuse a share of requests however slowly they come."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Scatter", "Sent"]

CALM_SHARE = 0.9
"""Of a rate that the server has let pass: only what is refused below it is evidence."""
LEAST_REFUSED = 3
LEAST_REFUSED_OF_STATED = 2
"""Where the pace is a limit that is stated, and so was not measured while a burst passed."""
LEAST_SHARE = 0.025
"""Of all requests; a pace that is a little too fast loses less."""
MOST_SHARE = 0.5
"""Of all requests; a server that refuses nearly everything for a while has come to the end of a window."""
LEAST_PASSED = 20
"""Requests from which the rate that passes between refusals can be told."""
PASSED_FOR_S = 300.0
"""Limits change with the time."""
VOLLEY_S = 0.005
"""A limited rate does not recover in so short a time: once it refuses, it refuses the rest of a volley."""
LEAST_ACCEPTED = 5
"""Of a volley, after a refused request."""
HASTY_REFUSED, HASTY_SHARE, HASTY_CHANCE = 8, 0.35, 0.5
"""So many refused, and such a share of all, since the pace was lifted: the finding was wrong. A share of n requests may
be off by a few times the square root of n."""
TRIED = 50
"""Answers by which it is judged whether lifting the pace has brought anything."""
WORTHWHILE = 1.5
"""Times the answers per second before; less is not worth any more refusals."""


class Sent(NamedTuple):
    """A request that has left."""

    number: int
    """In the order in which they left."""
    at_s: float


class _Passed:
    """The highest rate that has passed between two refusals, pauses included.

    A limited server's bucket is empty whenever it refuses, so no more can have passed in between than it refills:
    whatever its burst, its limit is at least this rate.
    """

    __slots__ = ("_empty", "_refused", "_told_s", "per_s")

    def __init__(self) -> None:
        self._empty: Sent | None = None  # when the bucket was empty
        self._refused = 0  # of what was sent after it
        self._told_s = float("-inf")
        self.per_s = 0.0

    def refused(self, sent: Sent) -> None:
        """One more refusal."""
        if sent.at_s - self._told_s > PASSED_FOR_S:
            self.per_s = 0.0
        if self._empty is None:
            self._empty = sent
            return
        self._refused += 1
        passed = sent.number - self._empty.number - self._refused
        if passed < LEAST_PASSED:
            return
        per_s = passed / (sent.at_s - self._empty.at_s)
        self._empty, self._refused = sent, 0
        if per_s > self.per_s:
            self.per_s, self._told_s = per_s, sent.at_s


class _Trial:
    """What has become of the requests since the pace was lifted."""

    __slots__ = ("accepted", "answered_per_s", "began_s", "number", "refused", "stated")

    def __init__(self, number: int, answered_per_s: float, *, stated: bool) -> None:
        self.number = number
        self.answered_per_s = answered_per_s  # before, pauses included
        self.stated = stated  # then the pace is kept all the same
        self.began_s: float | None = None
        self.accepted = 0
        self.refused = 0

    def failed(self, now_s: float, last: int) -> bool:
        """Whether the pace did matter: many are refused, or some and no more are answered than before."""
        sent = last - self.number
        if self.refused >= HASTY_REFUSED and self.refused > HASTY_SHARE * sent + HASTY_CHANCE * math.sqrt(sent):
            return True
        if self.accepted != TRIED or self.began_s is None or self.stated:
            return False
        worthwhile = self.accepted >= WORTHWHILE * self.answered_per_s * (now_s - self.began_s)
        return not worthwhile and self.refused > 1 + LEAST_SHARE * sent


class Scatter:
    """Looks for refusals that a limited rate would not give, in three ways.

    A limited rate refuses little once the pace is lowered, nothing below a rate that it has let pass (see `_Passed`),
    and all the rest of a volley once it refuses one request of it. Refusals for another reason (a share of requests at
    random, an overloaded backend behind a gateway) go on at any pace, and in between are answers. Pausing the endpoint
    for each of these would bring a run to a crawl without helping anybody. A finding that does not pay is taken back,
    and the next needs twice the evidence.
    """

    __slots__ = (
        "_accepted",
        "_below_refused",
        "_calm_refused",
        "_first_per_s",
        "_needed",
        "_number",
        "_passed",
        "_refused",
        "_sent",
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
        self._sent = self._refused = 0  # since evidence is gathered
        self._calm_refused = self._below_refused = 0  # at a fraction of the first rate; of the rate that has passed
        self._passed = _Passed()
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
        self._gather()

    def cut(self) -> None:
        """The pace is lowered once more: from now on refusals tell something.

        The first pace still has in it what the server has let pass as a burst.
        """
        if not self._settled:
            self._settled = True
            self._gather()

    def sent(self, now_s: float) -> Sent:
        """A request has left."""
        self._number += 1
        self._sent += 1
        if self._trial is not None and self._trial.began_s is None:
            self._trial.began_s = now_s
        return Sent(self._number, now_s)

    def accepted(self, sent: Sent, now_s: float, pace_per_s: float | None) -> bool:
        """A request was answered; True if this shows that the pace does not matter: then `lift` it."""
        if self._trial is not None:
            self._trial.accepted += sent.number > self._trial.number
            self._look_back(now_s)
            return False
        volley = self._volley
        if volley is None or pace_per_s is None or sent.number < volley.number or sent.at_s - volley.at_s > VOLLEY_S:
            return False
        self._accepted += 1
        return self._accepted >= self._needed * LEAST_ACCEPTED

    def refused(self, sent: Sent, now_s: float, pace_per_s: float | None, *, after_cut: bool) -> bool:
        """A request was refused; True if this shows that the pace does not matter: then `lift` it."""
        self._refused += 1
        if self._trial is not None:
            self._trial.refused += sent.number > self._trial.number
            self._look_back(now_s)
            return False
        if self._volley is None or sent.at_s - self._volley.at_s > VOLLEY_S:
            self._volley, self._accepted = sent, 0
        if pace_per_s is None or not after_cut or not self._settled:
            return False
        self._passed.refused(sent)
        return self._tells(pace_per_s)

    def lift(self, pace_per_s: float, answered_per_s: float) -> None:
        """That pace is given up; so many requests a second were answered under it, pauses included."""
        self._trial = _Trial(self._number, answered_per_s, stated=self._stated)
        self.lifted_per_s = pace_per_s
        self._volley = None
        self._gather()

    def _tells(self, pace_per_s: float) -> bool:
        """Whether one more refusal at that pace is enough."""
        if self._first_per_s is None or self._refused > MOST_SHARE * self._sent:
            return False
        self._below_refused += pace_per_s <= CALM_SHARE * self._passed.per_s
        self._calm_refused += pace_per_s <= CALM_SHARE * self._first_per_s
        least = LEAST_REFUSED_OF_STATED if self._stated else LEAST_REFUSED
        return self._below_refused >= self._needed * LEAST_REFUSED or self._calm_refused >= max(
            self._needed * least, LEAST_SHARE * self._sent
        )

    def _look_back(self, now_s: float) -> None:
        if self._trial is not None and self._trial.failed(now_s, self._number):
            self._trial = None
            self._needed *= 2
            self._passed = _Passed()
            self._gather()

    def _gather(self) -> None:
        """Evidence counts from now on."""
        self._sent = self._refused = self._calm_refused = self._below_refused = 0
