"""What a search by similarity costs: 32 questions among 100,000 vectors, beside the bare matrix product."""

from __future__ import annotations

import numpy as np

from evalperf import clock
from evalperf.cache.vectors import VectorIndex
from tests.benchmarks.measure import verdict

VECTORS, LENGTH, QUERIES, ROUNDS = 100_000, 256, 32, 7


def main() -> None:
    """Prints the best of a few rounds."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((VECTORS, LENGTH)).astype(np.float32)
    queries = matrix[:QUERIES] + 0.1 * rng.standard_normal((QUERIES, LENGTH)).astype(np.float32)
    index = VectorIndex(max_entries=VECTORS, max_bytes=10**9)
    began_s = clock.monotonic_s()
    for start in range(0, VECTORS, 1000):
        index.add_many(b"", [(b"%d" % (start + n), row) for n, row in enumerate(matrix[start : start + 1000])])
    verdict("microseconds to add a vector", (clock.monotonic_s() - began_s) / VECTORS * 1e6, 50, at_most=True)
    for k, threshold in ((1, 0.9), (3, -1.0)):
        ratios, times_s = [], []
        for _ in range(ROUNDS):
            began_s = clock.monotonic_s()
            queries @ matrix.T
            product_s = clock.monotonic_s() - began_s
            began_s = clock.monotonic_s()
            index.search_many(b"", list(queries), k, threshold)
            times_s.append(clock.monotonic_s() - began_s)
            ratios.append(times_s[-1] / product_s)
        verdict(f"milliseconds for {QUERIES} questions, k={k}", min(times_s) * 1e3, 250, at_most=True)
        verdict(f"times the bare product, k={k}", min(ratios), 5, at_most=True)


if __name__ == "__main__":
    main()
