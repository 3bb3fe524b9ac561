"""How many tokens prompts and answers will have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from evalperf.config.model import RunConfig
from evalperf.estimate.earlier import Earlier
from evalperf.estimate.population import Population, Sampled
from evalperf.estimate.ranges import Range, exactly, mean_of_draws, ratio_of_pairs, total_of_sample

__all__ = ["TokenRules", "token_rules"]

TOKENS_PER_BYTE = Range(1 / 5, 1 / 4, 1 / 2)
"""Of UTF-8, over tokenizers in use: English prose 4 to 5 bytes a token, code 3 to 4, figures and JSON 2 to 3, Chinese 3
to 5 (each character is 3 bytes); the newest tokenizers take up to a third more tokens than those of 2024."""

TOKENS_PER_MESSAGE = Range(0.0, 4.0, 10.0)
"""What a chat template puts around each message."""


class TokenRules(Struct, frozen=True, kw_only=True):
    """From what is sampled to tokens."""

    per_byte: Range
    per_message: Range
    per_answer: Range
    """Output tokens of one request."""
    notes: tuple[str, ...]

    def input_tokens(self, sample: Sequence[Sampled], asked: Sequence[int], cases: int) -> Range:
        """Of all requests: each sampled case with the number of its requests that will be made."""
        text = total_of_sample([one.text_bytes * times for one, times in zip(sample, asked, strict=True)], cases)
        around = total_of_sample([one.messages * times for one, times in zip(sample, asked, strict=True)], cases)
        whole, frame = text.times(self.per_byte), around.times(self.per_message)
        if any(one.opaque and times for one, times in zip(sample, asked, strict=True)):
            return Range(whole.low, None, None)
        highs = (whole.high, frame.high)
        return Range(
            whole.low + frame.low,
            (whole.expected or 0.0) + (frame.expected or 0.0),
            None if highs[0] is None or highs[1] is None else highs[0] + highs[1],
        )


def token_rules(config: RunConfig, population: Population, earlier: Earlier | None, requests: Range) -> TokenRules:
    """By the usage of the earlier run where there is one, else by rules of thumb and what `max_tokens` allows."""
    most = _max_output_tokens(config)
    notes: list[str] = []
    per_byte, per_message = TOKENS_PER_BYTE, TOKENS_PER_MESSAGE
    ratio = None if earlier is None else _ratio(population, earlier)
    if earlier is not None and ratio is not None:
        per_byte, per_message = ratio, exactly(0.0)  # what stands around the messages is in the ratio
        pairs = sum(seq in population.paired for seq in earlier.usages)
        notes.append(f"tokens a byte: from {pairs:,} prompts of {earlier.run_id} and the usage they had")
    else:
        notes.append("tokens a byte: 1/4, between 1/5 and 1/2 (rule of thumb; no earlier run with these cases)")
    if earlier is not None:
        lengths = [float(usage.output_tokens) for usage in earlier.usages.values()]
        per_answer = _at_most(mean_of_draws(lengths, requests.expected or 1.0), most)
        notes.append(f"output tokens: from {len(lengths):,} answers of {earlier.run_id}")
        if len(lengths) < population.cases and _are_the_first(earlier):
            notes.append("they are the first cases of the input, which may not be like the rest: --sample is fairer")
    else:
        per_answer = Range(0.0, None, most)
        bound = "nothing bounds them" if most is None else f"at most {most:,.0f} a request, by params"
        notes.append(f"output tokens: not known before a run; {bound}")
    return TokenRules(per_byte=per_byte, per_message=per_message, per_answer=per_answer, notes=tuple(notes))


def _are_the_first(earlier: Earlier) -> bool:
    return earlier.same_inputs and max(earlier.usages) <= 1.1 * len(earlier.usages)


def _ratio(population: Population, earlier: Earlier) -> Range | None:
    pairs = [
        (float(population.paired[seq].text_bytes), float(usage.input_tokens))
        for seq, usage in earlier.usages.items()
        if seq in population.paired and not population.paired[seq].opaque
    ]
    return ratio_of_pairs(pairs)


def _max_output_tokens(config: RunConfig) -> float | None:
    """What the request allows, over all the answers that it asks for."""
    params: dict[str, Any] = getattr(config.provider, "params", {})
    answers = params.get("n", 1)
    for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        if isinstance(params.get(name), int):
            return float(params[name] * (answers if isinstance(answers, int) else 1))
    return None


def _at_most(found: Range, most: float | None) -> Range:
    if most is None:
        return found
    expected = None if found.expected is None else min(found.expected, most)
    return Range(min(found.low, most), expected, most if found.high is None else min(found.high, most))
