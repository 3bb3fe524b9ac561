"""From events to numbers: cheap to feed, and copied into a `Snapshot` once per tick."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from operator import add
from typing import Any

from evalperf.dashboard.eta import WINDOW_S, Eta, Second, estimate
from evalperf.dashboard.happenings import Happenings
from evalperf.dashboard.histogram import BUCKETS, bucket_of
from evalperf.dashboard.snapshot import EndpointNumbers, MachineNumbers, ScorerNumbers, Snapshot, Wait
from evalperf.dashboard.tallies import EndpointTally, ScorerTally
from evalperf.events import (
    BreakerChanged,
    CaseFinished,
    CaseRetried,
    CaseStarted,
    Event,
    InputEnded,
    Noticed,
    RunFinished,
    RunStarted,
    Sampled,
    Throttled,
)
from evalperf.records import Result

__all__ = ["DashboardState"]


class DashboardState:
    """Follows one run. `observe` costs about a microsecond; memory is the same for any number of cases."""

    def __init__(self) -> None:
        self._run: RunStarted | None = None
        self._end: RunFinished | None = None
        self._input: InputEnded | None = None
        self._sample: Sampled | None = None
        self._started = 0
        self._retried = 0
        self._finished = 0
        self._failed = 0
        self._cached = 0
        self._input_tokens = 0
        self._output_tokens = 0
        self._tokens_known = False
        self._cost_usd: float | None = None
        self._ttft = [0] * BUCKETS
        self._endpoints: dict[str | None, EndpointTally] = {}
        self._scorers: dict[str, ScorerTally] = {}
        self._failures: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._waits: dict[str, Wait] = {}
        self._limited: Counter[str] = Counter()
        self._rss: deque[int] = deque(maxlen=WINDOW_S)
        self._happenings = Happenings()
        self._seconds: deque[Second] = deque(maxlen=WINDOW_S)
        self._second_ends_s = float("inf")
        self._at_second = (0, 0, 0)  # finished, cached and output tokens when the present second began
        self._peak: int | None = None
        self._on: dict[type, Callable[[Any], None]] = {
            RunStarted: self._on_run_started,
            CaseStarted: self._on_case_started,
            CaseRetried: self._on_case_retried,
            Throttled: self._on_throttled,
            BreakerChanged: self._on_breaker_changed,
            CaseFinished: self._on_case_finished,
            InputEnded: self._on_input_ended,
            Sampled: self._on_sampled,
            Noticed: self._on_noticed,
            RunFinished: self._on_run_finished,
        }

    def observe(self, event: Event) -> None:
        """Takes an event into account; kinds that this display does not know are passed over."""
        handler = self._on.get(type(event))
        if handler is not None:
            handler(event)

    # every case ------------------------------------------------------------------------------------------------------

    def _on_case_started(self, _event: CaseStarted) -> None:
        self._started += 1

    def _on_case_finished(self, event: CaseFinished) -> None:
        if event.at_s >= self._second_ends_s:
            self._close_seconds(event.at_s)
        result = event.result
        self._finished += 1
        endpoint = self._endpoint(result.endpoint)
        endpoint.answered += 1
        if result.latency_s is not None:
            endpoint.latency[bucket_of(result.latency_s)] += 1
        if result.ttft_s is not None:
            self._ttft[bucket_of(result.ttft_s)] += 1
        if result.failure is not None:
            self._count_failure(event.at_s, result, endpoint)
        for name, score in result.scores.items():
            value = score.value
            if value is not None:
                numbers = self._scorers.get(name) or self._scorers.setdefault(name, ScorerTally())
                numbers.n += 1
                numbers.total += value
                numbers.squares += value * value
        if result.cached is not None:
            self._cached += 1
        elif result.usage is not None:
            self._tokens_known = True
            self._input_tokens += result.usage.input_tokens
            self._output_tokens += result.usage.output_tokens
        if result.cost_usd is not None:
            self._cost_usd = result.cost_usd + (self._cost_usd or 0.0)

    def _count_failure(self, at_s: float, result: Result, endpoint: EndpointTally) -> None:
        failure = result.failure
        assert failure is not None  # noqa: S101 - checked by the caller
        self._failed += 1
        self._failures[failure.kind] += 1
        if failure.kind != "scorer":  # the endpoint has answered then
            endpoint.failed += 1
            endpoint.rate_limited += failure.kind == "rate_limited"
        self._happenings.failed(at_s, result, failure)

    def _on_case_retried(self, event: CaseRetried) -> None:
        self._retried += 1
        self._retries[event.kind] += 1
        endpoint = self._endpoint(event.endpoint)
        endpoint.retried += 1
        endpoint.rate_limited += event.kind == "rate_limited"
        self._happenings.retried(event)

    def _on_throttled(self, event: Throttled) -> None:
        before = self._waits.get(event.reason, Wait(0, 0.0))
        self._waits[event.reason] = Wait(before.count + 1, before.total_s + event.wait_s)

    def _on_breaker_changed(self, event: BreakerChanged) -> None:
        self._happenings.breaker_changed(event)

    def _endpoint(self, name: str | None) -> EndpointTally:
        return self._endpoints.get(name) or self._endpoints.setdefault(name, EndpointTally())

    # the run ---------------------------------------------------------------------------------------------------------

    def _on_run_started(self, event: RunStarted) -> None:
        self._run = event
        self._second_ends_s = event.at_s + 1

    def _on_run_finished(self, event: RunFinished) -> None:
        self._close_seconds(event.at_s)
        self._end = event

    def _on_input_ended(self, event: InputEnded) -> None:
        self._input = event

    def _on_sampled(self, event: Sampled) -> None:
        self._sample = event
        self._limited[event.limited_by] += 1
        self._rss.append(event.rss_bytes)

    def _on_noticed(self, event: Noticed) -> None:
        self._happenings.noticed(event)

    def _close_seconds(self, now_s: float) -> None:
        """Moves what has finished since into the second that has ended; seconds in which nothing did are zeros."""
        finished, cached, tokens = self._at_second
        while now_s >= self._second_ends_s:
            seconds = self._finished - finished
            self._seconds.append(Second(seconds, seconds - self._cached + cached, self._output_tokens - tokens))
            self._peak = max(seconds, self._peak or 0)
            finished, cached, tokens = self._finished, self._cached, self._output_tokens
            missed_s = now_s - self._second_ends_s
            self._second_ends_s += 1 if missed_s < WINDOW_S + 1 else int(missed_s) - WINDOW_S  # after a long sleep
        self._at_second = (finished, cached, tokens)

    # what is shown ---------------------------------------------------------------------------------------------------

    def snapshot(self, now_s: float) -> Snapshot:
        """The numbers at this moment; `now_s` is on the clock of the events."""
        run, sample = self._run, self._sample
        if self._end is None:
            self._close_seconds(now_s)
        seconds, total = tuple(self._seconds), self._total()
        resumed = 0 if run is None else run.resumed
        return Snapshot(
            status=self._status(),
            run_id="" if run is None else run.run_id,
            run_dir="" if run is None else run.run_dir,
            name="" if run is None else run.name,
            model=None if run is None else run.model,
            elapsed_s=self._elapsed_s(now_s),
            total=total,
            resumed=resumed,
            ok=self._finished - self._failed,
            failed=self._failed,
            cached=self._cached,
            caches=run is not None and run.caches,
            retried=self._retried,
            in_flight=max(0, self._started - self._retried - self._finished),
            workers=sample.workers if sample is not None else 0 if run is None else run.workers,
            seconds=seconds,
            peak_per_s=self._peak,
            eta=None if total is None else self._eta(seconds, total - resumed - self._finished),
            latency=self._latency(),
            ttft=tuple(self._ttft),
            failures=dict(self._failures.most_common()),
            retries=dict(self._retries.most_common()),
            waits=dict(self._waits),
            scorers=self._scorer_numbers(),
            endpoints=self._endpoint_numbers(),
            input_tokens=self._input_tokens if self._tokens_known else None,
            output_tokens=self._output_tokens if self._tokens_known else None,
            cost_usd=self._cost_usd,
            limited_by=None if sample is None else sample.limited_by,
            limited_shares={k: n / self._limited.total() for k, n in self._limited.most_common()},
            machine=None if sample is None else self._machine(sample),
            happenings=self._happenings.latest(0.0 if run is None else run.at_s),
        )

    def _eta(self, seconds: tuple[Second, ...], remaining: int) -> Eta | None:
        return estimate(seconds, max(0, remaining)) if self._end is None else None

    def _status(self) -> str:
        if self._end is not None:
            return self._end.status
        return "starting" if self._run is None else "running"

    def _elapsed_s(self, now_s: float) -> float:
        if self._run is None:
            return 0.0
        return (now_s if self._end is None else self._end.at_s) - self._run.at_s

    def _total(self) -> int | None:
        """What was announced, as an input that ends early may be one that was stopped; else what was read."""
        if self._run is None:
            return None
        if self._end is not None and self._end.status == "complete":
            return self._run.resumed + self._finished
        if self._run.total is None and self._input is not None:
            return self._run.resumed + self._input.cases
        return self._run.total

    def _latency(self) -> tuple[int, ...]:
        total = [0] * BUCKETS
        for endpoint in self._endpoints.values():
            total = list(map(add, total, endpoint.latency))
        return tuple(total)

    def _scorer_numbers(self) -> tuple[ScorerNumbers, ...]:
        known = () if self._run is None else self._run.scorers
        names = [name for name in known if name in self._scorers] + [n for n in self._scorers if n not in known]
        return tuple(self._scorers[name].numbers(name) for name in names)

    def _endpoint_numbers(self) -> tuple[EndpointNumbers, ...]:
        """Those that have answered, or that a sample has shown."""
        samples = {} if self._sample is None else {one.name: one for one in self._sample.endpoints}
        names = [*samples, *(name for name in self._endpoints if name is not None and name not in samples)]
        return tuple((self._endpoints.get(name) or EndpointTally()).numbers(name, samples.get(name)) for name in names)

    def _machine(self, sample: Sampled) -> MachineNumbers:
        return MachineNumbers(
            cpu_share=sample.cpu_share,
            rss_bytes=sample.rss_bytes,
            rss_history=tuple(self._rss),
            waiting_retries=sample.waiting_retries,
            queued_cases=sample.queued_cases,
            queued_results=sample.queued_results,
            loop_lag_s=sample.loop_lag_s,
        )
