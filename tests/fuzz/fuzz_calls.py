"""What is called, with good arguments: a public function, the `fit` of an estimator, a method."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from fuzz_inputs import ODD, odd_setting

NOT_SAID = re.compile(r"""  # numbers that may be missing or endless, as their pages say
    diagnostics_?\b | \.null_distribution | \.degrees_of_freedom
    | \.(upper_bound|bounds|curvature|support)\b
    | cells\[\]            # limits between cells, and names of cells
    | missing_pvalue | pvalue_minimum_effect | psi_corrected  # where nothing is missing, ...
    | selection_results_  # settings that were not tried
    """, re.VERBOSE)


@dataclass(frozen=True)
class Call:
    """One thing to call by keyword; `data` gives its samples, `kinds` says what each is.

    `also` are further errors that are documented, `may_be_nan` the documented gaps in a result, and
    `share` is how often it is called.
    """

    name: str
    run: Callable[..., Any]
    data: Callable[[], dict[str, Any]] = dict
    kinds: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[type[Exception], ...] = ()
    may_be_nan: re.Pattern = NOT_SAID
    share: float = 1.0


@dataclass(frozen=True)
class Case:
    """A call, its arguments, and which of them are odd in what way."""

    call: Call
    number: int
    arguments: dict[str, Any]
    odd: dict[str, str]
    render: bool

    def __str__(self):
        odd = ", ".join(f"{name}: {what}" for name, what in self.odd.items())
        return f"{self.call.name} case {self.number} ({odd or 'good'})"


def case(call, number):
    """Case `number` of a call; case 0 is good."""
    rng = np.random.default_rng([number, *call.name.encode()])
    arguments, odd = {**call.data(), **call.settings}, {}
    data, settings = list(call.kinds), sorted(call.settings)
    n_data = 0 if not data or not number else int(rng.integers(not settings, len(data) + 1))
    n_settings = int(rng.integers(not n_data, 3)) if settings and number else 0
    for name in rng.permutation(data)[:n_data]:
        arguments[name], odd[name] = ODD[call.kinds[name]](rng, arguments[name])
    for name in rng.permutation(settings)[:n_settings]:
        arguments[name], odd[name] = odd_setting(rng, name, arguments[name])
    return Case(call, number, arguments, odd, bool(rng.random() < 0.2))


def _defaults(function, skip=()):
    """The settings of a function that have a default."""
    return {p.name: p.default for p in inspect.signature(function).parameters.values()
            if p.default is not p.empty and p.name not in ("self", *skip)
            and p.kind is not p.VAR_KEYWORD}


def _small(settings, given):
    """Settings with little work, as given, in which only what exists is kept."""
    small = {"n_resamples": 9, "random_state": 0}
    return {**settings, **{k: v for k, v in small.items() if k in settings}, **given}


def of(function, data=dict, kinds=None, name=None, /, called=None, extra=None, **settings):
    """A public function; settings that are not given are those of its signature."""
    found = _small(_defaults(function, kinds or ()), settings)
    name = name or called or function.__name__
    return Call(name, function, data, kinds or {}, found, **(extra or {}))


def fit_of(estimator, data, kinds, name=None, /, extra=None, **settings):
    """The `fit` of an estimator, whose parameters are settings as well."""
    own = _defaults(estimator)
    own |= {k: None for k in inspect.signature(estimator).parameters if k not in own}
    asked = {k: v for k, v in _defaults(estimator.fit).items() if k not in kinds and k not in own
             and k != "y"}
    takes = set(inspect.signature(estimator.fit).parameters) - {"theta0"}

    def run(**arguments):
        to_fit = {k: v for k, v in arguments.items() if k in takes}
        return estimator(**{k: v for k, v in arguments.items() if k not in takes}).fit(**to_fit)

    return Call(f"{name or estimator.__name__ + '.fit'}", run, data, kinds,
                _small({**own, **asked}, settings), **(extra or {}))


def method_of(make, method, data=dict, kinds=None, name=None, /, called=None, extra=None,
              **settings):
    """A method of an object that `make` gives; the object is made once."""
    made = cache(make)

    def run(**arguments):
        return getattr(made(), method)(**arguments)

    name = name or called
    owner = make.__annotations__.get("return")
    found = _defaults(getattr(owner, method), kinds or ()) if owner else {}
    return Call(name, run, data, kinds or {}, _small(found, settings), **(extra or {}))
