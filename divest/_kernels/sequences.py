"""Compiled loops over sequences of symbols: substrings, what edits change, chains and their edits.

Sequences stand one after the other in `tokens`, symbols as numbers from 0; sequence i is
``tokens[starts[i]:starts[i + 1]]``. A substring has a number: those of length 1 come first, then
those of length 2, and so on, each length in the order of its symbols.
"""

import math

import numpy as np

from divest._jit import kernel


@kernel
def first_number(length, n_symbols):
    """Number of the first substring of this length: how many shorter ones there are."""
    total, power = 0, 1
    for _ in range(length - 1):
        power *= n_symbols
        total += power
    return total


@kernel
def window_code(tokens, start, length, n_symbols):
    """A substring among those of its length."""
    code = 0
    for t in range(start, start + length):
        code = code * n_symbols + tokens[t]
    return code


# ------------------------------------------------------------------------------ features
@kernel
def substring_rows(tokens, starts, n_symbols, longest, indices, values, ends):
    """One entry per substring of each sequence: its number, and 1 / root of how many there are.

    Returns the number of entries; `ends` (n + 1,) says where those of each sequence end.
    """
    count = 0
    for i in range(starts.shape[0] - 1):
        for length in range(1, longest + 1):
            places = starts[i + 1] - starts[i] - length + 1
            offset = first_number(length, n_symbols)
            for s in range(starts[i], starts[i] + places):
                indices[count] = offset + window_code(tokens, s, length, n_symbols)
                values[count] = 1.0 / math.sqrt(places)
                count += 1
        ends[i + 1] = count
    return count


@kernel
def inverse_root(count):
    """1 / root of a number of places, 0 where there are none."""
    return 1.0 / math.sqrt(count) if count > 0 else 0.0


@kernel
def edit_field(tokens, first, end, row, substitute, leave, append, grow, remove, longest, field):
    """Add ``sum_y w(y) (features(y) - features(x))`` over all edits y of one sequence x to `field`.

    Weights w: ``substitute[row[t]]`` (K,) at place t, with the sum ``leave[row[t]]``; `append` (K,)
    with the sum `grow`; `remove`. Calls inside these loops, and signed indices, would take most of
    the time.
    """
    n_symbols, offset, stride = append.shape[0], 0, 1
    for length in range(1, longest + 1):
        places = end - first - length + 1
        if places < 0:
            return
        scale, more, fewer = (inverse_root(places), inverse_root(places + 1),
                              inverse_root(places - 1))
        kept = grow * (more - scale) + remove * (fewer - scale)
        code = window_code(tokens, first, length - 1, n_symbols)
        for s in range(first, first + places):
            code = code * n_symbols + tokens[s + length - 1]
            power, gone = 1, 0.0
            for t in range(s + length - 1, s - 1, -1):
                target, r = np.uint64(offset + code - tokens[t] * power), np.uint64(row[t])
                gone += leave[r]
                for a in range(n_symbols):
                    field[target] += substitute[r, a] * scale
                    target += np.uint64(power)
                power *= n_symbols
            lost = remove * fewer if s == first + places - 1 else 0.0
            field[offset + code] += kept - gone * scale - lost
            code -= tokens[s] * stride
        for a in range(n_symbols):
            field[offset + code * n_symbols + a] += append[a] * more
        stride *= n_symbols
        offset += stride


@kernel
def name_changed(tokens, first, end, n_symbols, longest, seen, touched):
    """Name the substrings that an edit may change, each once; how many there are.

    `seen` is all False, before and after.
    """
    count = 0
    for length in range(1, longest + 1):
        places, offset = end - first - length + 1, first_number(length, n_symbols)
        for s in range(first, first + places):
            code, power = offset + window_code(tokens, s, length, n_symbols), 1
            for t in range(s + length - 1, s - 1, -1):
                target = np.uint64(code - tokens[t] * power)
                for _ in range(n_symbols):
                    if not seen[target]:
                        seen[target] = True
                        touched[count] = target
                        count += 1
                    target += np.uint64(power)
                power *= n_symbols
        if places >= 0:
            stem = offset + n_symbols * window_code(tokens, end - length + 1, length - 1, n_symbols)
            for target in range(stem, stem + n_symbols):
                if not seen[target]:
                    seen[target] = True
                    touched[count] = target
                    count += 1
    for c in range(count):
        seen[touched[c]] = False
    return count


@kernel
def next_field(tokens, starts, i, row, substitute, leave, append, grow, remove, longest, field,
               seen, touched, named):
    """Put the field of sequence i into `field`; how many first entries of `touched` it fills."""
    count = named
    if named == 0:
        count = name_changed(tokens, starts[i], starts[i + 1], append.shape[1], longest, seen,
                             touched)
    edit_field(tokens, starts[i], starts[i + 1], row, substitute, leave, append[i], grow[i],
               remove[i], longest, field)
    return count


