"""Names and random streams of cells, which depend on nothing but the settings of the cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

DIGITS = 16  # of the hash, in the name of a cell


def canonical(settings: Mapping[str, Any]) -> str:
    """Settings as JSON: sorted keys, floats as `repr` writes them."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[int, ...]:
    """The SHA-256 of a text as eight 32-bit words."""
    return tuple(np.frombuffer(sha256(text.encode()).digest(), dtype=">u4").tolist())


def cell_name(settings: Mapping[str, Any]) -> str:
    """The first digits of the hash of the settings."""
    return sha256(canonical(settings).encode()).hexdigest()[:DIGITS]


def data_rng(seed: int, cell: str, replication: int) -> np.random.Generator:
    """The stream for the data of a replication; `cell` is its canonical JSON."""
    key = (*_words(cell), replication)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def method_seeds(seed: int, cell: str, replication: int, method: str, count: int) -> list[int]:
    """Integers for the parameters `random_state` of a method."""
    key = (*_words(cell), replication, *_words(method))
    return np.random.SeedSequence(seed, spawn_key=key).generate_state(count).tolist()
