"""JSON that comes and goes: forgiving where an answer is at stake, and what it means that there is none."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Generic, TypeVar

import msgspec
import orjson
from msgspec import Struct

from evalperf.errors import ProviderError
from evalperf.providers.refusals import excerpt
from evalperf.records import Message

__all__ = ["BodyDecoder", "bad_reply", "encode", "fields_after", "no_text", "rendered_calls", "text_of", "too_long"]

AnyStruct = TypeVar("AnyStruct", bound=Struct)


class BodyDecoder(Generic[AnyStruct]):
    """Reads bodies of one form."""

    def __init__(self, form: type[AnyStruct]) -> None:
        self._form = form
        self._decode = msgspec.json.Decoder(form).decode

    def decode(self, body: bytes, secrets: Collection[str]) -> AnyStruct:
        """What stands in the body; raises ProviderError (`bad_reply`) where that is not of the form."""
        try:
            return self._decode(body)
        except (ValueError, RecursionError):
            return self._decode_leniently(body, secrets)

    def _decode_leniently(self, body: bytes, secrets: Collection[str]) -> AnyStruct:
        """An answer that was paid for is not lost to a NaN beside it, half a surrogate pair or a number in quotes."""
        try:
            text = body.decode("utf-8-sig", "replace")
            loose = json.loads(text, parse_constant=_as_none)
            return msgspec.convert(_without_surrogates(loose), self._form, strict=False)
        except RecursionError:
            raise bad_reply("JSON nested too deep", body, secrets) from None
        except msgspec.ValidationError as error:
            raise bad_reply(f"not the reply of a completion ({error})", body, secrets) from None
        except ValueError:
            raise bad_reply("empty body" if not body.strip() else "broken JSON", body, secrets) from None


def _as_none(_constant: str) -> None:
    """NaN and Infinity, which JSON does not have."""


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return value


def encode(value: Any) -> bytes:
    """The value as JSON, whatever JSON can hold."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half a surrogate pair, a number beyond 64 bits, nesting beyond 254: all valid in JSON
        return json.dumps(value).encode("ascii")


def fields_after(fields: dict[str, Any]) -> bytes:
    """The rest of an object that has begun: a comma, the fields, and the brace at its end."""
    return b"," + encode(fields)[1:] if fields else b"}"


def text_of(message: Message) -> str | None:
    """The text of a message that is nothing but text, None for any other."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    return None


def rendered_calls(calls: Iterable[tuple[str | None, Any]]) -> str:
    """Tool calls, given as (name, arguments), as JSON: `[{"name", "arguments"}]`, without their random ids."""
    return json.dumps([{"name": name, "arguments": _arguments(given)} for name, given in calls], ensure_ascii=False)


def _arguments(given: Any) -> Any:
    """As the object that their text should be; as the text itself where the model has written no valid JSON."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given


def bad_reply(reason: str, body: bytes, secrets: Collection[str]) -> ProviderError:
    """The failure of a reply that can't be understood."""
    found = excerpt(body, secrets)
    return ProviderError("bad_reply", f"{reason}{': ' + found if found else ''}", status=200, retryable=True)


def too_long(max_chars: int) -> ProviderError:
    """The failure of a streamed answer that does not end."""
    return ProviderError("bad_reply", f"the answer is longer than {max_chars} characters", status=200)


def no_text(finish_reason: str | None, refusal: str | None, secrets: Collection[str]) -> ProviderError:
    """The failure of a reply without a text, by its finish reason and the words of a refusal beside it."""
    if refusal:
        return ProviderError("content_filter", f"the model refused: {excerpt(refusal, secrets)}", status=200)
    if finish_reason == "content_filter":
        return ProviderError("content_filter", "the server's filter took the answer away", status=200)
    if finish_reason == "length":
        return ProviderError("truncated", "the token limit was reached before the answer began", status=200)
    return ProviderError("empty", f"an answer without text (finish_reason {finish_reason or 'not given'})", status=200)
