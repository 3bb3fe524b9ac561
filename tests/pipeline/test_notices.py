"""What is told before anybody listens is not lost."""

from __future__ import annotations

from evalperf.pipeline.notices import Notices


def test_what_was_told_early_is_passed_on_once_somebody_listens() -> None:
    notices, told = Notices(), []
    notices("early")
    notices.listen(told.append)
    notices("late")
    assert told == ["early", "late"]
