"""The `code` scorer: the answer is run with its tests."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from typing import Any, Final

from evalperf.config.scorers import CodeScorer
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import NO_TARGET, Scorer, targets_of
from evalperf.scorers.code_sandbox import Ended, Sandbox
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.fences import unfenced
from evalperf.scorers.judge_material import MissingFieldError
from evalperf.scorers.judge_prompt import Placeholders
from evalperf.scorers.resources import Resources

__all__ = ["code"]

_NAMES: Final = ("answer", "input", "target", "metadata.NAME")
_SAID: Final = 300  # characters of the last line


def code(config: CodeScorer, resources: Resources) -> Scorer:
    """1 and passed if the program that `program` makes of the answer succeeds.

    It is wrong, with the value 0, where the program fails, is stopped at a limit, or is no program at all. Where it
    could not be run, SandboxError makes the case a failure. `detail` says what was isolated, and shows the end of what
    a program has printed that has not passed.

    Limits keep an accident small. They do not hold a program that means harm: it can read what evalperf can read, and
    say that its tests have passed. Raises ConfigError where no program can be run here.
    """
    sandbox = Sandbox(config)
    sandbox.check()
    return _CodeScorer(config, sandbox, ResponseExtraction(config, resources.threads))


class _CodeScorer:
    def __init__(self, config: CodeScorer, sandbox: Sandbox, extraction: ResponseExtraction) -> None:
        self.name = config.name if config.name is not None else "code"
        self.weight = config.weight
        self._config = config
        self._template = Placeholders("program", config.program, _NAMES)
        self._sandbox = sandbox
        self._extraction = extraction

    async def score(self, case: Case, response: Response) -> Score:
        """Runs one program, or one a target until one passes; raises SandboxError."""
        return await self._extraction.score(case, response, self._run)

    async def _run(self, case: Case, response: Response) -> Score:
        answer = unfenced(response.completion.text, self._config.fences, self._config.which)
        targets = targets_of(case, response)
        if "target" not in self._template.names:
            return await self._run_one(case, answer, "")
        score = NO_TARGET
        for target in targets:
            score = await self._run_one(case, answer, target)
            if score.passed:
                break
        return score

    async def _run_one(self, case: Case, answer: str, target: str) -> Score:
        values = {"answer": answer, "target": target}
        try:
            others = {name: _field(case, name) for name in self._template.names - values.keys()}
        except MissingFieldError as error:
            return Score(value=None, reason=str(error))
        ended = await self._sandbox.run(self._template.fill({**values, **others}))
        return self._score(ended, answer if self._config.fences else None)

    def _score(self, ended: Ended, extracted: str | None) -> Score:
        passed = ended.status == 0 and ended.ended_by is None and (ended.done or self._config.argv is not None)
        detail: dict[str, Any] = {"isolated": list(ended.isolated)}
        if not passed and ended.output:
            detail["output"] = ended.output
        return Score(
            value=1.0 if passed else 0.0,
            passed=passed,
            reason=None if passed else self._why(ended),
            extracted=extracted,
            detail=detail,
        )

    def _why(self, ended: Ended) -> str:
        config = self._config
        if ended.ended_by == "time":
            return f"still running after {config.timeout_s:g} s"
        if ended.ended_by == "processes":
            return f"had more than {config.processes} processes"
        if ended.status == 0:
            return "ended before its last line"
        if ended.status < 0:
            return f"ended by {signal.Signals(-ended.status).name}"
        last_line = ended.output.rpartition("\n")[2].strip()
        return last_line[:_SAID] if last_line else f"exit code {ended.status}"


def _field(case: Case, name: str) -> str:
    """A field as it stands in a program: a text, or a list of texts with a line for each."""
    if name == "input":
        return _in_program(case.input if isinstance(case.input, str) else case.input[-1].get("content"))
    found: Any = case.metadata
    for key in name.split(".")[1:]:
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None:
        raise MissingFieldError(f"the case has no {name}")
    return _in_program(found)


def _in_program(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
