from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cache import KeyMaker, is_sampled, response_key, response_parts, url_family
from evalperf.cache.keys import canonical_json

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8)
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
parts = st.dictionaries(st.text(max_size=5), trees, max_size=4)


def shuffled(value: Any, order: random.Random) -> Any:
    """The same JSON value, its objects written in another order."""
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name], order) for name in names}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


def meaning(value: Any) -> str:
    """A text that is the same exactly for values that mean the same: whole numbers have no fraction."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return json.dumps(plain(value), sort_keys=True)


@given(parts, trees, st.randoms(use_true_random=False))
def test_the_order_of_writing_decides_nothing(static: dict[str, Any], varying: Any, order: random.Random) -> None:
    again = shuffled(static, order), shuffled(varying, order)
    assert KeyMaker("response", static)(varying) == KeyMaker("response", again[0])(again[1])


@given(parts, parts)
def test_settings_have_the_same_key_exactly_if_they_mean_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = meaning(one) == meaning(other)
    assert (KeyMaker("response", one)("x") == KeyMaker("response", other)("x")) == same


@given(trees, trees)
def test_messages_have_the_same_key_exactly_if_they_are_the_same(one: Any, other: Any) -> None:
    keys = KeyMaker("response", {"model": "m"})
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (keys(one) == keys(other)) == same


@given(st.lists(trees, max_size=3), st.lists(trees, max_size=3))
def test_parts_can_not_run_into_each_other(one: list[Any], other: list[Any]) -> None:
    keys = KeyMaker("score", {})
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (keys(*one) == keys(*other)) == same


@pytest.mark.parametrize("change", ["model", "type", "api", "params", "tools", "family"])
def test_each_part_that_decides_changes_the_key(change: str) -> None:
    decides = {"type": "openai", "model": "m", "api": "chat", "params": {"temperature": 0}, "family": "f"}
    assert response_key(decides, []) != response_key({**decides, change: "other"}, [])


def test_epochs_have_keys_of_their_own_only_where_they_are_given() -> None:
    made = {response_key({}, [], epoch=epoch) for epoch in (None, 1, 2)}
    assert len(made) == 3


def test_kinds_of_caches_share_no_key() -> None:
    assert KeyMaker("response", {})("x") != KeyMaker("embedding", {})("x")


def test_whole_numbers_in_settings_are_the_same_however_written() -> None:
    keys = {KeyMaker("response", {"params": {"temperature": zero}})("x") for zero in (0, 0.0, -0.0)}
    assert len(keys) == 1


def test_what_orjson_refuses_has_a_key() -> None:
    keys = KeyMaker("response", {})
    assert len({keys("\ud800"), keys("\\ud800"), keys(10**40), keys(str(10**40))}) == 4


def test_keys_are_the_same_in_every_process() -> None:
    """A changed key would make every cache in the world worthless: then KEY_VERSION is to be raised."""
    messages = [{"role": "user", "content": "2 + 2?"}]
    key = response_key({"model": "m", "params": {"temperature": 0}}, messages, epoch=1)
    assert key.hex() == "4a3877b515139137725a6b5da86eca2d"
    strong = response_key({"model": "m", "params": {"temperature": 0}}, messages, epoch=1, key_hash="sha256")
    assert strong.hex() == "d51ff32f6205ab4467367d29ad0f2d5b0df494dc79f2c3248127fe6f187b7ebe"


def test_one_more_endpoint_keeps_the_key_and_another_first_one_changes_it() -> None:
    answers = {"type": "openai", "model": "m"}
    first = response_parts(answers, url="http://a:8000/v1")
    assert first == {"type": "openai", "model": "m", "family": "http://a:8000/v1"}
    assert response_parts(answers, url="http://b:8000/v1") != first
    assert response_parts(answers, url="http://b:8000/v1", family="mine") == response_parts(
        answers, url="http://a:8000/v1", family="mine"
    )


@pytest.mark.parametrize(
    "url",
    ["https://API.Example.com/v1", "https://api.example.com:443/v1/", "https://user:secret@api.example.com/v1"],
)
def test_an_address_is_the_same_however_written(url: str) -> None:
    assert url_family(url) == "https://api.example.com/v1"


@pytest.mark.parametrize(
    "url", ["http://api.example.com/v1", "https://api.example.com:8443/v1", "https://api.example.com/v2"]
)
def test_another_address_is_another_family(url: str) -> None:
    assert url_family(url) != "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("params", "sampled"),
    [({}, True), ({"temperature": 0}, False), ({"temperature": 0.0}, False), ({"temperature": 0.7}, True),
     ({"temperature": None}, True)],
)  # fmt: skip
def test_answers_are_sampled_unless_the_temperature_is_zero(params: dict[str, Any], sampled: bool) -> None:
    assert is_sampled(params) is sampled


@given(trees)
def test_canonical_json_is_json_of_the_same_value(value: Any) -> None:
    assert json.dumps(json.loads(canonical_json(value)), sort_keys=True) == json.dumps(value, sort_keys=True)
