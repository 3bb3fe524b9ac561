"""The options of the scorer that runs code."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from evalperf.config.scorer_options import Fences, ScorerOptions

__all__ = ["CodeScorer"]


class CodeScorer(ScorerOptions):
    """The answer is code: it is run with tests, in a process with limits. Limits damage, does not contain it."""

    type: Literal["code"]
    allow_code: bool = False
    """Must be true: the scorer runs on this machine what a model has written."""
    program: Annotated[str, Field(min_length=1)] = "{{ answer }}\n{{ target }}"
    """What is run; answer, input, target and metadata.NAME are filled in, a list of texts line by line."""
    fences: Fences = False
    """`true` takes off a ``` fence around the whole answer, `anywhere` takes what stands in one of its fences."""
    which: Literal["last", "first"] = "last"
    """Which of them, where there is more than one."""
    argv: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None = None
    """What runs the program, whose path is appended: it passes with exit code 0. Absent, this Python runs it, and it
    passes once it has come to its last line."""
    packages: bool = False
    """Whether this Python's installed packages may be imported, or only the standard library."""
    file_name: Annotated[str, Field(pattern=r"^[\w.-]*\w$", max_length=100)] = "program.py"
    """What the program's file is called."""
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 10
    """For one program; past it the answer is wrong."""
    cpu_s: Annotated[int, Field(ge=1)] | None = None
    """Processor time of one of its processes; absent, a second more than `timeout_s`."""
    memory_mb: Annotated[int, Field(ge=16)] = 1024
    """Address space of one of its processes."""
    file_mb: Annotated[int, Field(ge=1)] = 16
    """The largest file that it may write; its output counts as one."""
    processes: Annotated[int, Field(ge=1)] = 32
    """The most that run at once."""
    isolation: Literal["try", "require", "off"] = "try"
    """No network, no other processes, no files but its own, by Linux namespaces: `require` refuses to run without."""
    max_parallel: Annotated[int, Field(ge=1, le=256)] | None = None
    """Most programs at once; absent, one for each CPU."""

    @property
    def needs_target(self) -> bool:
        """Where the program is made with it."""
        return re.search(r"\{\{\s*target\s*\}\}", self.program) is not None

    @model_validator(mode="after")
    def _allowed(self) -> CodeScorer:
        if not self.allow_code:
            raise ValueError('runs what a model has written on this machine: "allow_code": true says that it may')
        return self

    @model_validator(mode="after")
    def _options_are_used(self) -> CodeScorer:
        if self.fences != "anywhere" and "which" in self.model_fields_set:
            raise ValueError('"which" needs "fences": "anywhere"')
        if self.argv is not None and "packages" in self.model_fields_set:
            raise ValueError('"packages" is about this Python: leave out "argv"')
        return self
