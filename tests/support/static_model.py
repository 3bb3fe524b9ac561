"""A real static embedding model, tiny, in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

WORDS = {
    "[UNK]": (9.0, 9.0, 9.0),
    "cat": (1.0, 0.0, 0.0),
    "kitten": (0.8, 0.6, 0.0),
    "car": (0.0, 0.0, 2.0),
    "the": (0.1, 0.1, 0.1),
}

NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64", "int8": "I8"}
"""numpy's types to the format's."""


def bfloat16(matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The upper halves of single-precision numbers."""
    return (matrix.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """A safetensors file."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    raw = b""
    for name, tensor in tensors.items():
        data = tensor.tobytes()
        header[name] = {
            "dtype": NAMES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [len(raw), len(raw) + len(data)],
        }
        raw += data
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(len(head).to_bytes(8, "little") + head + raw)


def write_model(folder: Path, tensors: Mapping[str, np.ndarray[Any, Any]] | None = None, **settings: Any) -> Path:
    """A model of a few words in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    matrix = np.array(list(WORDS.values()), dtype=np.float32)
    write_tensors(folder / "model.safetensors", tensors if tensors is not None else {"embeddings": matrix})
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
