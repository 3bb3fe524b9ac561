"""The section `statistics`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from evalperf.config.statistics import StatisticsConfig
from evalperf.stats import DEFAULT_PASS_AT


def test_the_default_is_that_of_a_report_without_the_section():
    assert tuple(StatisticsConfig().pass_at) == DEFAULT_PASS_AT
    assert (StatisticsConfig().cluster_by, StatisticsConfig().interval) == (None, "auto")


@pytest.mark.parametrize("wrong", [{"cluster_by": ""}, {"interval": "normal"}, {"pass_at": [0]}, {"clusters": "doc"}])
def test_what_means_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        StatisticsConfig.model_validate(wrong)
