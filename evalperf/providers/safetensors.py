"""Files of tensors in the safetensors format, read by hand: a JSON header and raw numbers behind it.

https://github.com/huggingface/safetensors#format: eight bytes with the header's length, little-endian; the header,
which names for each tensor its type, its shape and where in the rest of the file it lies; the numbers, row by row.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from evalperf.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TensorFile"]

LONGEST_HEADER_BYTES: Final = 100_000_000
"""The format's own bound: a longer header is no header."""

TYPES: Final[dict[str, str]] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
}
"""As numpy names them; it has no bfloat16, whose 16 bits are the upper half of a float32."""


class _Tensor(Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class TensorFile:
    """The tensors of a file by name, mapped into memory: only the rows that are used are read from disk.

    Raises ConfigError for a file that is missing, cut short or of another format. Needs numpy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                head = file.read(length) if length <= LONGEST_HEADER_BYTES else b""
            self._end_bytes = path.stat().st_size
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        self._begin_bytes = 8 + length
        if len(head) != length:
            raise self._wrong("it is no safetensors file, or is cut short")
        self._tensors = self._read_head(head)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: tuple(tensor.shape) for name, tensor in self._tensors.items()}

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        """A tensor, read-only and not yet read; see `as_float32` for what BF16 looks like."""
        import numpy as np  # noqa: PLC0415 - optional

        tensor = self._tensors[name]
        if tensor.dtype not in TYPES:
            raise self._wrong(f'"{name}" holds numbers of type {tensor.dtype}, expected one of {", ".join(TYPES)}')
        dtype = np.dtype(TYPES[tensor.dtype])
        begin, end = tensor.data_offsets
        if math.prod(tensor.shape) * dtype.itemsize != end - begin or self._begin_bytes + end > self._end_bytes:
            raise self._wrong(f'"{name}" is cut short')
        return np.memmap(self._path, dtype, "r", self._begin_bytes + begin, tuple(tensor.shape))

    def as_float32(self, name: str, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Rows that were taken out of a tensor, as numbers to calculate with."""
        import numpy as np  # noqa: PLC0415 - optional

        if self._tensors[name].dtype == "BF16":
            return (rows.astype(np.uint32) << 16).view(np.float32)
        return rows.astype(np.float32, copy=False)

    def _read_head(self, head: bytes) -> dict[str, _Tensor]:
        try:
            found = msgspec.json.decode(head, type=dict[str, Any])
            found.pop("__metadata__", None)
            return msgspec.convert(found, dict[str, _Tensor])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._wrong(f"its header can't be read: {error}") from error

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"{self._path}: {what}", hint="copy the model's folder again")
