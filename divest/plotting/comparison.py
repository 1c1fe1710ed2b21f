"""Figures of the comparison of two tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divest.comparison import Comparison
from divest.plotting._axes import ALARM, CALM, GREY, axes_or_new, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_comparison(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Divergences of two tables, joint ones first, then one per column, with their intervals.

    Columns stand in the order of ``comparison.columns``, the most significant first. A diamond and
    the words "differ" or "drift" mark what a test rejects, a circle what it does not. P-values of
    columns are the adjusted ones. Estimates that fail a diagnostic are called doubtful.

    Parameters
    ----------
    comparison : Comparison
        What `divest.compare` returns.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, as high as there are rows.

    Returns
    -------
    matplotlib Axes
        The axes drawn on, one row for each of ``comparison.to_frame()``.

    Raises
    ------
    TypeError
        When `comparison` is not a `Comparison`, or `ax` is not an Axes.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from divest import compare
    >>> from divest.datasets import load_penguins
    >>> from divest.plotting import plot_comparison
    >>> penguins = load_penguins()[["bill_depth_mm", "body_mass_g", "species", "sex"]]
    >>> female, male = (penguins[penguins["sex"] == s] for s in ("female", "male"))
    >>> result = compare(female, male, columns=["bill_depth_mm", "species"], random_state=0)
    >>> ax = plot_comparison(result)
    >>> [label.get_text() for label in ax.get_yticklabels()][-2:]
    ['bill_depth_mm (kl)', 'species (jensen_shannon)']
    >>> plt.close(ax.figure)
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(f"comparison must be a Comparison, got {type(comparison).__name__}.")
    table = comparison.to_frame()
    ax = axes_or_new(ax, 1.1 + 0.3 * len(table))
    row, drift = np.arange(len(table)), table["drift"].to_numpy(bool)
    for marked, color, marker in ((False, CALM, "o"), (True, ALARM, "D")):
        here = drift == marked
        ax.hlines(row[here], table["low"][here], table["high"][here], color=color, linewidth=2)
        ax.plot(table["estimate"][here], row[here], marker, color=color, markersize=5)
    for at, entry in enumerate(table.itertuples()):
        ax.text(1.02, at, _outcome(entry), transform=ax.get_yaxis_transform(), va="center",
                fontweight="bold" if entry.drift else "normal")
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.axhline(len(comparison.joint) - 0.5, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_yticks(row, [_label(entry) for entry in table.itertuples()])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlabel("divergence of the current from the reference table, with "
                  f"{percent(1 - comparison.level)} interval")
    return ax


def _label(entry: Any) -> str:
    """Row of a comparison: column and divergence."""
    column = "joint" if entry.kind == "joint" else entry.column
    return f"{column} ({entry.divergence})" if entry.divergence else str(column)


def _outcome(entry: Any) -> str:
    """What the test of a row says, in words."""
    joint = entry.kind == "joint"
    pvalue = entry.pvalue if joint else entry.pvalue_adjusted
    if np.isnan(pvalue):
        return "not tested"
    words = ("differ", "no difference") if joint else ("drift", "no drift")
    doubt = "" if entry.trusted else "; doubtful"
    return f"{words[0] if entry.drift else words[1]}, p = {pvalue:.2g}{doubt}"
