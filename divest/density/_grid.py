"""Density estimates on regular grids in one to three dimensions, by binning and Fourier transforms.

Everything is in units in which the Gaussian kernel has bandwidth 1 on each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, pi, prod, sqrt

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import map_coordinates, spline_filter

from divest import _kernels

FINEST = {1: 1 / 32, 2: 1 / 8, 3: 1 / 4}  # step of the inner grid, at most, by dimension
MOST_CELLS = 2**22
CUT = 8.5  # where the kernel ends
TAIL = 1e-6  # of the maximum of the density, below which interpolation is not trusted
_PADDING = 5.5  # beyond the rows; farther out the density is surely below TAIL
_TAILS = (0.0, 0.001, 0.01, 0.05, 0.1)  # shares of the rows that may be left outside, on each side
_MARGIN = 12  # nodes beyond an edge, for the spline
_LINES = 2**16  # numbers transformed together
_AMPLE = 2**20  # cells up to which an interpolated grid is made finer


@dataclass(frozen=True)
class _InnerAxis:
    """Nodes ``start + k step``; each `factor`-th from 0 to `last` is one of the axis asked for."""

    start: float
    step: float
    factor: int
    last: int

    @property
    def half(self) -> int:
        """Nodes from the center of the kernel to its end."""
        return ceil(CUT / self.step)

    def position(self, x: np.ndarray) -> np.ndarray:
        """Where on the nodes x lies, as a fraction."""
        return (x - self.start) * (1.0 / self.step)


def grid_density(Z: np.ndarray, weights: np.ndarray | None, axes: Sequence[np.ndarray],
                 low: Sequence[float] | np.ndarray | None = None,
                 high: Sequence[float] | np.ndarray | None = None) -> np.ndarray:
    """Density on the product of regular axes: linear binning, then one convolution per axis.

    The convolution is with a kernel narrower by the variance that binning adds on average. A row
    contributes with a relative error of at most ``step^2/12 max(1, u^2 - 1)`` per axis, u its
    distance from the node and `step` that of the inner grid; errors of several rows cancel.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        Rows, d at most 3. Those more than 8.5 beyond the axes do not count.
    weights : ndarray of shape (n,) or None
        Weights with sum 1; None for equal ones.
    axes : sequence of d ndarrays
        Regular and increasing.
    low, high : sequence of d floats, optional
        Edges at which to reflect, one image per edge; nodes of the axes. Infinite where open.

    Returns
    -------
    ndarray of shape (len(axes[0]), ...)
        The density, never negative.

    Raises
    ------
    ValueError
        When the inner grid would have more than 2**22 cells.
    """
    inner, first, last = _inner_grid(Z, axes)
    _check_cells(_cells(inner, first, last), axes)
    share = 1.0 if weights is not None else 1.0 / len(Z)
    Z, weights = _near_rows(Z, weights, inner)
    if not len(Z):
        return np.zeros([len(axis) for axis in axes])
    values = _binned(Z, weights, inner, first, last)
    for k in reversed(range(len(axes))):
        edges = [round((bounds[k] - inner[k].start) / inner[k].step)
                 for bounds in (low, high) if bounds is not None and isfinite(bounds[k])]
        start, mass = _with_images(np.moveaxis(values, k, -1), first[k], edges, inner[k])
        values = np.moveaxis(_smoothed(mass, start, inner[k]), -1, k)
    return np.maximum(values * share, 0.0)


def fits(Z: np.ndarray, axes: Sequence[np.ndarray]) -> bool:
    """Whether the inner grid over these axes has few enough cells."""
    return prod(_cells(*_inner_grid(Z, axes))) <= MOST_CELLS


def _inner_grid(Z: np.ndarray, axes: Sequence[np.ndarray]
                ) -> tuple[list[_InnerAxis], list[int], list[int]]:
    """Inner axes, and the first and last node that the rows near them are binned to."""
    inner = [_inner_axis(axis, FINEST[len(axes)]) for axis in axes]
    Z = _near_rows(Z, None, inner)[0]
    if not len(Z):
        return inner, [0] * len(inner), [0] * len(inner)
    ends = [[int(np.floor(axis.position(end))) for end in (z.min(), z.max())]
            for axis, z in zip(inner, Z.T, strict=True)]
    return inner, [first for first, _ in ends], [last + 1 for _, last in ends]


def _cells(inner: Sequence[_InnerAxis], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """Cells of the inner grid per axis."""
    return [max(axis.last, stop - start) + 1
            for axis, start, stop in zip(inner, first, last, strict=True)]


def _inner_axis(axis: np.ndarray, finest: float) -> _InnerAxis:
    """The axis with nodes between, so that steps are at most `finest`."""
    if len(axis) == 1:
        return _InnerAxis(float(axis[0]), finest, 1, 0)
    step = float(axis[-1] - axis[0]) / (len(axis) - 1)
    factor = max(1, ceil(step / finest * (1 - 1e-9)))
    return _InnerAxis(float(axis[0]), step / factor, factor, factor * (len(axis) - 1))


def _near_rows(Z: np.ndarray, weights: np.ndarray | None, inner: Sequence[_InnerAxis]
               ) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows within reach of the axes, and their weights."""
    for k, axis in enumerate(inner):
        start, stop = axis.start - CUT, axis.start + axis.last * axis.step + CUT
        z = Z[:, k]
        if len(z) and (z.min() < start or z.max() > stop):
            near = (z >= start) & (z <= stop)
            Z, weights = Z[near], None if weights is None else weights[near]
    return Z, weights


