"""Points on the edge of a polygon, for estimators and tests that know a region by such points."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._validation import check_integer, check_sample

FLAT = 1e-9  # width over length below which corners lie on one line


def polygon_points(vertices: Any, n: int) -> np.ndarray:
    """Points along the edge of a polygon, evenly spaced by length.

    Parameters
    ----------
    vertices : array-like of shape (v, 2)
        The corners in the order in which the edge passes them, clockwise or not, at least 3. The
        last is joined to the first; it may also repeat it.
    n : int
        Number of points, at least 3.

    Returns
    -------
    ndarray of shape (n, 2)
        The points, from the first corner on.

    Raises
    ------
    ValueError
        When `vertices` are not the finite corners of a polygon in two columns, or all lie on one
        line, or `n` is below 3.

    See Also
    --------
    TruncatedSteinEstimator : Takes them as ``boundary_points``.
    divest.KernelSteinTest : Takes them as ``boundary_points``.

    Notes
    -----
    Other corners than the first are met only where a whole number of steps leads to them. Holes and
    further parts of a region are polygons of their own, whose points are put below one another. In
    columns of very different units nearly all points fall on the edges that are long in numbers;
    then ``polygon_points(vertices / scale, n) * scale``, with a spread of each column as `scale`.

    Examples
    --------
    >>> from divest.unnormalized import polygon_points
    >>> polygon_points([[0, 0], [3, 0], [0, 4]], 6)
    array([[0. , 0. ],
           [2. , 0. ],
           [2.4, 0.8],
           [1.2, 2.4],
           [0. , 4. ],
           [0. , 2. ]])
    """
    n, corners = check_integer("n", n, 3), _corners(vertices)
    ring = np.vstack([corners, corners[:1]])
    ends = np.append(0.0, np.hypot(*np.diff(ring, axis=0).T).cumsum())
    at = np.arange(n) / n * ends[-1]
    return np.column_stack([np.interp(at, ends, column) for column in ring.T])


def _corners(vertices: Any) -> np.ndarray:
    """Corners (v, 2), none the same as the next one."""
    corners = check_sample(vertices, "vertices")[0]
    if corners.shape[1] != 2:
        raise ValueError(f"vertices must have 2 columns, got shape {corners.shape}.")
    corners = corners[(corners != np.roll(corners, -1, axis=0)).any(axis=1)]
    if len(np.unique(corners, axis=0)) < 3:
        raise ValueError("vertices must hold at least 3 different corners, got "
                         f"{len(np.unique(corners, axis=0))}.")
    spread = corners - corners.mean(axis=0)
    widths = np.linalg.svd(spread / np.abs(spread).max(axis=0, initial=1e-300), compute_uv=False)
    if widths[1] <= FLAT * widths[0]:
        raise ValueError("vertices all lie on one line, which encloses no region.")
    return corners
