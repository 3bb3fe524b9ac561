"""What one judge says about one answer: in one vote or several, of a pair in both orders."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, Final, Literal

from msgspec import Struct

from evalperf.records import Case
from evalperf.scorers.judge_calls import Asker, Ledger, NoVerdict, Place, together
from evalperf.scorers.judge_material import Material
from evalperf.scorers.judge_prompt import JudgePrompt
from evalperf.scorers.judge_replies import ReplyForm, Verdict
from evalperf.scorers.rubrics import FIRST, SECOND, TIE, Rubric

__all__ = ["Ballot", "Opinion", "Panel", "Voting", "combined", "paired", "single"]

Combine = Literal["mean", "majority"]
Answered = Verdict | NoVerdict

_WINNERS: Final = ({FIRST: "answer", SECOND: "other", TIE: "tie"}, {FIRST: "other", SECOND: "answer", TIE: "tie"})
"""What verdicts mean where the case's answer stands first, and where it stands second."""


class Ballot(Struct, frozen=True):
    """One vote: its verdict, and for a pair what was said in each order, in terms of the case's own answer."""

    outcome: Answered
    orders: tuple[str | None, ...] = ()
    """The winner, `answer`, `other` or `tie`, where the case's answer stood first and where it stood second; None where
    there was no verdict."""


class Opinion(Struct, frozen=True, kw_only=True):
    """What the votes come to."""

    outcome: Answered
    detail: dict[str, Any]


class Panel:
    """One model, asked for a number of votes."""

    def __init__(
        self, asker: Asker[Verdict], prompt: JudgePrompt, form: ReplyForm, rubric: Rubric, voting: Voting
    ) -> None:
        self._asker = asker
        self._prompt = prompt
        self._form = form
        self._rubric = rubric
        self._voting = voting

    async def opinion(self, case: Case, materials: Sequence[Material], ledger: Ledger) -> Opinion:
        """The votes as one; `materials` holds one entry for each order."""
        ballots = await together(self._vote(case, materials, vote, ledger) for vote in range(self._voting.votes))
        return combined(ballots, self._voting)

    async def _vote(self, case: Case, materials: Sequence[Material], vote: int, ledger: Ledger) -> Ballot:
        questions = len(materials) * vote
        places = [
            Place(material.answer, 1 + (questions + order) * self._asker.calls_each, draw=vote + 1)
            for order, material in enumerate(materials)
        ]
        said = await together(
            self._ask(case, material, place, ledger) for material, place in zip(materials, places, strict=True)
        )
        return self._voting.ballot(said)

    async def _ask(self, case: Case, material: Material, place: Place, ledger: Ledger) -> Answered:
        messages = self._prompt.messages(material, self._rubric.text, self._form.ask)
        return await self._asker.ask(
            case,
            messages,
            lambda reply, limit: self._form.read(reply, material, limit),
            place,
            ledger,
        )


class Voting(Struct, frozen=True, kw_only=True):
    """How many votes there are, and how they are counted."""

    votes: int
    min_votes: int
    combine: Combine
    ballot: Callable[[Sequence[Answered]], Ballot]
    """From what was said in each order to one vote."""


def single(said: Sequence[Answered]) -> Ballot:
    """The vote on one answer."""
    return Ballot(said[0])


def paired(said: Sequence[Answered]) -> Ballot:
    """The vote on a pair: a win is one in every order that was asked, all else is a tie.

    Without a verdict in one of the orders there is none.
    """
    verdicts = [each for each in said if isinstance(each, Verdict)]
    orders = tuple(
        winners[each.label] if isinstance(each, Verdict) and each.label is not None else None
        for each, winners in zip(said, _WINNERS, strict=False)
    )
    missing = next((each for each in said if isinstance(each, NoVerdict)), None)
    if missing is not None:
        return Ballot(missing, orders)
    first = verdicts[0]
    if len(set(orders)) == 1:
        return Ballot(Verdict(value=first.value, label=orders[0], reasoning=first.reasoning), orders)
    reasoning = f"a tie, because the two orders disagree. {first.reasoning or ''}".rstrip()
    return Ballot(Verdict(value=0.5, label="tie", reasoning=reasoning), orders)


def combined(ballots: Sequence[Ballot], voting: Voting) -> Opinion:
    """The mean of the values, or the value of the most frequent verdict: of several as frequent ones, their mean."""
    verdicts = [ballot.outcome for ballot in ballots if isinstance(ballot.outcome, Verdict)]
    faults = [ballot.outcome for ballot in ballots if isinstance(ballot.outcome, NoVerdict)]
    detail = _detail(ballots, faults)
    if len(verdicts) < voting.min_votes:
        return Opinion(outcome=_too_few(len(verdicts), faults, voting), detail=detail)
    if voting.combine == "mean":
        value = math.fsum(verdict.value for verdict in verdicts) / len(verdicts)
        label = verdicts[0].label if len(verdicts) == 1 else None
    else:
        value, label = _majority(verdicts)
    nearest = min(verdicts, key=lambda verdict: abs(verdict.value - value))
    outcome = Verdict(value=value, label=label, reasoning=nearest.reasoning, parts=_part_means(verdicts))
    return Opinion(outcome=outcome, detail=detail)


def _majority(verdicts: Sequence[Verdict]) -> tuple[float, str | None]:
    counts = Counter(verdict.label for verdict in verdicts)
    most = max(counts.values())
    values = {verdict.label: verdict.value for verdict in verdicts if counts[verdict.label] == most}
    label = next(iter(values)) if len(values) == 1 else None
    return math.fsum(values.values()) / len(values), label


def _part_means(verdicts: Sequence[Verdict]) -> dict[str, float] | None:
    parts = [verdict.parts for verdict in verdicts if verdict.parts is not None]
    if not parts:
        return None
    return {name: math.fsum(part[name] for part in parts) / len(parts) for name in parts[0]}


def _too_few(count: int, faults: Sequence[NoVerdict], voting: Voting) -> NoVerdict:
    if voting.votes == 1:
        return faults[0]
    return NoVerdict(
        faults[0].kind, f"{count} of {voting.votes} votes, {voting.min_votes} are needed: {faults[0].message}"
    )


def _detail(ballots: Sequence[Ballot], faults: Sequence[NoVerdict]) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if len(ballots) > 1:
        outcomes = [ballot.outcome for ballot in ballots]
        detail["votes"] = [each.value if isinstance(each, Verdict) else None for each in outcomes]
        labels = [each.label if isinstance(each, Verdict) else None for each in outcomes]
        named = any(label is not None for label in labels)
        if named:
            detail["verdicts"] = labels
        detail["agreement"] = _agreement(labels if named else detail["votes"])
        if faults:
            detail["failures"] = [fault.as_detail() for fault in faults]
    if ballots[0].orders:
        detail["orders"] = [list(ballot.orders) for ballot in ballots]
        detail["preferred_position"] = [_preferred_position(ballot.orders) for ballot in ballots]
    return detail


def _agreement(votes: Sequence[object]) -> float | None:
    """The share of pairs of readable votes that are equal; None for fewer than two."""
    pairs = list(combinations([vote for vote in votes if vote is not None], 2))
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def _preferred_position(orders: tuple[str | None, ...]) -> str | None:
    """Which place won in both orders, whoever stood there: the judge looked at the place."""
    if orders == ("answer", "other"):
        return "first"
    return "second" if orders == ("other", "answer") else None