def _check_cells(shape: Sequence[int], axes: Sequence[np.ndarray]) -> None:
    """Refuse an inner grid that is too large."""
    if prod(shape) > MOST_CELLS:
        asked, needed = (" x ".join(map(str, s)) for s in ([len(a) for a in axes], shape))
        raise ValueError(
            f"grid_points ({asked}) over this range need an inner grid of {needed} cells, as its "
            f"step must be at most {FINEST[len(axes)]:g} bandwidths; at most {MOST_CELLS} cells "
            "are worked with. Use fewer grid_points, a smaller range or a larger bandwidth.")


def _binned(Z: np.ndarray, weights: np.ndarray | None, inner: Sequence[_InnerAxis],
            first: Sequence[int], last: Sequence[int]) -> np.ndarray:
    """Mass per node: that of each row is split between its neighbours, linearly on each axis."""
    shape = [stop - start + 1 for start, stop in zip(first, last, strict=True)]
    strides = [prod(shape[k + 1:]) for k in range(len(shape))]
    mass = np.zeros(prod(shape) + sum(strides))  # a row on the last nodes adds nothing beyond them
    _kernels.binning.linear_binning(
        np.ascontiguousarray(Z), np.empty(0) if weights is None else weights,
        np.array([axis.start + node * axis.step for axis, node in zip(inner, first, strict=True)]),
        np.array([1.0 / axis.step for axis in inner]), np.array(strides), mass)
    return mass[:prod(shape)].reshape(shape)


def _with_images(mass: np.ndarray, first: int, edges: Sequence[int], axis: _InnerAxis
                 ) -> tuple[int, np.ndarray]:
    """First node of, and the mass with its mirror images at `edges`, within reach.

    Along the last axis, here and below.
    """
    if not edges:
        return first, mass
    size = mass.shape[-1]
    pieces = [(first, mass)] + [(2 * e - first - size + 1, mass[..., ::-1]) for e in edges]
    start = max(min(at for at, _ in pieces), -axis.half)
    stop = min(max(at for at, _ in pieces) + size, axis.last + axis.half + 1)
    out = np.zeros((*mass.shape[:-1], stop - start))
    for at, piece in pieces:
        a, b = max(at, start), min(at + size, stop)
        if a < b:
            out[..., a - start:b - start] += piece[..., a - at:b - at]
    return start, out


