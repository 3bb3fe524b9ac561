"""What a request will cost in tokens, before anybody knows."""

from __future__ import annotations

__all__ = ["TokenEstimate"]

BYTES_PER_TOKEN = 4.0
UNKNOWN_OUTPUT_TOKENS = 256.0
SHARE = 0.05


class TokenEstimate:
    """Estimates by the request's size and the answers so far; better with each reply that states its usage.

    The size is taken in UTF-8 bytes: four a token is usual for English, and the true ratio is learned. Means and not
    percentiles: over- and underestimates cancel in a bucket that is settled.
    """

    __slots__ = ("_output_tokens", "_tokens_per_byte")

    def __init__(self) -> None:
        self._tokens_per_byte = 1 / BYTES_PER_TOKEN
        self._output_tokens: float | None = None

    def tokens(self, size_bytes: int, max_output_tokens: int | None = None) -> int:
        """Input and output tokens of a request; `max_output_tokens` is what it allows the answer, where it does."""
        if self._output_tokens is None:
            output_tokens = UNKNOWN_OUTPUT_TOKENS if max_output_tokens is None else float(max_output_tokens)
        elif max_output_tokens is None:
            output_tokens = self._output_tokens
        else:
            output_tokens = min(self._output_tokens, max_output_tokens)
        return round(size_bytes * self._tokens_per_byte + output_tokens)

    def learn(self, size_bytes: int, input_tokens: int, output_tokens: int) -> None:
        """What a request of that size has cost."""
        if size_bytes > 0:
            self._tokens_per_byte += SHARE * (input_tokens / size_bytes - self._tokens_per_byte)
        known = self._output_tokens
        self._output_tokens = float(output_tokens) if known is None else known + SHARE * (output_tokens - known)
