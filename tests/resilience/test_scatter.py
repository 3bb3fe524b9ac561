"""Refusals that do not depend on the pace, and those that do."""

from __future__ import annotations

from evalperf.resilience.scatter import LEAST_ACCEPTED, LEAST_REFUSED, PASSED_FOR_S, TRIED, Scatter, Sent

PACE = 10.0


def volley(scatter: Scatter, requests: int, at_s: float = 0.0) -> list[Sent]:
    return [scatter.sent(at_s + 0.0001 * number) for number in range(requests)]


def refuse(
    scatter: Scatter, at_s: float, *, passed: int = 3, pace: float | None = PACE, after_cut: bool = True
) -> bool:
    """After so many requests that passed. Where it is a finding the pace is lifted; ten were answered a second."""
    for number in range(passed):
        scatter.sent(at_s - 0.01 * (passed - number))
    found = scatter.refused(scatter.sent(at_s), at_s, pace, after_cut=after_cut)
    if found:
        scatter.lift(PACE, answered_per_s=PACE)
    return found


def begun(*, stated: bool = False) -> Scatter:
    """A hundred requests a second were sent until the pace was cut, and it was cut again."""
    scatter = Scatter()
    scatter.begin(100.0, stated=stated)
    scatter.cut()
    return scatter


def found() -> Scatter:
    """By refusals at a tenth of the first rate."""
    scatter = begun()
    assert [refuse(scatter, 1.0 + number) for number in range(LEAST_REFUSED)] == [False, False, True]
    return scatter


def test_answers_between_refusals_of_one_volley_are_not_a_rate_limit() -> None:
    scatter = Scatter()
    sent = volley(scatter, 16)
    assert not scatter.refused(sent[3], 0.1, None, after_cut=False)
    findings = [scatter.accepted(one, 0.2, PACE) for one in sent[4:]]
    assert findings.index(True) == LEAST_ACCEPTED - 1


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


def test_refusals_at_a_fraction_of_the_first_rate_are_not_a_rate_limit() -> None:
    assert found().found


def test_rare_refusals_at_a_fraction_of_the_first_rate_are_probes_that_went_too_far() -> None:
    """One in a hundred is what looking for the limit costs."""
    scatter = begun()
    assert not any(refuse(scatter, 10.0 * number, passed=99) for number in range(1, 11))


def test_rare_refusals_below_what_has_passed_are_not_a_rate_limit() -> None:
    """Of a bucket that was empty at one refusal, a hundred requests in two seconds are a limit of fifty at least."""
    scatter = begun()
    refuse(scatter, 2.0, passed=99, pace=60.0)
    refuse(scatter, 4.0, passed=99, pace=60.0)
    findings = [refuse(scatter, 6.0 + number, passed=99, pace=40.0) for number in range(LEAST_REFUSED)]
    assert findings == [False, False, True]


def test_a_pause_between_two_refusals_counts_as_time() -> None:
    """What has refilled a bucket meanwhile is no sign of a quicker server."""
    scatter = begun()
    for number in range(1, 11):
        assert not refuse(scatter, 10.0 * number, passed=99, pace=10.0)


def test_what_passed_long_ago_tells_nothing() -> None:
    scatter = begun()
    refuse(scatter, 2.0, passed=99, pace=60.0)
    refuse(scatter, 4.0, passed=99, pace=60.0)
    later_s = 5.0 + PASSED_FOR_S
    assert not any(refuse(scatter, later_s + 3.0 * number, passed=99, pace=40.0) for number in range(20))


def test_a_server_that_refuses_nearly_everything_is_at_the_end_of_a_window() -> None:
    scatter = begun()
    assert not any(refuse(scatter, 1.0 + number, passed=0) for number in range(20))


def test_refusals_at_the_first_pace_say_nothing() -> None:
    """It was measured while the server let a burst pass, and may be far too fast."""
    scatter = Scatter()
    scatter.begin(100.0)
    assert not any(refuse(scatter, 1.0 + number) for number in range(20))


def test_refusals_at_a_stated_limit_tell_something_at_once() -> None:
    scatter = begun(stated=True)
    assert [refuse(scatter, 1.0 + number) for number in range(2)] == [False, True]


def test_what_was_sent_before_the_cut_is_no_evidence() -> None:
    scatter = begun()
    assert not any(refuse(scatter, 1.0, after_cut=False) for _ in range(20))


def test_a_finding_that_brings_many_refusals_is_taken_back_and_the_next_needs_more() -> None:
    scatter = found()
    for number in range(20):
        refuse(scatter, 5.0 + number, passed=1, pace=None)
    assert not scatter.found
    again = [refuse(scatter, 50.0 + number) for number in range(2 * LEAST_REFUSED)]
    assert again.index(True) == 2 * LEAST_REFUSED - 1


def answer(scatter: Scatter, answers: int, *, per_s: float, refused_each: int) -> None:
    """One of so many requests is refused."""
    number = 0
    while answers:
        number += 1
        sent = scatter.sent(5.0 + number / per_s)
        if number % refused_each == 0:
            scatter.refused(sent, sent.at_s + 0.01, None, after_cut=True)
        else:
            scatter.accepted(sent, sent.at_s + 0.1, None)
            answers -= 1


def test_refusals_that_bring_no_more_answers_are_taken_back() -> None:
    """Ten a second, as many as at the pace that was lifted."""
    scatter = found()
    answer(scatter, TRIED, per_s=PACE, refused_each=10)
    assert not scatter.found


def test_a_stated_limit_need_not_be_surpassed_for_a_finding_to_stay() -> None:
    """It is kept all the same; what the finding brings is that nobody pauses."""
    scatter = begun(stated=True)
    assert [refuse(scatter, 1.0 + number) for number in range(2)] == [False, True]
    answer(scatter, TRIED, per_s=PACE, refused_each=10)
    assert scatter.found


def test_a_finding_that_costs_nothing_stays() -> None:
    """No more answers, and hardly a refusal: nobody has to pause for the next one."""
    scatter = found()
    answer(scatter, 1_000, per_s=PACE, refused_each=100)
    assert scatter.found


def test_a_finding_that_pays_stays() -> None:
    """A tenth of all requests is refused, and ten times as many are answered."""
    scatter = found()
    answer(scatter, 5_000, per_s=10 * PACE, refused_each=10)
    assert scatter.found