def _smoothed(mass: np.ndarray, start: int, axis: _InnerAxis) -> np.ndarray:
    """Convolution with the kernel, at the nodes asked for; `mass` begins at node `start`.

    The transform is so long that nothing wraps around into a node that is read. In blocks of lines,
    which stay in the cache of the processor.
    """
    size = mass.shape[-1]
    farthest = max(axis.last - start, start + size - 1)  # of a node that is read from one with mass
    half = min(axis.half, farthest)
    length = next_fast_len(max(farthest + half + 1, size), real=True)
    offsets = np.arange(-half, half + 1)
    variance = 1.0 - axis.step**2 / 6.0  # linear binning adds step^2/6 on average
    kernel = np.zeros(length)
    kernel[offsets] = np.exp(-((offsets * axis.step) ** 2) / (2 * variance)) / sqrt(
        2 * pi * variance)
    transfer = rfft(kernel).real
    nodes = (np.arange(0, axis.last + 1, axis.factor) - start) % length
    lines = mass.reshape(-1, size)
    out = np.empty((len(lines), len(nodes)))
    block = max(1, _LINES // length)
    for i in range(0, len(lines), block):
        spectrum = rfft(lines[i:i + block], length)
        spectrum *= transfer
        out[i:i + block] = irfft(spectrum, length, overwrite_x=True)[:, nodes]
    return out.reshape(*mass.shape[:-1], len(nodes))


# ------------------------------------------------------------ interpolation
@dataclass(frozen=True)
class DensityGrid:
    r"""A density on a grid, to be read at any point by a cubic spline.

    With s the step of the grid, p_i the shares of the rows in the sum at a query and u_i their
    distances from it, the error of the log density is at most about
    :math:`s^2/12 \sum_i p_i (d + |u_i|^2)`, from binning, and much less where many rows share
    the sum; the spline adds less than :math:`s^4/100 \sum_i p_i \sum_j (3 + u_{ij}^4)`.

    Attributes
    ----------
    start, step : ndarray of shape (d,)
        First node and step per axis.
    low, high : ndarray of shape (d,)
        Box in which it is good.
    coefficients : ndarray
        Of the spline.
    least : float
        Density above which it is good.
    """

    start: np.ndarray
    step: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coefficients: np.ndarray
    least: float

    def at(self, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log densities (m,) at queries (m, d), and which are good; NaN where not."""
        within = np.flatnonzero(((Q >= self.low) & (Q <= self.high)).all(axis=1))
        values = map_coordinates(self.coefficients, ((Q[within] - self.start) / self.step).T,
                                 order=3, mode="mirror", prefilter=False)
        enough = values > self.least
        out, good = np.full(len(Q), np.nan), np.zeros(len(Q), dtype=bool)
        out[within[enough]] = np.log(values[enough])
        good[within[enough]] = True
        return out, good


def density_grid(Z: np.ndarray, weights: np.ndarray | None = None,
                 low: Sequence[float] | np.ndarray | None = None,
                 high: Sequence[float] | np.ndarray | None = None) -> DensityGrid:
    """A grid over the range of the rows, or most of it, with one image per finite edge.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        Rows, d at most 3.
    weights : ndarray of shape (n,), optional
        Weights with sum 1.
    low, high : sequence of d floats, optional
        Edges of the support, infinite where open.

    Returns
    -------
    DensityGrid
        Good where the density is above 1e-6 of its maximum; where rows are spread far, near most
        of them only.

    Raises
    ------
    ValueError
        When the rows are spread too far for a grid.
    """
    d = Z.shape[1]
    low = np.full(d, -np.inf) if low is None else np.asarray(low, dtype=float)
    high = np.full(d, np.inf) if high is None else np.asarray(high, dtype=float)
    start, stop, step = _extent(Z, low, high)
    low, high = np.where(low == start, low, -np.inf), np.where(high == stop, high, np.inf)
    axes = [_read_axis(*ends, step) for ends in zip(low, high, start, stop, strict=True)]
    values = grid_density(Z, weights, axes, low, high)
    return DensityGrid(np.array([axis[0] for axis in axes]),
                       np.array([axis[1] - axis[0] for axis in axes]), start, stop,
                       spline_filter(values, order=3, mode="mirror"), TAIL * values.max())


def _extent(Z: np.ndarray, low: np.ndarray, high: np.ndarray
            ) -> tuple[np.ndarray, np.ndarray, float]:
    """Ends of the grid, and its step: up to four times finer than it must be, where that is cheap.

    Without the outermost rows where there would be too many cells with them. Ends at edges that are
    so near that images of rows count.
    """
    finest = FINEST[Z.shape[1]]
    for tail in _TAILS:
        start = np.quantile(Z, tail, axis=0) - _PADDING
        stop = np.quantile(Z, 1.0 - tail, axis=0) + _PADDING
        start = np.where(start < low + CUT, low, start)
        stop = np.where(stop > high - CUT, high, stop)
        first = np.minimum(start, np.maximum(start - CUT, Z.min(axis=0)))
        last = np.maximum(stop, np.minimum(stop + CUT, Z.max(axis=0)))
        cells = float(np.prod((last - first) / finest + 2 * (_MARGIN + 2)))
        if cells <= MOST_CELLS:
            return start, stop, finest / min(4.0, max(1.0, (_AMPLE / cells) ** (1 / Z.shape[1])))
    spread = " x ".join(f"{r:.3g}" for r in stop - start)
    raise ValueError(
        f"algorithm='grid' cannot hold these rows: most of them are spread over {spread} "
        f"bandwidths, and at {1 / finest:g} nodes per bandwidth and axis that would be {cells:.3g} "
        f"cells, more than {MOST_CELLS}. Use algorithm='auto'.")


def _read_axis(low: float, high: float, start: float, stop: float, step: float) -> np.ndarray:
    """Regular nodes from `start` to `stop`; finite edges are nodes, with a margin beyond them."""
    count = max(1, ceil((stop - start) / step))
    nodes = np.arange(-_MARGIN if isfinite(low) else 0,
                      count + (_MARGIN if isfinite(high) else 0) + 1)
    return start + nodes * ((stop - start) / count)
