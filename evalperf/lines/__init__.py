"""Files and standard input as blocks of lines: never line by line, never a whole file in memory.

A line ends at a line feed, nowhere else (`splitlines` would cut a record in three at U+2028 or U+0085). One `Lines`
block holds the lines of about 256 KiB; a line over the limit comes as a `TooLong`, and was never held whole.
"""

from evalperf.lines.files import iter_blocks, iter_pieces, read_blocks, threaded, to_the_end
from evalperf.lines.splitter import Block, Lines, LineSplitter, TooLong
from evalperf.lines.unpack import DamagedStreamError, compression

__all__ = [
    "Block",
    "DamagedStreamError",
    "LineSplitter",
    "Lines",
    "TooLong",
    "compression",
    "iter_blocks",
    "iter_pieces",
    "read_blocks",
    "threaded",
    "to_the_end",
]
