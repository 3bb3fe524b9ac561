"""One attempt: journal, endpoint, failure, retry, in that order."""

from __future__ import annotations

import msgspec
import pytest

from evalperf.errors import ConfigError, ProviderError, StoppedError
from evalperf.pipeline.caller import FOR_A_DESCRIPTOR_S
from evalperf.pipeline.job import Again
from evalperf.providers import LocalFault, WrongAddress
from evalperf.records import Call, Completion, Response, Unanswered
from evalperf.resilience import CircuitState
from tests.support.fakes import FakeJournal, ScriptedProvider, answer, busy, caller, job, request
from tests.support.virtual_loop import run_virtual


async def attempt(one, of):
    return await one.attempt(of, request(of))


def test_latency_is_the_endpoints_alone() -> None:
    """The intent's way to the disk is not in it."""
    provider = ScriptedProvider(lambda _, __: answer(), latency_s=0.25)
    response = run_virtual(attempt(caller([provider], journal=FakeJournal()), job()))
    assert isinstance(response, Response)
    assert response.call == Call(endpoint="scripted", attempts=1, latency_s=pytest.approx(0.25))


def test_the_intent_goes_before_the_call_and_the_answer_after_it() -> None:
    journal = FakeJournal()
    provider = ScriptedProvider(lambda _, __: answer("7"))
    run_virtual(attempt(caller([provider], journal=journal), job()))
    assert [told[:3] for told in journal.told] == [("intent", 1, 1), ("response", 1, 1)]
    stored = msgspec.json.decode(journal.told[1][3], type=Response)
    assert stored.completion.text == "7"


def test_an_answer_bought_before_a_crash_is_not_bought_again() -> None:
    """It comes back as it was, attempts and latency included."""
    bought = Response(completion=Completion(text="7"), call=Call(endpoint="a", attempts=3, latency_s=1.5))
    journal = FakeJournal({(1, 1): msgspec.json.encode(bought)})
    provider = ScriptedProvider(lambda _, __: answer())
    assert run_virtual(attempt(caller([provider], journal=journal), job())) == bought
    assert provider.asked == []


def test_a_call_in_doubt_that_may_not_be_made_again_is_given_up() -> None:
    """No call, and a failure that a later session may take up."""
    journal = FakeJournal()
    journal.doubtful.add((1, 1))
    provider = ScriptedProvider(lambda _, __: answer())
    outcome = run_virtual(attempt(caller([provider], journal=journal), job()))
    assert isinstance(outcome, Unanswered)
    assert (outcome.failure.kind, outcome.failure.retryable, outcome.call.attempts) == ("cancelled", True, 0)
    assert provider.asked == []


def test_a_failure_that_may_pass_asks_for_another_attempt() -> None:
    """The journal no longer doubts the call, and the kind is there to be told."""
    journal = FakeJournal()
    provider = ScriptedProvider(lambda _, __: busy(retry_after_s=2.0))
    of = job()
    again = run_virtual(attempt(caller([provider], journal=journal), of))
    assert isinstance(again, Again)
    assert 2.0 <= again.delay_s <= 2.2
    assert of.retry_wait_s == again.delay_s
    assert journal.told[-1] == ("abort", 1, 1)
    assert (again.kind, again.endpoint) == ("server_error", "scripted")


def test_the_last_attempt_gives_up_with_the_failure() -> None:
    provider = ScriptedProvider(lambda _, __: busy())
    of = job()
    of.attempts = 3
    of.first_sent_s = 0.0
    outcome = run_virtual(attempt(caller([provider]), of))
    assert isinstance(outcome, Unanswered)
    assert (outcome.failure.kind, outcome.failure.status, outcome.call.attempts) == ("server_error", 503, 4)


def test_a_call_for_which_this_machine_lacks_a_descriptor_is_no_attempt() -> None:
    """Neither a retry is spent nor the endpoint blamed; nothing has left, and nothing is in doubt."""
    journal = FakeJournal()
    provider = ScriptedProvider(lambda _, __: LocalFault("connection", "no descriptor", retryable=True, hint="ulimit"))
    one, of = caller([provider], journal=journal), job()
    for _ in range(50):  # far more than the attempts that a case has
        again = run_virtual(attempt(one, of))
        assert again == Again(FOR_A_DESCRIPTOR_S, "connection", "scripted")
    assert of.attempts == 0
    assert journal.told[-1] == ("abort", 1, 1)
    (endpoint,) = one._router.endpoints
    assert endpoint.breaker.state is CircuitState.CLOSED
    assert (endpoint.counts.calls, endpoint.counts.errors.total(), endpoint.limit) == (0, 0, 1)


def test_a_machine_that_stays_without_descriptors_stops_the_run() -> None:
    """Nothing fails for it, and it can be resumed."""
    provider = ScriptedProvider(lambda _, __: LocalFault("connection", "no descriptor", retryable=True, hint="ulimit"))
    of = job()
    of.first_sent_s = -21.0
    with pytest.raises(StoppedError, match="no descriptor"):
        run_virtual(attempt(caller([provider], total_s=20.0), of))


def test_no_attempt_starts_after_the_total_time() -> None:
    provider = ScriptedProvider(lambda _, __: busy(retry_after_s=50.0))
    outcome = run_virtual(attempt(caller([provider], total_s=20.0), job()))
    assert isinstance(outcome, Unanswered)


@pytest.mark.parametrize("kind", ["auth", "quota"])
def test_what_every_case_would_share_stops_the_run(kind: str) -> None:
    """Instead of failing ten thousand times."""
    provider = ScriptedProvider(lambda _, __: ProviderError(kind, "no", status=401))  # type: ignore[arg-type]
    with pytest.raises(StoppedError, match="scripted"):
        run_virtual(attempt(caller([provider]), job()))


def test_a_web_page_as_the_first_answer_is_a_wrong_address() -> None:
    provider = ScriptedProvider(lambda _, __: WrongAddress("bad_reply", "an HTML page", status=200))
    with pytest.raises(ConfigError, match="HTML page"):
        run_virtual(attempt(caller([provider]), job()))


def test_a_web_page_after_good_answers_fails_only_its_case() -> None:
    """The address is right, then."""

    def script(of, _):
        return answer() if of.seq == 1 else WrongAddress("bad_reply", "an HTML page", status=200)

    async def go() -> Unanswered:
        one = caller([ScriptedProvider(script)])
        await attempt(one, job(1))
        return await attempt(one, job(2))

    assert run_virtual(go()).failure.kind == "bad_reply"


def test_the_least_loaded_endpoint_is_asked() -> None:
    """Four calls at once over two endpoints: two each."""

    async def go() -> list[int]:
        import asyncio

        providers = [ScriptedProvider(lambda _, __: answer(), name=name) for name in "ab"]
        one = caller(providers)
        await asyncio.gather(*(attempt(one, job(seq)) for seq in range(1, 5)))
        return [provider.most_in_flight for provider in providers]

    assert run_virtual(go()) == [2, 2]


def test_a_timeout_leaves_the_call_in_doubt() -> None:
    """The server may have answered, and billed: only what is certain is taken back."""
    journal = FakeJournal()
    late = ProviderError("timeout", "no answer in 60 s", retryable=True)
    run_virtual(attempt(caller([ScriptedProvider(lambda _, __: late)], journal=journal), job()))
    assert [told[0] for told in journal.told] == ["intent"]
