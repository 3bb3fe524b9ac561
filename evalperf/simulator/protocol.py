"""OpenAI's HTTP protocol, the server's side of it: requests in, bodies and stream chunks out, nothing sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
import orjson
import xxhash
from msgspec import Meta, Struct

__all__ = [
    "Answer",
    "Asked",
    "Refused",
    "Stamp",
    "body",
    "chunks",
    "cut",
    "error_body",
    "parse_chat",
    "parse_completions",
]

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


class Refused(Exception):  # noqa: N818 - an answer of the server, not a fault of it
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


class Asked(Struct, frozen=True, kw_only=True):
    """A request that can be answered."""

    chat: bool
    model: str
    questions: tuple[str, ...]
    """What the solver gets: the last user message, or each prompt."""
    content: int
    """A hash of the model and all messages or prompts, not of the sampling parameters."""
    input_tokens: int
    n: int
    stream: bool
    include_usage: bool
    max_tokens: int | None
    stop: tuple[str, ...]


class Answer(Struct, frozen=True):
    """One choice of a reply."""

    text: str
    finish_reason: Literal["stop", "length"]
    tokens: tuple[str, ...]
    """The text in pieces, as they are counted and streamed."""


class Stamp(Struct, frozen=True):
    """What marks a reply."""

    id: str
    created: int
    """Unix time."""


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Sampling(Struct, kw_only=True):
    model: str
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: str | list[str] | None = None


class _ChatRequest(_Sampling, kw_only=True):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None


class _CompletionsRequest(_Sampling, kw_only=True):
    prompt: str | list[str]


_chat_decoder = msgspec.json.Decoder(_ChatRequest)
_completions_decoder = msgspec.json.Decoder(_CompletionsRequest)


def parse_chat(data: bytes, models: Sequence[str]) -> Asked:
    """A request to `/chat/completions`; raises Refused with 400 or 404."""
    request = _decode(_chat_decoder, data)
    _check_model(request.model, models)
    texts = [_text(message) for message in request.messages]
    spoken = [text for message, text in zip(request.messages, texts, strict=True) if message.role == "user"]
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    return _asked(request, chat=True, questions=(spoken[-1] if spoken else texts[-1],), content=texts, max_tokens=limit)


def parse_completions(data: bytes, models: Sequence[str]) -> Asked:
    """A request to `/completions`; raises Refused with 400 or 404."""
    request = _decode(_completions_decoder, data)
    _check_model(request.model, models)
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    if not prompts:
        raise Refused(400, "prompt: the list is empty", param="prompt")
    return _asked(request, chat=False, questions=tuple(prompts), content=prompts, max_tokens=request.max_tokens)


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        named = re.search(r"(?:at `\$\.|field `)(\w+)", str(error))
        raise Refused(400, str(error), param=named[1] if named else None) from None
    except msgspec.DecodeError as error:
        raise Refused(400, f"We could not parse the JSON body of your request: {error}") from None


def _check_model(model: str, models: Sequence[str]) -> None:
    if model not in models:
        known = ", ".join(models)
        raise Refused(
            404, f"The model `{model}` does not exist; there is {known}.", param="model", code="model_not_found"
        )


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(str(part.get("text", "")) for part in message.content)
    return message.content or ""


def _asked(
    request: _Sampling, *, chat: bool, questions: tuple[str, ...], content: list[str], max_tokens: int | None
) -> Asked:
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    options = request.stream_options
    return Asked(
        chat=chat,
        model=request.model,
        questions=questions,
        content=xxhash.xxh3_64_intdigest(orjson.dumps([request.model, *content])),
        input_tokens=sum(len(_TOKEN.findall(text)) for text in content),
        n=1 if request.n is None else request.n,
        stream=bool(request.stream),
        include_usage=options is not None and bool(options.include_usage),
        max_tokens=max_tokens,
        stop=tuple(text for text in stop if text),
    )


def cut(text: str, asked: Asked) -> Answer:
    """The text as far as `stop` and `max_tokens` let it come; a token is a word or a mark with the space before it."""
    for stop in asked.stop:
        text = text.partition(stop)[0]
    tokens = tuple(_TOKEN.findall(text))
    if asked.max_tokens is None or len(tokens) <= asked.max_tokens:
        return Answer(text, "stop", tokens)
    tokens = tokens[: asked.max_tokens]
    return Answer("".join(tokens), "length", tokens)


def body(asked: Asked, answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:
    """The reply in one piece."""
    choices = [
        {"index": index, **_whole(asked, answer), "logprobs": None, "finish_reason": answer.finish_reason}
        for index, answer in enumerate(answers)
    ]
    name = "chat.completion" if asked.chat else "text_completion"
    return {**_head(asked, stamp, name), "choices": choices, "usage": _usage(asked, answers)}


def chunks(asked: Asked, answers: Sequence[Answer], stamp: Stamp) -> Iterator[tuple[bytes, bool]]:
    """The reply as server-sent events, and for each whether it carries text."""
    head = _head(asked, stamp, "chat.completion.chunk" if asked.chat else "text_completion")
    if asked.include_usage:
        head["usage"] = None
    for index, answer in enumerate(answers):
        if asked.chat:
            yield _event(head, index, {"delta": {"role": "assistant", "content": ""}}, None), False
        for token in answer.tokens:
            yield _event(head, index, {"delta": {"content": token}} if asked.chat else {"text": token}, None), True
        yield _event(head, index, {"delta": {}} if asked.chat else {"text": ""}, answer.finish_reason), False
    if asked.include_usage:
        yield _data({**head, "choices": [], "usage": _usage(asked, answers)}), False
    yield b"data: [DONE]\n\n", False


def error_body(message: str, *, type: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:  # noqa: A002 - the protocol's word
    """An error as OpenAI's clients expect it."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def _head(asked: Asked, stamp: Stamp, name: str) -> dict[str, Any]:
    prefix = "chatcmpl" if asked.chat else "cmpl"
    return {"id": f"{prefix}-{stamp.id}", "object": name, "created": stamp.created, "model": asked.model}


def _whole(asked: Asked, answer: Answer) -> dict[str, Any]:
    if asked.chat:
        return {"message": {"role": "assistant", "content": answer.text, "refusal": None}}
    return {"text": answer.text}


def _usage(asked: Asked, answers: Sequence[Answer]) -> dict[str, int]:
    output_tokens = sum(len(answer.tokens) for answer in answers)
    return {
        "prompt_tokens": asked.input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": asked.input_tokens + output_tokens,
    }


def _event(head: dict[str, Any], index: int, part: dict[str, Any], finish_reason: str | None) -> bytes:
    choice = {"index": index, **part, "logprobs": None, "finish_reason": finish_reason}
    return _data({**head, "choices": [choice]})


def _data(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
