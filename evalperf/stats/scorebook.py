"""Scores over all cases and by group, with the epochs of a case brought together."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from evalperf.errors import ConfigError
from evalperf.records import Result
from evalperf.stats.groups import group_reader, metadata_fields
from evalperf.stats.summary import Grouping, GroupSummary
from evalperf.stats.tally import Epoch, ScoreSummary, ScoreTable

__all__ = ["Scorebook"]

_MAX_GROUPS = 10_000
_SUGGESTED_FROM = 200
"""Distinct metadata fields that are remembered, to suggest one where `by` names none."""

_Tables = dict[str | None, ScoreTable]


class Scorebook:
    """A score table for all cases and one for each group.

    With `epochs` > 1 a case is kept until its last epoch has come. Files that hold the epochs of a case near each other
    cost next to nothing; all first epochs before all second ones cost one entry a case.
    """

    __slots__ = ("_epochs", "_fields", "_open", "_read_groups", "by", "groups", "table")

    def __init__(self, *, epochs: int, by: str | None) -> None:
        self.by = by
        self.table = ScoreTable(repeated=epochs > 1)
        self.groups: _Tables = {}
        self._epochs = epochs
        self._read_groups = group_reader(by) if by is not None else None
        self._open: dict[int, list[Epoch]] = {}
        """Cases of which an epoch is still to come, by line."""
        self._fields: set[str] = set()

    def add(self, result: Result) -> bool:
        """Takes one result; True if a scorer found the answer wrong."""
        failed = result.failure is not None
        labels: Sequence[str | None] = ()
        if self._read_groups is not None:
            labels = self._read_groups(result)
            self._note_fields(result.metadata)
        if self._epochs > 1:
            self._add_epoch(result.seq, Epoch(result.scores, failed, labels))
            return any(score.passed is False for score in result.scores.values())
        for label in labels:
            _table(self.groups, label, repeated=False).add(result.scores, failed=failed)
        return self.table.add(result.scores, failed=failed)

    def merge(self, other: Scorebook) -> None:
        """Takes all results that the other has seen; ValueError where it was made differently."""
        if (self._epochs, self.by) != (other._epochs, other.by):
            raise ValueError("scores of different epochs or groups do not merge")
        self.table.merge(other.table)
        for label, table in other.groups.items():
            _table(self.groups, label, repeated=self._epochs > 1).merge(table)
        for seq, epochs in other._open.items():
            for epoch in epochs:
                self._add_epoch(seq, epoch)
        self._fields |= other._fields

    def summary(self, order: Sequence[str]) -> tuple[dict[str, ScoreSummary], Grouping | None]:
        """The numbers over all cases and by group, with the cases that still lack an epoch as far as they have come."""
        table, groups = self.table, self.groups
        if self._open:
            table = table.copy()
            groups = {label: group.copy() for label, group in groups.items()}
            for epochs in self._open.values():
                _fold_case(epochs, table, groups)
        scores = table.summary(order)
        grouping = self._grouping(groups, tuple(scores)) if self.by is not None else None
        return scores, grouping

    def _add_epoch(self, seq: int, epoch: Epoch) -> None:
        epochs = self._open.setdefault(seq, [])
        epochs.append(epoch)
        if len(epochs) >= self._epochs:
            del self._open[seq]
            _fold_case(epochs, self.table, self.groups)

    def _grouping(self, groups: _Tables, order: Sequence[str]) -> Grouping:
        field = self.by or ""
        if groups and set(groups) == {None}:
            raise ConfigError(f'no result has a field "{field}" to group by', hint=self._suggestion(field))
        summaries = [
            GroupSummary(value=label, total=group.ok + group.failed, failed=group.failed, scores=group.summary(order))
            for label, group in groups.items()
        ]
        summaries.sort(key=lambda group: (-group.total, group.value is None, group.value or ""))
        return Grouping(field=field, groups=tuple(summaries))

    def _note_fields(self, metadata: dict[str, Any]) -> None:
        if len(self._fields) < _SUGGESTED_FROM and metadata:
            self._fields.update(metadata_fields(metadata))

    def _suggestion(self, field: str) -> str:
        known = ["tags", "model", "endpoint", *sorted(self._fields)]
        near = get_close_matches(field, known, n=1)
        return f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(known[:20])}"


def _table(groups: _Tables, label: str | None, *, repeated: bool) -> ScoreTable:
    table = groups.get(label)
    if table is None:
        if len(groups) >= _MAX_GROUPS:
            raise ConfigError(
                f"more than {_MAX_GROUPS:,} groups: the field is different in nearly every case",
                hint="group by a field with fewer values",
            )
        table = groups[label] = ScoreTable(repeated=repeated)
    return table


def _fold_case(epochs: list[Epoch], table: ScoreTable, groups: _Tables) -> None:
    """Counts a case once in the whole and once in each of its groups, with the epochs that belong to the group."""
    table.add_case(epochs)
    for label in {label for epoch in epochs for label in epoch.groups}:
        _table(groups, label, repeated=True).add_case([epoch for epoch in epochs if label in epoch.groups])
