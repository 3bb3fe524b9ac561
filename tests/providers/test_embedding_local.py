"""A static embedding model in a folder: a real one, of five words."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalperf.config.embedders import LocalEmbedder
from evalperf.errors import ConfigError
from evalperf.providers.embedding import open_embedder
from evalperf.providers.embedding_local import StaticModel
from tests.support.static_model import WORDS, bfloat16, write_model, write_tensors

MATRIX = np.array(list(WORDS.values()), dtype=np.float32)


def unit(*numbers: float) -> list[float]:
    length = math.sqrt(sum(number * number for number in numbers))
    return [pytest.approx(number / length, abs=1e-3) for number in numbers]


async def test_a_folder_beside_the_configuration_makes_vectors(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    async with open_embedder(LocalEmbedder(type="local", path="model"), tmp_path) as embedder:
        await embedder.check()
        found = await embedder.embed(["cat", "the car"])
    assert [list(vector) for vector in found.vectors] == [unit(1, 0, 0), unit(0.05, 0.05, 1.05)]
    assert (embedder.name, found.usage, embedder.paid) == ("model", None, False)


def test_a_vector_is_the_mean_of_its_tokens_of_length_one(tmp_path: Path) -> None:
    (vector,) = StaticModel(write_model(tmp_path)).vectors(["cat kitten"])
    assert list(vector) == unit(0.9, 0.3, 0.0)
    assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-6)


def test_a_model_may_leave_the_length_as_it_is(tmp_path: Path) -> None:
    (vector,) = StaticModel(write_model(tmp_path, normalize=False)).vectors(["car"])
    assert list(vector) == [0.0, 0.0, 2.0]


def test_unknown_words_count_for_nothing(tmp_path: Path) -> None:
    model = StaticModel(write_model(tmp_path))
    assert model.vectors(["cat xyzzy"]) == model.vectors(["cat"])


def test_without_a_known_word_the_vector_is_zero(tmp_path: Path) -> None:
    assert [list(vector) for vector in StaticModel(write_model(tmp_path)).vectors(["xyzzy", ""])] == [[0, 0, 0]] * 2


def test_texts_do_not_change_each_other_s_vectors(tmp_path: Path) -> None:
    model = StaticModel(write_model(tmp_path))
    texts = ["cat", "the car the car", "", "kitten the"]
    assert model.vectors(texts) == [model.vectors([text])[0] for text in texts]


@pytest.mark.parametrize("tensor", [MATRIX.astype(np.float16), MATRIX.astype(np.float64), bfloat16(MATRIX)])
def test_other_types_of_numbers_are_read(tensor: np.ndarray[Any, Any], tmp_path: Path) -> None:
    model = StaticModel(write_model(tmp_path, {"embeddings": tensor}))
    assert list(model.vectors(["kitten"])[0]) == [pytest.approx(x, abs=5e-3) for x in (0.8, 0.6, 0.0)]


def test_sentence_transformers_name_for_the_matrix_is_known(tmp_path: Path) -> None:
    model = StaticModel(write_model(tmp_path, {"embedding.weight": MATRIX}))
    assert list(model.vectors(["cat"])[0]) == [1, 0, 0]


def test_tokens_may_share_rows_and_have_weights(tmp_path: Path) -> None:
    """As newer models of model2vec do: rows by `mapping`, factors by `weights`."""
    tensors = {
        "embeddings": np.array([[1, 0], [0, 1]], dtype=np.float32),
        "mapping": np.array([0, 0, 0, 1, 1], dtype=np.int64),
        "weights": np.array([1, 1, 3, 1, 0], dtype=np.float32),
    }
    model = StaticModel(write_model(tmp_path, tensors, normalize=False))
    assert list(model.vectors(["kitten car"])[0]) == [1.5, 0.5]


def test_only_the_first_512_tokens_count(tmp_path: Path) -> None:
    model = StaticModel(write_model(tmp_path))
    assert model.vectors(["cat " * 512 + "car " * 100]) == model.vectors(["cat"])


def test_models_that_differ_have_different_identities(tmp_path: Path) -> None:
    one = StaticModel(write_model(tmp_path / "a"))
    same = StaticModel(write_model(tmp_path / "b"))
    other = StaticModel(write_model(tmp_path / "c", {"embeddings": MATRIX * 2}))
    assert one.digest == same.digest != other.digest


def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        StaticModel(folder)
    return f"{caught.value.message} · {caught.value.hint}"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    assert "is no folder" in refused(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_a_folder_without_one_of_the_files(name: str, tmp_path: Path) -> None:
    (write_model(tmp_path) / name).unlink()
    assert f"holds no {name}" in refused(tmp_path)


def test_a_model_with_layers_is_no_static_one(tmp_path: Path) -> None:
    layers = {"encoder.layer.0.weight": MATRIX, "embeddings.word_embeddings.weight": MATRIX}
    assert "no static embedding model" in refused(write_model(tmp_path, layers))
    assert "served by an endpoint" in refused(tmp_path)


def test_a_tokenizer_of_another_model(tmp_path: Path) -> None:
    assert "5 tokens" in refused(write_model(tmp_path, {"embeddings": MATRIX[:3]}))


def test_a_broken_tokenizer(tmp_path: Path) -> None:
    (write_model(tmp_path) / "tokenizer.json").write_text("{}")
    assert "is no tokenizer" in refused(tmp_path)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "header can't be read"),
        (b"\xff" * 64, "cut short"),
        ((100).to_bytes(8, "little") + b"{}", "cut short"),
        ((2).to_bytes(8, "little") + b"[]", "header can't be read"),
        ((9).to_bytes(8, "little") + b'{"a": {}}', "header can't be read"),
    ],
)
def test_a_file_that_is_no_safetensors(raw: bytes, said: str, tmp_path: Path) -> None:
    (write_model(tmp_path) / "model.safetensors").write_bytes(raw)
    assert said in refused(tmp_path)


def test_a_file_that_was_not_copied_to_its_end(tmp_path: Path) -> None:
    path = write_model(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    assert '"embeddings" is cut short' in refused(tmp_path)


def test_numbers_of_a_type_that_is_not_known(tmp_path: Path) -> None:
    head = json.dumps({"embeddings": {"dtype": "F8_E4M3", "shape": [5, 3], "data_offsets": [0, 15]}}).encode()
    (write_model(tmp_path) / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(15))
    assert "F8_E4M3" in refused(tmp_path)


def test_a_second_tensor_lies_behind_the_first(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    write_tensors(folder / "model.safetensors", {"other": np.zeros(3, dtype=np.float32), "embeddings": MATRIX})
    assert list(StaticModel(folder).vectors(["cat"])[0]) == [1, 0, 0]


@pytest.mark.parametrize("library", ["numpy", "tokenizers"])
def test_without_the_extra_it_is_named(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_model(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    assert f"need {library}, which is not installed" in refused(folder)
    assert 'pip install "evalperf[semantic]"' in refused(folder)
