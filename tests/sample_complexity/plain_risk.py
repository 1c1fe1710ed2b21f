"""The coefficients of the risk by plain tensors."""

import numpy as np


def plain_cumulants(t, w):
    """Tensors of order 2, 3 and 4 of a law on the rows of t, one number at a time."""
    c = t - w @ t
    moments = [np.einsum("n" + "".join(f",n{k}" for k in "abcd"[:order]) + "->" + "abcd"[:order],
                         w, *[c] * order) for order in (2, 3, 4)]
    M2, M3, M4 = moments
    pairs = (np.einsum("ab,cd->abcd", M2, M2) + np.einsum("ac,bd->abcd", M2, M2)
             + np.einsum("ad,bc->abcd", M2, M2))
    return M2, M3, M4 - pairs


def plain_coefficients(model, V, K, w=None):
    """p*, c2 of the forward and the reverse risk by derivatives of the dual function."""
    G, psi3, psi4 = model
    W = np.linalg.inv(np.linalg.cholesky(G))
    A = W @ V @ W.T
    f3 = np.einsum("abc,ia,jb,kc->ijk", psi3, W, W, W)
    k3 = np.einsum("abc,ia,jb,kc->ijk", K, W, W, W)
    f4 = np.einsum("abcd,ia,jb,kc,ld->ijkl", psi4, W, W, W, W)
    phi3 = -f3
    phi4 = -f4 + sum(np.einsum(s, f3, f3) for s in ("abe,cde->abcd", "ace,bde->abcd",
                                                    "ade,bce->abcd"))
    cubes = 1 if w is None else np.sum(w**3) / np.sum(w**2)**2
    third, fourth = cubes * np.sum(phi3 * k3), 3 * np.einsum("abcd,ab,cd->", phi4, A, A)
    return np.array([np.trace(A), third / 3 + fourth / 8, third / 6 + fourth / 24])
