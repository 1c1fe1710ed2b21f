"""Rows drawn without replacement from samples at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divest._validation import check_integer, refuse_parts


@dataclass(frozen=True)
class PilotSampler:
    """``sampler(rng, n)``: n rows of each pilot, a tuple where there are two."""

    pilots: tuple[Any, ...] = field(repr=False)

    @property
    def max_size(self) -> int:
        """Half of the rows of the smaller pilot."""
        return min(map(len, self.pilots)) // 2

    def __call__(self, rng: np.random.Generator, n: int) -> Any:
        n = check_integer("n", n, 1, self.max_size)
        samples = tuple(_rows(sample, rng.choice(len(sample), n, replace=False))
                        for sample in self.pilots)
        return samples if len(samples) > 1 else samples[0]


def pilot(name: str, sample: Any) -> Any:
    """A sample whose rows can be chosen by position."""
    refuse_parts(sample, name)
    sample = sample if hasattr(sample, "shape") else np.asarray(sample)
    if not sample.shape:
        raise TypeError(f"{name} must be a sample of several rows, got {sample!r}.")
    if sample.shape[0] < 2:
        raise ValueError(f"{name} must have at least 2 rows, got {sample.shape[0]}.")
    return sample


def _rows(sample: Any, positions: np.ndarray) -> Any:
    return sample.iloc[positions] if hasattr(sample, "iloc") else sample[positions]