@kernel
def field_sums(tokens, starts, row, substitute, leave, append, grow, remove, longest, field, seen,
               touched, named, total, squares):
    """Add the fields of all sequences to `total`, and their squares to `squares`.

    `field` holds zeros; `touched` names its first `named` entries, all of them or none.
    """
    for i in range(starts.shape[0] - 1):
        count = next_field(tokens, starts, i, row, substitute, leave, append, grow, remove, longest,
                           field, seen, touched, named)
        if named > 0:
            for c in range(named):
                total[c] += field[c]
                squares[c] += field[c] * field[c]
                field[c] = 0.0
        for c in range(count - named):
            value = field[touched[c]]
            field[touched[c]] = 0.0
            total[touched[c]] += value
            squares[touched[c]] += value * value


@kernel
def field_rows(tokens, starts, row, substitute, leave, append, grow, remove, longest, field, seen,
               touched, named, indices, values, ends):
    """The fields one by one: numbers of the substrings, values, and where each sequence ends.

    Returns the number of entries.
    """
    filled = 0
    for i in range(starts.shape[0] - 1):
        count = next_field(tokens, starts, i, row, substitute, leave, append, grow, remove, longest,
                           field, seen, touched, named)
        for c in range(count):
            value = field[touched[c]]
            field[touched[c]] = 0.0
            if value != 0.0:
                indices[filled], values[filled] = touched[c], value
                filled += 1
        ends[i + 1] = filled
    return filled


# ------------------------------------------------------------------------------ Markov chains
@kernel
def context_codes(tokens, starts, n_symbols, order, codes):
    """Number of the substring that ends at each token: the symbol after at most `order` others."""
    offset = 0
    for i in range(starts.shape[0] - 1):
        for t in range(starts[i], starts[i + 1]):
            if t - starts[i] <= order:
                offset = first_number(t - starts[i] + 1, n_symbols)
            code = 0
            for s in range(max(starts[i], t - order), t + 1):
                code = code * n_symbols + tokens[s]
            codes[t] = offset + code


@kernel
def markov_substitutions(tokens, starts, codes, table, order, out):
    """Ratio of probabilities with each symbol at each place (T, K); 0 for the one that is there."""
    n_symbols = out.shape[1]
    for i in range(starts.shape[0] - 1):
        for t in range(starts[i], starts[i + 1]):
            here, now, power = codes[t] - tokens[t], 1.0 / table[codes[t]], n_symbols
            for a in range(n_symbols):
                out[t, a] = table[here + a] * now
            for s in range(t + 1, min(t + order + 1, starts[i + 1])):
                here, now = codes[s] - tokens[t] * power, 1.0 / table[codes[s]]
                for a in range(n_symbols):
                    out[t, a] *= table[here + a * power] * now
                power *= n_symbols
            out[t, tokens[t]] = 0.0


@kernel
def markov_ends(tokens, starts, n_symbols, order, last, stems):
    """Number of the substring that ends each sequence, and of that which one more 0 would end."""
    for i in range(starts.shape[0] - 1):
        length = min(starts[i + 1] - starts[i] - 1, order) + 1
        last[i] = (first_number(length, n_symbols)
                   + window_code(tokens, starts[i + 1] - length, length, n_symbols))
        length = min(starts[i + 1] - starts[i], order) + 1
        stems[i] = (first_number(length, n_symbols) + n_symbols
                    * window_code(tokens, starts[i + 1] - length + 1, length - 1, n_symbols))


@kernel
def window_rows(tokens, starts, n_symbols, order, offsets, rows):
    """Number of each token's window: the token and at most `order` symbols on either side.

    Windows with b symbols before the token and a after it are numbered from ``offsets[b, a]``.
    """
    for i in range(starts.shape[0] - 1):
        for t in range(starts[i], starts[i + 1]):
            before, after = min(t - starts[i], order), min(starts[i + 1] - 1 - t, order)
            rows[t] = (offsets[before, after]
                       + window_code(tokens, t - before, before + after + 1, n_symbols))


@kernel
def draw(cumulative, offset, n_symbols, uniform):
    """The symbol whose share of [0, 1) holds `uniform`."""
    a = 0
    while a < n_symbols - 1 and cumulative[offset + a] <= uniform:
        a += 1
    return a


@kernel
def markov_tokens(starts, uniforms, cumulative, n_symbols, order, tokens):
    """A chain for each sequence, from one uniform number for each token."""
    offset = 0
    for i in range(starts.shape[0] - 1):
        for t in range(starts[i], starts[i + 1]):
            if t - starts[i] <= order:
                offset = first_number(t - starts[i] + 1, n_symbols)
            code, a = 0, 0
            for s in range(max(starts[i], t - order), t):
                code = code * n_symbols + tokens[s]
            first, uniform = np.uint64(offset + code * n_symbols), uniforms[t]
            for b in range(n_symbols - 1):
                a += cumulative[first + np.uint64(b)] <= uniform
            tokens[t] = a


