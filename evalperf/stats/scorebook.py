"""Scores over all cases and by group, with the epochs of a case brought together and its clusters minded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

import orjson

from evalperf.errors import ConfigError
from evalperf.records import Result
from evalperf.stats.clusters import MAX_CLUSTERS
from evalperf.stats.contrasts import Contrast, contrasts
from evalperf.stats.groups import Groups, group_reader, metadata_fields
from evalperf.stats.scoresummary import ScoreSummary, SummaryRules
from evalperf.stats.scoretable import Owners, ScoreTable
from evalperf.stats.spent import SpentSummary, SpentTotals
from evalperf.stats.summary import Clustering, Grouping, GroupSummary
from evalperf.stats.tally import Tally

__all__ = ["Scorebook"]

_MAX_GROUPS = 10_000
_SUGGESTED_FROM = 200
"""Distinct metadata fields that are remembered, to suggest one where a field is named that nobody has."""

_Tables = dict[str | None, ScoreTable]


class Scorebook:
    """A score table for all cases and one for each group of the field `by`."""

    __slots__ = (
        "_cluster_by",
        "_cluster_of",
        "_clustered",
        "_epochs",
        "_fields",
        "_read_groups",
        "by",
        "groups",
        "table",
    )

    def __init__(self, *, epochs: int, by: str | None, cluster_by: str | None) -> None:
        self.by = by
        self.groups: _Tables = {}
        self._clustered = 0
        """Results with the cluster field."""
        self._epochs = epochs
        self._cluster_by = cluster_by
        self._read_groups = group_reader(by) if by is not None else None
        self._cluster_of = None if cluster_by is None else _cluster_reader(cluster_by)
        self.table = ScoreTable(epochs=epochs, clustered=cluster_by is not None)
        self._fields: set[str] = set()

    def add_all(self, results: Sequence[Result]) -> None:
        """Takes results; ConfigError beyond 10,000 groups."""
        owners = None
        if self._cluster_of is not None:
            owners = list(map(self._cluster_of, results))
            self._clustered += len(owners) - owners.count(None)
            self._note_fields(result for result, owner in zip(results, owners, strict=True) if owner is None)
        self.table.add_all(results, owners)
        if self._read_groups is not None:
            self._add_groups(results, list(map(self._read_groups, results)), owners)

    def _add_groups(self, results: Sequence[Result], groups: Sequence[Groups], owners: Owners | None) -> None:
        self._note_fields(result for result, labels in zip(results, groups, strict=True) if None in labels)
        places: defaultdict[str | None, list[int]] = defaultdict(list)
        for at, labels in enumerate(groups):
            for label in labels:
                places[label].append(at)
        for label, found in places.items():
            self._group(label).add_all(
                [results[at] for at in found], None if owners is None else [owners[at] for at in found]
            )

    def merge(self, other: Scorebook) -> None:
        """Takes all results that the other has seen; ValueError where it was made differently."""
        if (self._epochs, self.by, self._cluster_by) != (other._epochs, other.by, other._cluster_by):
            raise ValueError("scores of different epochs, groups or clusters do not merge")
        self.table.merge(other.table)
        for label, table in other.groups.items():
            self._group(label).merge(table)
        self._clustered += other._clustered
        self._fields |= other._fields

    def summary(self, order: Sequence[str], rules: SummaryRules) -> tuple[dict[str, ScoreSummary], Grouping | None]:
        """The numbers over all cases and by group, with the cases that still lack an epoch as far as they have come."""
        table = self.table.closed()
        scores = table.summary(order, rules)
        if self.by is None:
            return scores, None
        return scores, self._grouping(table, tuple(scores), rules)

    def judging(self) -> SpentSummary | None:
        """The calls of all scorers together; None where none made one."""
        spent = SpentTotals()
        for tally in self.table.tallies.values():
            spent.merge(tally.spent)
        return spent.summary()

    def clustering(self) -> Clustering | None:
        """What came of the cluster field; None where there is none."""
        field = self._cluster_by
        if field is None:
            return None
        problem = None
        if self.table.ok + self.table.failed and not self._clustered:
            problem = f'no result has a field "{field}" ({self._suggestion(field)})'
        elif any(tally.clusters.too_many for tally in self.table.tallies.values()):
            problem = f'more than {MAX_CLUSTERS:,} values of "{field}"'
        return Clustering(field=field, results=self._clustered, problem=problem)

    def _suggestion(self, field: str) -> str:
        """A field that might be meant, or those that there are."""
        known = ["tags", "model", "endpoint", *sorted(self._fields)]
        near = get_close_matches(field, known, n=1)
        return f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(known[:20])}"

    def _grouping(self, whole: ScoreTable, order: Sequence[str], rules: SummaryRules) -> Grouping:
        field = self.by or ""
        if self.groups and set(self.groups) == {None}:
            raise ConfigError(f'no result has a field "{field}" to group by', hint=self._suggestion(field))
        tables = {label: group.closed() for label, group in self.groups.items()}
        apart = self._contrasts(whole, tables, order, rules)
        summaries = [
            GroupSummary(
                value=label,
                total=group.ok + group.failed,
                failed=group.failed,
                scores=group.summary(order, rules),
                against_rest={name: apart[name].get(label) for name in order},
            )
            for label, group in tables.items()
        ]
        summaries.sort(key=lambda group: (-group.total, group.value is None, group.value or ""))
        return Grouping(field=field, groups=tuple(summaries))

    def _contrasts(
        self, whole: ScoreTable, tables: _Tables, order: Sequence[str], rules: SummaryRules
    ) -> dict[str, dict[str | None, Contrast | None]]:
        """By scorer and group; not of groups that share a case with others (its epochs went to several endpoints)."""
        labels = [label for label, group in self.groups.items() if group.has_whole_cases_of(self.table)]
        labels.sort(key=lambda label: (label is None, label or ""))
        nothing = Tally()
        return {
            name: contrasts(
                whole.tallies.get(name, nothing),
                {label: tables[label].tallies.get(name, nothing) for label in labels},
                clustered=rules.clustered,
            )
            for name in order
        }

    def _group(self, label: str | None) -> ScoreTable:
        table = self.groups.get(label)
        if table is None:
            if len(self.groups) >= _MAX_GROUPS:
                raise ConfigError(
                    f"more than {_MAX_GROUPS:,} groups: the field is different in nearly every case",
                    hint="group by a field with fewer values",
                )
            table = self.groups[label] = ScoreTable(epochs=self._epochs, clustered=self._cluster_of is not None)
        return table

    def _note_fields(self, results: Iterable[Result]) -> None:
        """Of results without the field: where all are, one of theirs is suggested."""
        for result in results:
            if len(self._fields) < _SUGGESTED_FROM:
                self._fields.update(metadata_fields(result.metadata))


def _cluster_reader(field: str) -> Callable[[Result], str | None]:
    """A case is in one cluster: several values together (tags, a list) are its name."""
    read = group_reader(field)

    def cluster_of(result: Result) -> str | None:
        labels = read(result)
        return labels[0] if len(labels) == 1 else orjson.dumps(labels).decode()

    return cluster_of
