"""The protocols that the simulator speaks, the server's side of them: bytes in, bodies and chunks out, nothing sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalperf.simulator.api.asked import EMBEDDING, Answer, Asked, Chunk, Exchange, Refused, Stamp, cut
from evalperf.simulator.api.completions import parse_chat, parse_completions
from evalperf.simulator.api.embeddings import parse_embeddings
from evalperf.simulator.api.messages import parse_messages
from evalperf.simulator.api.responses import parse_responses
from evalperf.simulator.api.vendors import ANTHROPIC, OPENAI, Vendor

__all__ = [
    "ANTHROPIC",
    "EMBEDDING",
    "OPENAI",
    "ROUTES",
    "Answer",
    "Asked",
    "Chunk",
    "Exchange",
    "Parse",
    "Refused",
    "Stamp",
    "Vendor",
    "cut",
]

Parse = Callable[[bytes, Sequence[str]], Exchange]
"""From a body and the names of the models; raises Refused."""

ROUTES: dict[str, tuple[Parse, Vendor]] = {
    "/v1/chat/completions": (parse_chat, OPENAI),
    "/v1/completions": (parse_completions, OPENAI),
    "/v1/responses": (parse_responses, OPENAI),
    "/v1/embeddings": (parse_embeddings, OPENAI),
    "/v1/messages": (parse_messages, ANTHROPIC),
}
"""What is posted where."""
