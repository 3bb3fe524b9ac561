"""What a resumed run says before its first case."""

import pytest

from evalperf.errors import StoppedError
from evalperf.results import Recovered
from evalperf.resumed import SHOWN, tell_of_earlier_sessions


def told(recovered: Recovered, in_doubt: str = "retry") -> list[str]:
    sentences: list[str] = []
    tell_of_earlier_sessions(recovered, in_doubt, sentences.append)
    return sentences


def test_of_a_run_that_was_left_in_order_there_is_nothing_to_tell() -> None:
    assert told(Recovered(done=10, replayable=3)) == []


def test_damage_is_named_and_what_is_beyond_the_limit_is_counted() -> None:
    assert told(Recovered(damage=("one", "two"))) == ["one", "two"]
    assert told(Recovered(damage=("x",) * 25))[SHOWN:] == ["and 5 more of these; evalperf doctor shows them all"]


def test_calls_in_doubt_are_counted_with_what_becomes_of_them() -> None:
    assert "1 call was under way" in told(Recovered(in_doubt=1))[0]
    assert "1,200 calls were" in told(Recovered(in_doubt=1200))[0]
    assert "may be billed twice" in told(Recovered(in_doubt=2))[0]
    assert "given up" in told(Recovered(in_doubt=2), "skip")[0]


def test_who_wants_to_be_asked_is_told_both_ways_to_go_on() -> None:
    with pytest.raises(StoppedError) as caught:
        told(Recovered(in_doubt=2), "ask")
    assert caught.value.hint is not None
    assert "--in-doubt retry" in caught.value.hint
    assert "--in-doubt skip" in caught.value.hint
    assert told(Recovered(), "ask") == []
