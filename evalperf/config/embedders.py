"""What turns texts into vectors: one section per way."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evalperf.config.budget import PricesConfig
from evalperf.config.providers_http import HttpProvider
from evalperf.config.section import PositiveS, Section

__all__ = ["AnyEmbedder", "EmbedderConfig", "FunctionEmbedder", "LocalEmbedder", "OpenAIEmbedder"]

BatchBound = Annotated[int, Field(ge=1, le=100_000)]

_NOT_FOR_EMBEDDERS = frozenset({"weight", "max_in_flight", "requests_per_minute", "tokens_per_minute"})


class OpenAIEmbedder(HttpProvider):
    """Servers with OpenAI's `/embeddings`: OpenAI, Azure, vLLM, TEI, Ollama, llama.cpp, LM Studio, gateways.

    The least busy endpoint is asked, and the next one where that one is in trouble.
    """

    type: Literal["openai"]
    model: str
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """Length of the vectors, for models that can shorten them; another length in a reply is a failure."""
    encoding: Literal["base64", "float"] = "base64"
    """How vectors come: `base64` takes a third of the bytes; `float` is for servers that refuse it."""
    max_batch_size: BatchBound = 2048
    """Most texts in one call; OpenAI takes no more than 2048."""
    max_reply_bytes: Annotated[int, Field(ge=1_000)] = 128 * 1024 * 1024
    """A longer reply is a failure, so that no server can fill the memory."""

    @model_validator(mode="after")
    def _without_pacing(self) -> OpenAIEmbedder:
        for endpoint in self.endpoints:
            if unused := sorted(_NOT_FOR_EMBEDDERS & endpoint.model_fields_set):
                raise ValueError(f"{', '.join(unused)} does not hold for the endpoints of an embedder: leave it out")
        return self


class FunctionEmbedder(Section):
    """A Python function that gets a list of texts and returns a vector for each; it may be async."""

    type: Literal["function"]
    call: str
    """"package.module:name"."""
    options: dict[str, Any] = {}
    """Passed on as keyword arguments."""
    max_batch_size: BatchBound = 2048
    """Most texts in one call."""
    timeout_s: PositiveS = 60
    """For one call."""
    prices: PricesConfig | None = None
    """What tokens cost, for the budget: a function does not state what it used, so its tokens are estimated."""


class LocalEmbedder(Section):
    """A static embedding model in a folder, as model2vec writes them; computed here, needs the extra `semantic`."""

    type: Literal["local"]
    path: str
    """The folder with tokenizer.json and model.safetensors; relative to the configuration's folder."""
    max_batch_size: BatchBound = 2048
    """Most texts that are computed at once."""


AnyEmbedder = OpenAIEmbedder | FunctionEmbedder | LocalEmbedder
EmbedderConfig = Annotated[AnyEmbedder, Field(discriminator="type")]
