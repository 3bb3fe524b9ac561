"""The breaker's whole table of states and events, and its laws under any history."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evalperf.config.resilience import CircuitBreakerConfig
from evalperf.resilience.breaker import CallOutcome, CircuitBreaker, CircuitState, Permit

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
SUCCESS, FAILURE, NEUTRAL = CallOutcome.SUCCESS, CallOutcome.FAILURE, CallOutcome.NEUTRAL
CONFIG = CircuitBreakerConfig(open_s=10)


def permit(breaker: CircuitBreaker, now_s: float) -> Permit:
    given = breaker.allow(now_s)
    assert given is not None
    return given


def fail(breaker: CircuitBreaker, times: int, now_s: float) -> None:
    for _ in range(times):
        breaker.record(permit(breaker, now_s), FAILURE, now_s)


def closed_breaker() -> tuple[CircuitBreaker, Permit, Permit]:
    """Closed at 100 s, one failure short of opening; a permit of now, and one of an earlier generation."""
    breaker = CircuitBreaker(CONFIG)
    stale = permit(breaker, 0)
    fail(breaker, 5, 0)
    for _ in range(3):
        breaker.record(permit(breaker, 50), SUCCESS, 50)
    fail(breaker, 4, 100)
    return breaker, permit(breaker, 100), stale


def opened_breaker() -> tuple[CircuitBreaker, Permit, Permit]:
    """Opened at 100 s for 10 s; what was in flight then is the only permit there can be."""
    breaker = CircuitBreaker(CONFIG)
    stale = permit(breaker, 100)
    fail(breaker, 5, 100)
    return breaker, stale, stale


def half_open_breaker() -> tuple[CircuitBreaker, Permit, Permit]:
    """Half open at 110 s with two probes that succeeded, and the last on its way."""
    breaker, stale, _ = opened_breaker()
    for _ in range(2):
        breaker.record(permit(breaker, 110), SUCCESS, 110)
    return breaker, permit(breaker, 110), stale


STATES = {"closed": closed_breaker, "open": opened_breaker, "half_open": half_open_breaker}
TABLE = [
    # state, event, state afterwards, whether that is a transition
    ("closed", "success", CLOSED, False),
    ("closed", "failure", OPEN, True),
    ("closed", "neutral", CLOSED, False),
    ("closed", "stale success", CLOSED, False),
    ("closed", "stale failure", CLOSED, False),
    ("closed", "stale neutral", CLOSED, False),
    ("open", "success", OPEN, False),
    ("open", "failure", OPEN, False),
    ("open", "neutral", OPEN, False),
    ("open", "stale success", OPEN, False),
    ("open", "stale failure", OPEN, False),
    ("open", "stale neutral", OPEN, False),
    ("half_open", "success", CLOSED, True),
    ("half_open", "failure", OPEN, True),
    ("half_open", "neutral", HALF_OPEN, False),
    ("half_open", "stale success", HALF_OPEN, False),
    ("half_open", "stale failure", HALF_OPEN, False),
    ("half_open", "stale neutral", HALF_OPEN, False),
]


@pytest.mark.parametrize(("state", "event", "after", "changes"), TABLE)
def test_every_outcome_in_every_state(state: str, event: str, after: CircuitState, changes: bool) -> None:
    breaker, current, stale = STATES[state]()
    before = breaker.state
    transition = breaker.record(stale if "stale" in event else current, CallOutcome(event.split()[-1]), 110)
    assert breaker.state is after
    assert (transition is not None) is changes
    if transition is not None:
        assert (transition.before, transition.after) == (before, after)


ALLOW = [
    # state, when, whether a call may pass, state afterwards
    ("closed", 100, True, CLOSED),
    ("open", 100, False, OPEN),
    ("open", 109.9, False, OPEN),
    ("open", 110, True, HALF_OPEN),
    ("half_open", 110, False, HALF_OPEN),
    ("half_open", 169.9, False, HALF_OPEN),
    ("half_open", 170, True, HALF_OPEN),
]


@pytest.mark.parametrize(("state", "now_s", "passes", "after"), ALLOW)
def test_a_call_is_allowed_or_not_in_every_state(state: str, now_s: float, passes: bool, after: CircuitState) -> None:
    """Probes without a verdict for 60 s are given up, and new ones let through."""
    breaker, _, _ = STATES[state]()
    assert (breaker.allow(now_s) is not None) is passes
    assert breaker.state is after


@pytest.mark.parametrize(("state", "now_s", "passes", "after"), ALLOW)
def test_the_time_until_a_call_may_pass_agrees_with_allow(
    state: str, now_s: float, passes: bool, after: CircuitState
) -> None:
    breaker, _, _ = STATES[state]()
    assert (breaker.ready_in_s(now_s) == 0) is passes


def test_the_first_probe_tells_that_the_breaker_is_half_open() -> None:
    breaker, _, _ = opened_breaker()
    first = permit(breaker, 110)
    assert first.transition is not None
    assert (first.transition.before, first.transition.after) == (OPEN, HALF_OPEN)
    assert permit(breaker, 110).transition is None


def test_only_so_many_probes_pass() -> None:
    breaker, _, _ = opened_breaker()
    assert [breaker.allow(110) is not None for _ in range(5)] == [True, True, True, False, False]


def test_a_neutral_probe_gives_its_permit_back() -> None:
    breaker, probe, _ = half_open_breaker()
    assert breaker.allow(111) is None
    breaker.record(probe, NEUTRAL, 111)
    assert breaker.allow(111) is not None


def test_a_probe_that_was_given_up_has_no_vote() -> None:
    breaker, lost, _ = half_open_breaker()
    permit(breaker, 170)
    assert breaker.record(lost, FAILURE, 171) is None
    assert breaker.state is HALF_OPEN


def test_a_success_breaks_the_row() -> None:
    breaker = CircuitBreaker(CONFIG)
    for _ in range(2):
        fail(breaker, 4, 0)
        for _ in range(5):
            breaker.record(permit(breaker, 0), SUCCESS, 0)
    assert breaker.state is CLOSED


def test_half_of_twenty_calls_within_the_window_open_it() -> None:
    """Alternately a failure and a success: never two in a row."""
    breaker = CircuitBreaker(CONFIG)
    for call in range(19):
        assert breaker.record(permit(breaker, call), FAILURE if call % 2 == 0 else SUCCESS, call) is None
    assert breaker.record(permit(breaker, 19), FAILURE, 19) is not None


def test_failures_outside_the_window_are_forgotten() -> None:
    """The same calls, but spread over 200 s: never 20 within 30 s."""
    breaker = CircuitBreaker(CONFIG)
    for call in range(100):
        breaker.record(permit(breaker, call * 10), FAILURE if call % 2 == 0 else SUCCESS, call * 10)
    assert breaker.state is CLOSED


def test_open_times_double_up_to_the_cap() -> None:
    breaker, now_s, open_times = CircuitBreaker(CONFIG), 0.0, []
    fail_until_open = permit(breaker, now_s)
    for _ in range(4):
        breaker.record(permit(breaker, now_s), FAILURE, now_s)
    transition = breaker.record(fail_until_open, FAILURE, now_s)
    for _ in range(6):
        assert transition is not None
        assert transition.open_s is not None
        open_times.append(transition.open_s)
        now_s += transition.open_s
        transition = breaker.record(permit(breaker, now_s), FAILURE, now_s)
    assert open_times == pytest.approx([10, 20, 40, 80, 120, 120])


@pytest.mark.parametrize(("draw", "expected_s"), [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_the_draw_spreads_the_open_time(draw: float, expected_s: float) -> None:
    breaker, current, _ = closed_breaker()
    transition = breaker.record(current, FAILURE, 2000, draw=draw)
    assert transition is not None
    assert transition.open_s == pytest.approx(expected_s)


def test_a_minute_closed_makes_the_next_opening_the_first_again() -> None:
    """Closed at 50 s after one opening: at 100 s it is the second, at 110 s the first."""
    for now_s, expected_s in ((109, 20.0), (110, 10.0)):
        breaker, current, _ = closed_breaker()
        transition = breaker.record(current, FAILURE, now_s)
        assert transition is not None
        assert transition.open_s == pytest.approx(expected_s)


def test_the_servers_own_wish_lengthens_the_open_time() -> None:
    breaker, current, _ = closed_breaker()
    transition = breaker.record(current, FAILURE, 110, retry_after_s=33)
    assert transition is not None
    assert transition.open_s == 33


class AnyHistory(RuleBasedStateMachine):
    """Calls begin, end in any order with any outcome, and time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.config = CircuitBreakerConfig(failure_threshold=3, window_s=10, open_s=5, half_open_calls=2)
        self.breaker = CircuitBreaker(self.config)
        self.now_s = 0.0
        self.out: list[Permit] = []
        self.opened_until_s = -1.0
        self.probes_since_s = 0.0
        self.probes = 0

    def note(self, after: CircuitState, open_s: float | None) -> None:
        if after is OPEN:
            assert open_s is not None
            self.opened_until_s = self.now_s + open_s
        if after is HALF_OPEN:
            self.probes, self.probes_since_s = 0, self.now_s

    @rule(seconds=st.floats(0, 40))
    def time_goes_by(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def ask(self) -> None:
        before = self.breaker.state
        expected = self.breaker.ready_in_s(self.now_s) == 0
        given = self.breaker.allow(self.now_s)
        assert (given is not None) == expected
        if before is OPEN and given is not None:
            assert self.now_s >= self.opened_until_s, "nothing passes before the open time is over"
        if given is None:
            return
        assert (given.transition is not None) == (before is not self.breaker.state)
        if given.transition is not None:
            self.note(given.transition.after, None)
        elif before is HALF_OPEN and self.now_s - self.probes_since_s >= 60:
            self.probes, self.probes_since_s = 0, self.now_s
        self.probes += 1
        self.out.append(given)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(CallOutcome), draw=st.floats(0, 1, exclude_max=True))
    def an_outcome(self, data: st.DataObject, outcome: CallOutcome, draw: float) -> None:
        given = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before, current = self.breaker.state, given.generation == self.breaker._generation
        transition = self.breaker.record(given, outcome, self.now_s, draw=draw)
        if not current or outcome is NEUTRAL:
            assert transition is None
        if before is HALF_OPEN and current:
            assert outcome is not FAILURE or self.breaker.state is OPEN
            self.probes -= outcome is NEUTRAL
        if transition is not None:
            assert (transition.before, transition.after) == (before, self.breaker.state)
            assert transition.after is not OPEN or 0.8 * 5 <= (transition.open_s or 0) <= 1.2 * 120
            self.note(transition.after, transition.open_s)
        else:
            assert self.breaker.state is before

    @invariant()
    def never_more_probes_than_permits(self) -> None:
        if self.breaker.state is HALF_OPEN:
            assert self.probes <= self.config.half_open_calls


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
