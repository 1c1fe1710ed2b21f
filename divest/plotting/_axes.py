"""What all figures share: colours, and the Axes they are drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CALM, ALARM, GREY = "#0072b2", "#d55e00", "0.45"  # told apart without colour vision too


def axes_or_new(ax: Any, height: float = 4.0) -> Axes:
    """`ax`, or that of a new figure."""
    try:
        from matplotlib import pyplot as plt
        from matplotlib.axes import Axes
    except ImportError:
        raise ImportError("plotting needs matplotlib: pip install 'divest[plot]'") from None
    if ax is None:
        return plt.subplots(figsize=(7.5, height), layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {type(ax).__name__}.")
    return ax


def percent(level: float) -> str:
    """A share as text."""
    return f"{100 * level:.4g} %"
