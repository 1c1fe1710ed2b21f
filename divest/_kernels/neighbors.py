"""Compiled loops of the neighbour search, and of what is counted in the balls it finds."""

import math

import numpy as np

from divest._jit import kernel

LANES = 64  # groups that a tile of scores is looked at in; most groups hold no candidate


@kernel
def distance(a, b, power):
    """Distance of two points; `power` is 1, 2, or 0 for the largest coordinate."""
    total = 0.0
    for c in range(a.shape[0]):
        gap = abs(a[c] - b[c])
        if power == 2:
            total += gap * gap
        elif power == 1:
            total += gap
        else:
            total = max(total, gap)
    return math.sqrt(total) if power == 2 else total


@kernel
def distance_tile(queries, points, power, scores):
    """Manhattan (1) or largest-coordinate (0) distances; `queries` (m, d), `points` (d, n)."""
    for i in range(queries.shape[0]):
        row = scores[i]
        row[:] = 0.0
        for c in range(points.shape[0]):
            here = queries[i, c]
            if power == 1:
                for j in range(points.shape[1]):
                    row[j] += abs(points[c, j] - here)
            else:
                for j in range(points.shape[1]):
                    row[j] = max(row[j], abs(points[c, j] - here))


@kernel
def partition(scores, labels, count, k):
    """Reorder the first `count` entries so that the `k` smallest scores come first."""
    low, high = 0, count - 1
    while low < high:
        pivot = scores[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while scores[i] < pivot:
                i += 1
            while scores[j] > pivot:
                j -= 1
            if i <= j:
                scores[i], scores[j] = scores[j], scores[i]
                labels[i], labels[j] = labels[j], labels[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return


@kernel
def compact(scores, labels, count, k, limit, point_slack, query_slack):
    """Keep the candidates that may be among the `k` nearest; return their number and the limit.

    The number is -1 where scores above `limit`, which were not kept, may be among them too.
    """
    partition(scores, labels, count, k)
    largest, slack = float(scores[0]), 0.0
    for m in range(k):
        largest = max(largest, float(scores[m]))
        slack = max(slack, point_slack[labels[m]])
    reach = largest + slack + query_slack
    if reach > limit:
        return -1, limit
    rounding = 2e-7 if scores.itemsize == 4 else 4e-16  # of the limit itself, to the scores' type
    reach += rounding * abs(reach) + 1e-36
    kept = k
    for m in range(k, count):
        if scores[m] <= reach:
            scores[kept], scores[m] = scores[m], scores[kept]
            labels[kept], labels[m] = labels[m], labels[kept]
            kept += 1
    return kept, reach


@kernel
def scan_tile(scores, first, k, rank, point_slack, query_slack, kept_scores, kept, counts, limits):
    """Add to each row's candidates the columns of a tile of scores that may be near.

    `scores` is (rows, columns) of points ``first, first + 1, ...``. Columns `LANES` apart are
    judged together by their minimum; most of these groups hold no candidate. The first tile
    guesses the limit: the `rank`-th smallest of these minima, or none where `rank` is 0. Rows for
    which the candidates turn out to be no guide get count -1.
    """
    rows, columns = scores.shape
    capacity = kept.shape[1]
    lowest, sorted_lowest = np.empty(LANES, scores.dtype), np.empty(LANES, scores.dtype)
    for i in range(rows):
        count, limit, row = counts[i], limits[i], scores[i]
        if count < 0:
            continue
        lowest_of_groups(row, lowest)
        if first == 0 and rank > 0:
            sorted_lowest[:] = lowest
            sorted_lowest.sort()
            limit = sorted_lowest[rank - 1]
        for c in range(LANES):
            if lowest[c] <= limit and count < capacity:
                for j in range(c, columns, LANES):
                    if row[j] <= limit and count < capacity:
                        kept_scores[i, count] = row[j]
                        kept[i, count] = first + j
                        count += 1
        if count == capacity:
            count = -1
        elif count > 4 * k:
            count, reach = compact(kept_scores[i], kept[i], count, k, limit, point_slack,
                                   query_slack[i])
            limit = limits.dtype.type(reach)
            if count > 3 * k:
                count = -1
        counts[i], limits[i] = count, limit


@kernel
def lowest_of_groups(row, lowest):
    """Minimum over the entries that are a multiple of `LANES` apart."""
    columns = row.shape[0]
    whole = columns - columns % LANES
    lowest[:] = np.inf
    for start in range(0, whole, LANES):
        part = row[start:start + LANES]
        for c in range(LANES):
            if part[c] < lowest[c]:
                lowest[c] = part[c]
    for j in range(whole, columns):
        if row[j] < lowest[j - whole]:
            lowest[j - whole] = row[j]


@kernel
def settle(queries, points, power, k, point_slack, query_slack, kept_scores, kept, counts, limits,
           distances, indices):
    """The exact `k` nearest points of each query, in order, out of its candidates.

    `points` is (n, d). Where the candidates are no guide, all points are compared.
    """
    for i in range(queries.shape[0]):
        count = counts[i]
        if count >= k:
            count, _ = compact(kept_scores[i], kept[i], count, k, limits[i], point_slack,
                               query_slack[i])
        near = kept[i, :count] if count >= k else np.arange(points.shape[0]).astype(kept.dtype)
        exact = np.empty(near.shape[0])
        for m in range(near.shape[0]):
            exact[m] = distance(queries[i], points[near[m]], power)
        if count < k:
            partition(exact, near, near.shape[0], k)
            exact = exact[:k]
        order = np.argsort(exact)
        for m in range(k):
            distances[i, m] = exact[order[m]]
            indices[i, m] = near[order[m]]


@kernel
def closed_balls(indices, distances, weights, ks, own, tie):
    """Where the closed ball of each number of rows ends in the sorted list of near points.

    Parameters
    ----------
    indices, distances : (m, length), near points in order of distance
    weights : (points,), number of rows at each point
    ks : increasing numbers of rows, of which `own` (0 or 1) at the query do not count
    tie : relative tolerance within which distances are equal

    Returns
    -------
    ends : (m, len(ks)) int32, the ball holds the entries before; -1 where the list is too short
    """
    m, length = indices.shape
    ends = np.full((m, ks.shape[0]), -1, np.int32)
    for i in range(m):
        rows, end = 0, 0
        for b in range(ks.shape[0]):
            while end < length and rows < ks[b] + own:
                rows += weights[indices[i, end]]
                end += 1
            if rows < ks[b] + own:
                break
            edge = distances[i, end - 1] * (1.0 + tie)
            while end < length and distances[i, end] <= edge:
                rows += weights[indices[i, end]]
                end += 1
            if end == length and length < weights.shape[0]:
                break  # the next point may tie with the edge
            ends[i, b] = end
    return ends


@kernel
def ball_sums(indices, ends, values):
    """Sum of `values` (points,) over the entries before each end; (m, len(ks)) int64."""
    m, n_balls = ends.shape
    sums = np.empty((m, n_balls), np.int64)
    for i in range(m):
        total, j = 0, 0
        for b in range(n_balls):
            while j < ends[i, b]:
                total += values[indices[i, j]]
                j += 1
            sums[i, b] = total
    return sums


@kernel
def scatter(rows, indices, ends, changes, out):
    """Add to each near point the change that its removal makes to the row whose ball it is in.

    `changes` (points, balls, columns) holds, for ball b, the sum of the changes in balls b and
    larger: what a point pays that enters at ball b. `rows` names the centres of the balls; a
    centre pays nothing to itself. `out` is (points, columns).
    """
    n_balls, columns = ends.shape[1], out.shape[1]
    for i in range(rows.shape[0]):
        row, j = rows[i], 0
        for b in range(n_balls):
            while j < ends[i, b]:
                near = indices[i, j]
                if near != row:
                    for c in range(columns):
                        out[near, c] += changes[row, b, c]
                j += 1


@kernel
def permuted_sums(rows, indices, ends, members, labels, starts, sizes, table, out):
    """Add the sums over rows of the tabulated terms, for many labellings at once.

    Parameters
    ----------
    rows : (m,), centres of the balls
    indices, ends : near points of each and where its balls end
    members : (points,), number of rows at each point
    labels : (points, lanes), number of those that are labelled P, in each labelling
    starts, sizes : (points, balls), where the table of each ball starts, and K, the rows in it
    table : terms of a Q-row with C = 0..K rows of P in its ball, then those of a P-row
    out : (balls, lanes), added to
    """
    lanes, n_balls = labels.shape[1], ends.shape[1]
    found = np.empty(lanes, np.int32)  # rows of P in the ball, the centre's own among them
    for i in range(rows.shape[0]):
        found[:] = 0
        row, j = rows[i], 0
        own = labels[row]
        for b in range(n_balls):
            while j < ends[i, b]:
                near = labels[indices[i, j]]
                for c in range(lanes):
                    found[c] += near[c]
                j += 1
            start, size = starts[row, b], sizes[row, b]
            if members[row] == 1:
                for c in range(lanes):
                    out[b, c] += table[start + found[c] + size * own[c]]
            else:
                for c in range(lanes):
                    if own[c] > 0:  # a P-row does not count itself
                        out[b, c] += own[c] * table[start + size + found[c]]
                    if own[c] < members[row]:
                        out[b, c] += (members[row] - own[c]) * table[start + found[c]]


@kernel
def within(queries, points, members, power, reach):
    """Distance of the farthest point within reach of each query, and the number of rows within.

    Parameters
    ----------
    queries, points : (m, d) and (points, d)
    members : (points,), number of rows at each point
    power : 1, 2, or 0 for the largest coordinate
    reach : (m,), the largest distance that counts
    """
    columns, gaps = np.ascontiguousarray(points.T), np.empty(points.shape[0])
    farthest, count = np.zeros(queries.shape[0]), np.zeros(queries.shape[0], np.int64)
    for i in range(queries.shape[0]):
        gaps[:] = 0.0
        for c in range(columns.shape[0]):
            here = queries[i, c]
            for j in range(gaps.shape[0]):
                gap = abs(columns[c, j] - here)
                if power == 2:
                    gaps[j] += gap * gap
                elif power == 1:
                    gaps[j] += gap
                else:
                    gaps[j] = max(gaps[j], gap)
        for j in range(gaps.shape[0]):
            gap = math.sqrt(gaps[j]) if power == 2 else gaps[j]
            if gap <= reach[i]:
                farthest[i] = max(farthest[i], gap)
                count[i] += members[j]
    return farthest, count


@kernel
def closed_intervals(values, point_of_row, ks, tie):
    """Closed balls on a line: intervals around each point that hold k rows beside its own.

    For each k the window of k + 1 rows slides to the right with its centre.

    Parameters
    ----------
    values : (points,), increasing
    point_of_row : (rows,), the point of each row, in the same order
    ks : numbers of rows, of which one at the centre does not count
    tie : relative tolerance within which distances are equal

    Returns
    -------
    lefts, rights : (points, len(ks)) int64, the ball holds the points left <= j < right
    """
    n, n_rows = values.shape[0], point_of_row.shape[0]
    lefts = np.empty((n, ks.shape[0]), np.int64)
    rights = np.empty((n, ks.shape[0]), np.int64)
    for b in range(ks.shape[0]):
        first, k = 0, ks[b]
        for i in range(n):
            here = values[i]
            while (first + k + 1 < n_rows and here - values[point_of_row[first]]
                   > values[point_of_row[first + k + 1]] - here):
                first += 1
            left, right = point_of_row[first], point_of_row[first + k] + 1
            reach = max(here - values[left], values[right - 1] - here) * (1.0 + tie)
            while left > 0 and here - values[left - 1] <= reach:
                left -= 1
            while right < n and values[right] - here <= reach:
                right += 1
            lefts[i, b], rights[i, b] = left, right
    return lefts, rights
