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
def edit_field(tokens, first, end, substitute, append, remove, longest, field, touched, count):
    """``sum_y w(y) (features(y) - features(x))`` over all edits y of one sequence x.

    `substitute` (T, K), `append` (K,) and `remove` hold the weights w. Adds to `field`, and returns
    how many of its entries, named in `touched`, may not be zero: all of them, named beforehand,
    where `count` is not 0. Calls inside these loops would take most of the time.
    """
    n_symbols, dense, grow = append.shape[0], count > 0, 0.0
    for a in range(n_symbols):
        grow += append[a]
    for length in range(1, longest + 1):
        places, offset = end - first - length + 1, first_number(length, n_symbols)
        scale, more, fewer = (inverse_root(places), inverse_root(places + 1),
                              inverse_root(places - 1))
        kept = grow * (more - scale) + remove * (fewer - scale)
        for s in range(first, first + places):
            code, power, gone = 0, 1, 0.0
            for t in range(s, s + length):
                code = code * n_symbols + tokens[t]
            code += offset
            for t in range(s + length - 1, s - 1, -1):
                base = code - tokens[t] * power
                for a in range(n_symbols):
                    weight, target = substitute[t, a] * scale, base + a * power
                    gone += weight
                    if not dense and field[target] == 0.0:
                        touched[count] = target
                        count += 1
                    field[target] += weight
                power *= n_symbols
            if not dense and field[code] == 0.0:
                touched[count] = code
                count += 1
            lost = remove * fewer if s == first + places - 1 else 0.0
            field[code] += kept - gone - lost
        if places >= 0:
            stem = offset + n_symbols * window_code(tokens, end - length + 1, length - 1, n_symbols)
            for a in range(n_symbols):
                if not dense and field[stem + a] == 0.0:
                    touched[count] = stem + a
                    count += 1
                field[stem + a] += append[a] * more
    return count


@kernel
def field_sums(tokens, starts, substitute, append, remove, longest, field, touched, named, total,
               own):
    """Add the fields of all sequences to `total`; the square of each goes to `own` (n,).

    `field` holds zeros, `touched` names its first `named` entries.
    """
    for i in range(starts.shape[0] - 1):
        count = edit_field(tokens, starts[i], starts[i + 1], substitute, append[i], remove[i],
                           longest, field, touched, named)
        square = 0.0
        for c in range(count):
            value = field[touched[c]]
            field[touched[c]] = 0.0
            total[touched[c]] += value
            square += value * value
        own[i] = square


@kernel
def field_rows(tokens, starts, substitute, append, remove, longest, field, touched, named, indices,
               values, ends):
    """The fields one by one: numbers of the substrings, values, and where each sequence ends.

    Returns the number of entries.
    """
    filled = 0
    for i in range(starts.shape[0] - 1):
        count = edit_field(tokens, starts[i], starts[i + 1], substitute, append[i], remove[i],
                           longest, field, touched, named)
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
def markov_stems(tokens, starts, n_symbols, order, stems):
    """Number of the substring that symbol 0 at the end of each sequence would complete, (n,)."""
    for i in range(starts.shape[0] - 1):
        length = min(starts[i + 1] - starts[i], order) + 1
        stems[i] = (first_number(length, n_symbols) + n_symbols
                    * window_code(tokens, starts[i + 1] - length + 1, length - 1, n_symbols))


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
            first = offset + code * n_symbols
            for b in range(first, first + n_symbols - 1):
                a += cumulative[b] <= uniforms[t]
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
            here, total = t + i, 0.0
            for s in range(n_states):
                total += ahead[here, s] * emission[s, tokens[t]]
            log_prob[i] += log_of(total)
            ahead[here + 1, :] = 0.0
            if total > 0.0:
                for s in range(n_states):
                    share = ahead[here, s] * emission[s, tokens[t]] / total
                    for r in range(n_states):
                        ahead[here + 1, r] += share * transition[s, r]


@kernel
def hidden_edits(tokens, starts, ahead, transition, emission, substitute, append, remove):
    """Ratios for all edits, but for the law of the length, from what `hidden_forward` left."""
    n_states, n_symbols = emission.shape
    behind, scratch = np.empty(n_states), np.empty(n_states)
    for i in range(starts.shape[0] - 1):
        behind[:] = 1.0
        last = starts[i + 1] - 1
        for t in range(last, starts[i] - 1, -1):
            here = ahead[t + i]
            now = edited(here, behind, emission, tokens[t])
            if t == last:
                remove[i] = 1.0 / now
            for a in range(n_symbols):
                substitute[t, a] = edited(here, behind, emission, a) / now
            substitute[t, tokens[t]] = 0.0
            step_back(behind, transition, emission, tokens[t], scratch)
        behind[:] = 1.0
        for a in range(n_symbols):
            append[i, a] = edited(ahead[last + 1 + i], behind, emission, a)


@kernel
def edited(ahead, behind, emission, symbol):
    """Probability of a symbol between what stands before it and what stands behind it."""
    total = 0.0
    for s in range(ahead.shape[0]):
        total += ahead[s] * emission[s, symbol] * behind[s]
    return total


@kernel
def step_back(behind, transition, emission, symbol, scratch):
    """Take one more token into the probability of what stands behind, up to a factor."""
    largest = 0.0
    for s in range(behind.shape[0]):
        scratch[s] = emission[s, symbol] * behind[s]
    for s in range(behind.shape[0]):
        behind[s] = 0.0
        for r in range(behind.shape[0]):
            behind[s] += transition[s, r] * scratch[r]
        largest = max(largest, behind[s])
    for s in range(behind.shape[0]):
        behind[s] /= largest


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