# ------------------------------------------------------------------------------ hidden Markov
@kernel
def log_of(value):
    """Logarithm; -infinity at 0."""
    return math.log(value) if value > 0.0 else -np.inf


@kernel
def hidden_forward(tokens, starts, initial, transition, emission, ahead, log_prob):
    """Law of the state at each token given the tokens before it, (T + n, S), and log p (n,).

    Each sequence has one row more than tokens: the law of the state that would follow.
    """
    n_states = initial.shape[0]
    for i in range(starts.shape[0] - 1):
        log_prob[i] = 0.0
        ahead[starts[i] + i] = initial
        for t in range(starts[i], starts[i + 1]):
            here, total, token = np.uint64(t + i), 0.0, np.uint64(tokens[t])
            then = here + np.uint64(1)
            for s in range(n_states):
                total += ahead[here, s] * emission[s, token]
                ahead[then, s] = 0.0
            log_prob[i] += log_of(total)
            if total > 0.0:
                factor = 1.0 / total
                for s in range(n_states):
                    share = ahead[here, s] * emission[s, token] * factor
                    for r in range(n_states):
                        ahead[then, r] += share * transition[s, r]


@kernel
def hidden_edits(tokens, starts, ahead, transition, emission, substitute, append, remove):
    """Ratios for all edits, but for the law of the length, from what `hidden_forward` left."""
    n_states, n_symbols = emission.shape
    behind, scratch = np.empty(n_states), np.empty(n_states)
    step = np.empty((n_symbols, n_states, n_states))
    for a in range(n_symbols):
        step[a] = transition * emission[:, a]
    for i in range(starts.shape[0] - 1):
        last = starts[i + 1] - 1
        behind[:] = 1.0
        emitted(ahead, last + 1 + i, behind, emission, append, i)
        for t in range(last, starts[i] - 1, -1):
            emitted(ahead, t + i, behind, emission, substitute, t)
            token = tokens[t]
            factor = 1.0 / substitute[t, token]
            if t == last:
                remove[i] = factor
            for a in range(n_symbols):
                substitute[t, a] *= factor
            substitute[t, token] = 0.0
            step_back(behind, step, token, scratch)


@kernel
def emitted(ahead, here, behind, emission, out, row):
    """Probability of each symbol between what stands before it and what stands behind it."""
    for a in range(emission.shape[1]):
        out[row, a] = 0.0
    for s in range(emission.shape[0]):
        share = ahead[here, s] * behind[s]
        for a in range(emission.shape[1]):
            out[row, a] += share * emission[s, a]


@kernel
def step_back(behind, step, token, scratch):
    """Take one more token into the probability of what stands behind, up to a factor."""
    n_states, total = behind.shape[0], 0.0
    for s in range(n_states):
        scratch[s] = behind[s]
        total += behind[s]
    factor = 1.0 / total  # known before the sums below are
    for s in range(n_states):
        total = 0.0
        for r in range(n_states):
            total += step[token, s, r] * scratch[r]
        behind[s] = total * factor


@kernel
def hidden_tokens(starts, uniforms, initial, transition, emission, tokens):
    """A chain and its tokens for each sequence, from two uniform numbers for each token.

    The laws are cumulative.
    """
    n_states, n_symbols = emission.shape
    for i in range(starts.shape[0] - 1):
        state = 0
        for t in range(starts[i], starts[i + 1]):
            law = initial if t == starts[i] else transition[state]
            state = draw(law, 0, n_states, uniforms[t, 0])
            tokens[t] = draw(emission[state], 0, n_symbols, uniforms[t, 1])


# ------------------------------------------------------------------------------ rows of categories
@kernel
def difference_tile(rows, ratios, first, start, n_symbols, out):
    """Difference Stein kernel of some rows with others, under the Hamming kernel.

    `rows` (n, d) of symbols, `ratios` (n, d): probability of a row with one symbol moved forward,
    divided by its own. `out` holds rows ``first, ...`` and columns ``start, ...``.
    """
    d = rows.shape[1]
    up, down = math.exp(1.0 / d), math.exp(-1.0 / d)
    for i in range(out.shape[0]):
        x, r = rows[first + i], ratios[first + i]
        for j in range(out.shape[1]):
            y, q = rows[start + j], ratios[start + j]
            unequal, total = 0, 0.0
            for c in range(d):
                unequal += x[c] != y[c]
                total += 1.0 + r[c] * q[c]
                total -= q[c] * moved(x[c], y[c], n_symbols, up, down)
                total -= r[c] * moved(y[c], x[c], n_symbols, up, down)
            out[i, j] = total * math.exp(-unequal / d)


@kernel
def moved(a, b, n_symbols, up, down):
    """By what the kernel of two symbols is multiplied when the first is moved backward."""
    before = a - 1 if a > 0 else n_symbols - 1
    if a == b:
        return down if before != b else 1.0
    return up if before == b else 1.0
