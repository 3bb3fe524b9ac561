"""Files of cases become `Case` records and prompts."""

from evalperf.cases.batches import read_batches
from evalperf.cases.prompt import Prompt, PromptError, build_prompt
from evalperf.cases.rejected import Rejected
from evalperf.cases.repeated_keys import RepeatedKeys, find_repeated_keys
from evalperf.cases.survey import InputFile, Survey, survey
from evalperf.cases.where import parse_where

__all__ = [
    "InputFile",
    "Prompt",
    "PromptError",
    "Rejected",
    "RepeatedKeys",
    "Survey",
    "build_prompt",
    "find_repeated_keys",
    "parse_where",
    "read_batches",
    "survey",
]
