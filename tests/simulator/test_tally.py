"""The tally remembers a bounded number of contents."""

from __future__ import annotations

from evalperf.simulator.tally import Tally


def test_it_counts_how_often_a_content_was_asked():
    tally = Tally()
    assert [tally.ask(7), tally.ask(7), tally.ask(8)] == [0, 1, 0]


def test_the_oldest_content_is_forgotten_and_that_is_said():
    tally = Tally(max_contents=2)
    for content in (1, 2, 3):
        tally.ask(content)
        tally.answered(content)
    report = tally.report()
    assert list(report["asked"]) == [f"{2:016x}", f"{3:016x}"]
    assert list(report["answered"]) == list(report["asked"])
    assert report["prompts"] == 3
    assert report["prompts_forgotten"] == 1


def test_what_has_not_ended_is_in_flight():
    tally = Tally()
    tally.arrived()
    assert tally.report()["in_flight"] == 1
    tally.finished("200")
    assert tally.report()["in_flight"] == 0
