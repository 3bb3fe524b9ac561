"""A static embedding model in a folder: a vector for each token, averaged over the tokens of a text.

The layout is that of model2vec (https://github.com/MinishLab/model2vec) and of sentence-transformers' StaticEmbedding:
tokenizer.json, and model.safetensors with one matrix; config.json is optional. Nothing is sent anywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from evalperf.errors import ConfigError
from evalperf.providers.embedding_base import Embeddings, Vector
from evalperf.providers.safetensors import TensorFile

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LocalEmbeddings", "StaticModel"]

MATRIX_NAMES: Final = ("embeddings", "embedding.weight")
"""What model2vec and sentence-transformers call the matrix."""

MAX_TOKENS: Final = 512
"""Of a text; the rest has no influence. As in model2vec."""


class LocalEmbeddings:
    """Computes in one thread of its own, so that the loop goes on."""

    paid = False

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._model = StaticModel(folder)
        self.identity = f"local {self._model.digest}"
        self._thread = ThreadPoolExecutor(1, "evalperf-embedding")

    async def check(self) -> None:
        """Nothing to try: the model is loaded."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """The vectors of at least one text; one without any known token gets zeros."""
        loop = asyncio.get_running_loop()
        return Embeddings(vectors=await loop.run_in_executor(self._thread, self._model.vectors, texts))

    async def aclose(self) -> None:
        """Ends the thread once it is idle."""
        self._thread.shutdown(wait=False)


class StaticModel:
    """The model itself; the matrix stays on disk until its rows are asked for.

    Raises ConfigError for a folder that holds no such model, and where the extra is not installed.
    """

    def __init__(self, folder: Path) -> None:
        tokenizers = _libraries()
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder", hint='"path" is the folder with the model\'s files')
        self._file = TensorFile(_existing(folder, "model.safetensors"))
        self._matrix_name = self._find_matrix(folder)
        self._matrix = self._file[self._matrix_name]
        self._tokenizer = _tokenizer(_existing(folder, "tokenizer.json"), tokenizers)
        self._row_of_token = self._optional("mapping")
        self._weight_of_token = self._optional("weights")
        self._normalise = _settings(folder).get("normalize", True) is not False
        self._unknown = _unknown_token(self._tokenizer)
        self._check_size(folder)
        self.digest = _digest(folder)

    def vectors(self, texts: Sequence[str]) -> list[Vector[float]]:
        """The mean of the vectors of each text's tokens, of length 1 unless the model says otherwise."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [self._mean([token for token in encoding.ids if token != self._unknown]) for encoding in encodings]

    def _mean(self, tokens: list[int]) -> Vector[float]:
        import numpy as np  # noqa: PLC0415 - optional

        if not tokens:
            return array("f", bytes(4 * self._matrix.shape[1]))
        ids = np.array(tokens[:MAX_TOKENS])
        rows = ids if self._row_of_token is None else self._row_of_token[ids]
        picked = self._file.as_float32(self._matrix_name, self._matrix[rows])
        if self._weight_of_token is not None:
            picked = picked * self._weight_of_token[ids, None]
        mean = picked.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if self._normalise and length > 0:
            mean /= length
        return array("f", mean.tobytes())

    def _find_matrix(self, folder: Path) -> str:
        shapes = self._file.shapes()
        for name in MATRIX_NAMES:
            if len(shapes.get(name, ())) == 2:
                return name
        found = ", ".join(sorted(shapes)[:5]) or "nothing"
        raise ConfigError(
            f"{folder} holds no static embedding model: model.safetensors has {found}, "
            f"expected a matrix named {' or '.join(MATRIX_NAMES)}",
            hint="models that must be run layer by layer are served by an endpoint: use that as the embedder",
        )

    def _optional(self, name: str) -> np.ndarray[Any, Any] | None:
        return self._file[name] if name in self._file.shapes() else None

    def _check_size(self, folder: Path) -> None:
        tokens = self._tokenizer.get_vocab_size()
        rows = len(self._matrix if self._row_of_token is None else self._row_of_token)
        if rows < tokens:
            raise ConfigError(
                f"{folder}: tokenizer.json knows {tokens} tokens and model.safetensors has vectors for {rows}",
                hint="the two files are of different models",
            )


def _libraries() -> Any:
    try:
        import numpy as np  # noqa: F401, PLC0415 - optional
        import tokenizers  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigError(
            f"local embeddings need {error.name}, which is not installed", hint='pip install "evalperf[semantic]"'
        ) from error
    return tokenizers


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no {name}", hint="expected a static embedding model: tokenizer.json and model.safetensors"
        )
    return path


def _tokenizer(path: Path, tokenizers: Any) -> Any:
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise ConfigError(f"{path} is no tokenizer: {error}", hint="copy the model's folder again") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _unknown_token(tokenizer: Any) -> int | None:
    """The id of the token that stands for what the vocabulary lacks: it means nothing, so it does not count."""
    model = orjson.loads(tokenizer.to_str())["model"]
    if isinstance(unknown := model.get("unk_id"), int):
        return unknown
    name = model.get("unk_token")
    return None if name is None else tokenizer.token_to_id(name)


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        settings = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    return settings if isinstance(settings, dict) else {}


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("tokenizer.json", "model.safetensors", "config.json"):
        path = folder / name
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(b"|")
    return digest.hexdigest()
