"""Refusals that do not depend on the pace, and those that do."""

from __future__ import annotations

from evalperf.resilience.scatter import LEAST_ACCEPTED, LEAST_REFUSED, TRIED, Scatter, Sent

PACE = 10.0


def volley(scatter: Scatter, requests: int, at_s: float = 0.0) -> list[Sent]:
    return [scatter.sent(at_s + 0.0001 * number) for number in range(requests)]


def refuse(scatter: Scatter, at_s: float, *, pace: float | None = PACE, after_cut: bool = True) -> bool:
    return scatter.refused(scatter.sent(at_s), at_s, pace, after_cut=after_cut)


def found() -> Scatter:
    """By refusals at a tenth of the first rate."""
    scatter = Scatter()
    scatter.begin(100.0)
    scatter.cut()
    assert [refuse(scatter, 1.0 + number) for number in range(LEAST_REFUSED)] == [False, False, True]
    return scatter


def test_answers_between_refusals_of_one_volley_are_not_a_rate_limit() -> None:
    scatter = Scatter()
    sent = volley(scatter, 16)
    assert not scatter.refused(sent[3], 0.1, None, after_cut=False)
    findings = [scatter.accepted(one, 0.2, PACE) for one in sent[4:]]
    assert findings.index(True) == LEAST_ACCEPTED - 1
    assert scatter.found


def test_answers_before_the_first_refusal_of_a_volley_say_nothing() -> None:
    """A bucket lets its burst pass and refuses the rest."""
    scatter = Scatter()
    sent = volley(scatter, 60)
    for one in sent[50:]:
        scatter.refused(one, 0.1, None, after_cut=False)
    assert not any(scatter.accepted(one, 0.2, PACE) for one in sent[:50])


def test_answers_that_were_sent_later_say_nothing() -> None:
    """The bucket may have filled again."""
    scatter = Scatter()
    sent = volley(scatter, 16)
    scatter.refused(sent[0], 0.1, None, after_cut=False)
    assert not any(scatter.accepted(scatter.sent(1.0 + number), 2.0 + number, PACE) for number in range(50))


def test_refusals_at_a_fraction_of_the_pace_are_not_a_rate_limit() -> None:
    assert found().found


def test_rare_refusals_at_a_fraction_of_the_pace_are_probes_that_went_too_far() -> None:
    """One in a hundred is what looking for the limit costs."""
    scatter = Scatter()
    scatter.begin(100.0)
    scatter.cut()
    findings = []
    for number in range(1, 1001):
        sent = scatter.sent(number / 50)
        if number % 100 == 0:
            findings.append(scatter.refused(sent, number / 50, PACE, after_cut=True))
    assert not any(findings)


def test_refusals_at_the_first_pace_say_nothing() -> None:
    """It was measured while the server let a burst pass, and may be far too fast."""
    scatter = Scatter()
    scatter.begin(100.0)
    assert not any(refuse(scatter, 1.0 + number) for number in range(20))


def test_refusals_at_a_stated_limit_tell_something_at_once() -> None:
    scatter = Scatter()
    scatter.begin(100.0, stated=True)
    assert [refuse(scatter, 1.0 + number) for number in range(2)] == [False, True]


def test_a_stated_limit_need_not_be_surpassed_for_a_finding_to_stay() -> None:
    """It is kept all the same; what the finding brings is that nobody pauses."""
    scatter = Scatter()
    scatter.begin(100.0, stated=True)
    assert [refuse(scatter, 1.0 + number) for number in range(2)] == [False, True]
    for number in range(TRIED):
        scatter.accepted(scatter.sent(5.0 + number / PACE), 5.5 + number / PACE, None)
    assert scatter.found


def test_what_was_sent_before_the_cut_is_no_evidence() -> None:
    scatter = Scatter()
    scatter.begin(100.0)
    scatter.cut()
    assert not any(refuse(scatter, 1.0, after_cut=False) for _ in range(20))


def test_a_finding_that_brings_many_refusals_is_taken_back_and_the_next_needs_more() -> None:
    scatter = found()
    for number in range(20):
        refuse(scatter, 5.0 + number, pace=None)
        scatter.sent(5.0 + number)
    assert not scatter.found
    again = [refuse(scatter, 50.0 + number) for number in range(2 * LEAST_REFUSED)]
    assert again.index(True) == 2 * LEAST_REFUSED - 1


def test_a_finding_that_brings_no_more_answers_is_taken_back() -> None:
    """Ten answers a second, as many as at the pace that was lifted."""
    scatter = found()
    for number in range(TRIED):
        scatter.accepted(scatter.sent(5.0 + number / PACE), 5.5 + number / PACE, None)
    assert not scatter.found


def test_a_finding_that_pays_stays() -> None:
    """A tenth of all requests is refused, and ten times as many are answered."""
    scatter = found()
    for number in range(5_000):
        sent = scatter.sent(5.0 + number / 100)
        if number % 10 == 0:
            scatter.refused(sent, sent.at_s + 0.01, None, after_cut=True)
        else:
            scatter.accepted(sent, sent.at_s + 0.1, None)
    assert scatter.found
