"""Generators of the sequences on which Hochreiter & Schmidhuber (1997) tested LSTM.

Each function makes `n_sequences` new sequences of one task of "Long short-term memory", Neural Computation
9(8):1735-1780, the targets in the form that the estimators and `Network` take:

========================  ============================================================  =====================
function                  task                                                          target
========================  ============================================================  =====================
make_embedded_reber       Experiment 1, the embedded Reber grammar                      next symbol, each step
make_long_lag             Experiment 2a, the same symbols between two that match        next symbol, each step
make_random_long_lag      Experiment 2b, random symbols between two that match          next symbol, each step
make_distractor_lag       Experiment 2c, the second symbol of a long string             x or y
make_two_sequence         Experiments 3a, 3b, 3c, the sign of the first elements        one number
make_adding               Experiment 4, the sum of two marked numbers                   one number
make_multiplication       Experiment 5, the product of two marked numbers               one number
make_temporal_order       Experiments 6a, 6b, the order of two or three symbols         class
make_delayed_xor          section 6, a task that the truncated gradient does not learn  0 or 1
make_parity               section 6, a task for guessing weights                        0 or 1
========================  ============================================================  =====================

Positions are counted from 1, and ranges include both ends. Symbols are sparse one-hot rows, real-valued
inputs are dense. A Generator or a RandomState given as `random_state` is advanced, so that repeated calls
make new data. "Reading" in the notes marks what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._messages import shown
from sklstm._sequences import Sequences, as_sequences

__all__ = [
    "REBER_SYMBOLS",
    "TEMPORAL_ORDER_SYMBOLS",
    "make_adding",
    "make_delayed_xor",
    "make_distractor_lag",
    "make_embedded_reber",
    "make_embedded_reber_sets",
    "make_long_lag",
    "make_multiplication",
    "make_parity",
    "make_random_long_lag",
    "make_temporal_order",
    "make_two_sequence",
    "reber_successors",
]

REBER_SYMBOLS = "BTPSXVE"  # the columns of make_embedded_reber
TEMPORAL_ORDER_SYMBOLS = "EBabcdXY"  # the columns of make_temporal_order

RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None
Array: TypeAlias = npt.NDArray[Any]

# ----------------------------------------------------------------------------------------------------------
# Experiment 1: the embedded Reber grammar

# Node of the Reber graph -> its edges (symbol, next node); node 7 is the end.
_REBER = (
    (("B", 1),),
    (("T", 2), ("P", 3)),
    (("S", 2), ("X", 4)),
    (("T", 3), ("V", 5)),
    (("X", 3), ("S", 6)),
    (("P", 4), ("V", 6)),
    (("E", 7),),
)
_LAST, _END, _ILLEGAL = 18, 19, 20  # states of the embedded grammar: before the last E, after it, neither


def _embedded_reber() -> list[Any]:
    """Edges of each state: B, then a Reber graph for T and one for P, left by the same symbol, then E."""
    states: list[Any] = [(("B", 1),), (("T", 2), ("P", 10))]
    for symbol, start in (("T", 2), ("P", 10)):
        states += [tuple((inner, start + node) for inner, node in edges) for edges in _REBER]
        states += [((symbol, _LAST),)]
    return [*states, (("E", _END),), ()]


def _after() -> Array:
    """Next state, for each state and symbol."""
    after = np.full((_ILLEGAL + 1, len(REBER_SYMBOLS)), _ILLEGAL)
    for state, edges in enumerate(_embedded_reber()):
        for symbol, following in edges:
            after[state, REBER_SYMBOLS.index(symbol)] = following
    return after


def _eight_steps() -> tuple[Array, Array, Array]:
    """Walk eight steps, for each state and byte: a bit of the byte makes the choice at each step.

    Returns flat arrays with an element for 256 * state + byte: the eight symbols, a byte each in one word;
    how many of them come before the end; 256 * the state that is reached.
    """
    edges = [e or (("B", _END),) for e in _embedded_reber()]  # beyond the end: filler
    first, second = (np.array([[REBER_SYMBOLS.index(e[i][0]), e[i][1]] for e in edges]) for i in (0, -1))
    state, byte = np.divmod(np.arange(256 * len(edges)), 256)
    symbols, count = np.empty((len(state), 8), dtype=np.int8), np.zeros_like(state)
    for step in range(8):
        count += state != _END
        bit = (byte >> step & 1)[:, np.newaxis]
        symbols[:, step], state = np.where(bit, second[state], first[state]).T
    return symbols.view(np.int64)[:, 0], count, 256 * state


_AFTER = _after()
_LEGAL = _AFTER != _ILLEGAL
_SYMBOLS_8, _COUNT_8, _STATE_8 = _eight_steps()


def make_embedded_reber(
    n_sequences: int, *, dtype: npt.DTypeLike = np.float64, random_state: RandomState = None
) -> tuple[Sequences, Sequences]:
    """Strings of the embedded Reber grammar, Experiment 1 of 1997: predict the next symbol.

    A string is B, then T or P, then a string of the Reber grammar, then the same T or P again, then E. A
    string of the Reber grammar is B, a walk through the graph of that grammar, and E. Choices are
    fifty-fifty. Strings have at least 9 symbols and 12 on average. The inputs are all symbols but the last,
    the targets all but the first.

    Parameters
    ----------
    n_sequences : int
        Number of strings; some will be equal, see `make_embedded_reber_sets`.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Sparse one-hot rows, 7 features: the symbols B, T, P, S, X, V, E.
    y : Sequences
        Dense one-hot rows, the symbol that follows each row of X; for ``return_sequences=True``.

    See Also
    --------
    reber_successors : The legal next symbols, for the paper's criterion of success.

    Notes
    -----
    Readings. The graph is the standard one of Reber. The target is the one symbol that does follow, not the
    set of those that may.

    Examples
    --------
    >>> from sklstm.tasks import make_embedded_reber
    >>> X, y = make_embedded_reber(256, random_state=0)
    >>> X.n_features, y.n_features, len(y)
    (7, 7, 256)
    >>> (X.lengths.min() >= 8).item(), (X.lengths == y.lengths).all().item()
    (True, True)
    """
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    return _next_reber_symbols(*_reber_strings(n, rng), dtype)


def make_embedded_reber_sets(
    n_train: int = 256,
    n_test: int = 256,
    *,
    unique: bool = True,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences, Sequences, Sequences]:
    """Two disjoint sets of strings of the embedded Reber grammar, as in Experiment 1 of 1997.

    The paper learns from 256 strings and tests on 256 others. For the strings see `make_embedded_reber`.

    Parameters
    ----------
    n_train, n_test : int, default=256
        Numbers of strings.
    unique : bool, default=True
        Whether no string may occur twice in a set. In two sets never does.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X_train, X_test, y_train, y_test : Sequences
        In the order of scikit-learn's ``train_test_split``; inputs sparse, targets dense, all one-hot.

    Notes
    -----
    Readings, as the paper says no more than that the sets are disjoint. With ``unique=True`` strings are
    drawn until enough different ones have been seen, and these are divided at random, so that both sets are
    of one kind; with the default sizes their strings have about 18 symbols on average, not 12 as in the
    grammar, since the likeliest strings are short and count once. With ``unique=False`` the training strings
    are as the grammar makes them, and the test strings are those after them that are not in the training set,
    hence longer.

    Examples
    --------
    >>> from sklstm.tasks import make_embedded_reber_sets
    >>> X_train, X_test, y_train, y_test = make_embedded_reber_sets(random_state=0)
    >>> len(X_train), len(X_test), X_train.n_features
    (256, 256, 7)
    """
    n_train, n_test = _integer("n_train", n_train), _integer("n_test", n_test)
    rng, dtype = _generator(random_state), _float(dtype)
    if not isinstance(unique, bool | np.bool_):
        raise TypeError(f"unique must be True or False, got {shown(unique)}.")
    symbols, lengths = _reber_strings(8 * (n_train + n_test), rng)
    while (parts := _disjoint(symbols, n_train, n_test, unique, rng)) is None:
        more, more_lengths = _reber_strings(len(symbols), rng)
        width = max(symbols.shape[1], more.shape[1])
        symbols = np.concatenate([np.pad(s, ((0, 0), (0, width - s.shape[1]))) for s in (symbols, more)])
        lengths = np.concatenate([lengths, more_lengths])
    train, test = (_next_reber_symbols(symbols[part], lengths[part], dtype) for part in parts)
    return train[0], test[0], train[1], test[1]


def _disjoint(
    symbols: Array, n_train: int, n_test: int, unique: bool, rng: np.random.Generator
) -> tuple[Array, Array] | None:
    """Rows of two sets without a common string, as early ones as possible; None if there are too few."""
    _, first, kind = np.unique(symbols, axis=0, return_index=True, return_inverse=True)
    if unique:
        chosen = np.sort(first)[: n_train + n_test]
        train, test = np.split(rng.permutation(chosen), [n_train])
    else:
        train, kind = np.arange(n_train), kind.ravel()
        test = np.flatnonzero(~np.isin(kind, kind[train]))[:n_test]
    return (train, test) if len(test) == n_test else None


def reber_successors(X: Any) -> npt.NDArray[np.bool_]:
    """Find the symbols that may follow each symbol of strings of the embedded Reber grammar.

    In Experiment 1 of 1997 a network has learned when, at every step of every string, the outputs of the
    legal successors, one or two, are the most active ones. The last but one symbol, T or P, is legal only if
    it is the second symbol of the string.

    Parameters
    ----------
    X : Sequences or iterable of str
        Strings from their first symbol on, whole or not, as one-hot rows in the order B, T, P, S, X, V, E
        (the X or any other container that the estimators take) or as text.

    Returns
    -------
    ndarray of bool of shape (n_steps, 7)
        A row for each symbol of all strings in turn, as in ``X.values``: what may come next. Nothing may
        after the last E.

    Examples
    --------
    >>> from sklstm.tasks import REBER_SYMBOLS, reber_successors
    >>> for legal in reber_successors(["BTBTXSET"]):
    ...     print(*[symbol for symbol, is_legal in zip(REBER_SYMBOLS, legal) if is_legal])
    T P
    B
    T P
    S X
    S X
    E
    T
    E

    The criterion, for `outputs` with a row a step: every legal symbol above every other one.

    >>> import numpy as np
    >>> from sklstm.tasks import make_embedded_reber
    >>> X, y = make_embedded_reber(10, random_state=0)
    >>> legal = reber_successors(X)
    >>> outputs = legal - 0.5
    >>> lowest_legal = np.where(legal, outputs, np.inf).min(axis=1)
    >>> bool((lowest_legal > np.where(legal, -np.inf, outputs).max(axis=1)).all())
    True
    """
    symbols, lengths = _reber_codes(X)
    starts = np.cumsum(lengths) - lengths
    states = np.empty(len(symbols), dtype=np.intp)
    state = np.zeros(len(lengths), dtype=np.intp)
    for step in range(lengths.max(initial=0)):
        active = np.flatnonzero(lengths > step)
        state[active] = _AFTER[state[active], symbols[starts[active] + step]]
        states[starts[active] + step] = state[active]
    if (states == _ILLEGAL).any():
        row = int((states == _ILLEGAL).argmax())
        i = int(np.searchsorted(starts, row, side="right")) - 1
        raise ValueError(
            f"X[{i}] is no string of the embedded Reber grammar: its symbol {row - starts[i] + 1}, "
            f"{REBER_SYMBOLS[symbols[row]]}, is not legal there."
        )
    return _LEGAL[states]


def _reber_strings(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Symbols of int8, one string a row and filled up with 0, and the lengths."""
    words, lengths = [], np.zeros(n, dtype=np.int64)
    active, state = np.arange(n), np.zeros(n, dtype=np.int64)
    while len(active):
        code = state + rng.integers(0, 256, len(active))
        word = np.zeros(n, dtype=np.int64)
        word[active] = _SYMBOLS_8.take(code)
        words.append(word)
        lengths[active] += _COUNT_8.take(code)
        state = _STATE_8.take(code)
        goes_on = state != 256 * _END
        active, state = active[goes_on], state[goes_on]
    return np.stack(words, axis=1).view(np.int8), lengths


def _next_reber_symbols(symbols: Array, lengths: Array, dtype: Any) -> tuple[Sequences, Sequences]:
    is_input = np.arange(1, symbols.shape[1]) < lengths[:, np.newaxis]
    offsets = _offsets(lengths - 1)
    X = _one_hot(symbols[:, :-1][is_input], offsets, len(REBER_SYMBOLS), dtype)
    return X, _dense_one_hot(symbols[:, 1:][is_input], offsets, len(REBER_SYMBOLS), dtype)


def _reber_codes(X: Any) -> tuple[Array, Array]:
    """Stacked symbols as columns of the one-hot code, and the lengths of the strings."""
    if isinstance(X, str):
        raise TypeError(f"X is one string; expected several, [{shown(X)}].")
    if isinstance(X, Iterable) and not isinstance(X, Sequences | np.ndarray):
        X = list(X)
        if all(isinstance(string, str) for string in X):
            text = "".join(X)
            if strange := set(text) - set(REBER_SYMBOLS):
                raise ValueError(f"X has the symbols {sorted(strange)}; expected those of {REBER_SYMBOLS}.")
            code = np.zeros(128, dtype=np.intp)
            code[[ord(symbol) for symbol in REBER_SYMBOLS]] = range(len(REBER_SYMBOLS))
            return code[np.frombuffer(text.encode(), np.uint8)], np.array(list(map(len, X)), dtype=np.int64)
    sequences = as_sequences(X, n_features=len(REBER_SYMBOLS), reference=f"symbols {REBER_SYMBOLS}")
    rows = sequences.values.toarray() if sequences.is_sparse else sequences.values
    symbols = rows.argmax(axis=1)
    is_one_hot = (rows == np.eye(len(REBER_SYMBOLS))[symbols]).all(axis=1)
    if not is_one_hot.all():
        row = int(is_one_hot.argmin())
        raise ValueError(f"X must have one-hot rows, got {rows[row].tolist()} at step {row} of all.")
    return symbols, sequences.lengths


# ----------------------------------------------------------------------------------------------------------
# Experiment 2: long time lags


def make_long_lag(
    n_sequences: int,
    p: int = 100,
    *,
    at_end: bool = False,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Any]:
    """Long time lags with the same symbols between, Experiment 2a of 1997: predict the next symbol.

    There are p + 1 symbols a_1, ..., a_{p-1}, x, y and two strings of p + 1 symbols, with probability 0.5
    each: (x, a_1, ..., a_{p-1}, x) and (y, a_1, ..., a_{p-1}, y). To predict the last symbol, the first has
    to be kept for p steps. The inputs are all symbols but the last, the targets all but the first.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    p : int, default=100
        Lag, at least 2.
    at_end : bool, default=False
        Whether the last symbol alone is the target, rather than the next one at each step.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Each of p steps; sparse one-hot rows, p + 1 features: a_1, ..., a_{p-1}, x, y.
    y : Sequences or ndarray of shape (n_sequences, p + 1)
        The symbol that follows each row of X, in dense one-hot rows, for ``return_sequences=True``; with
        `at_end` only the last symbol.

    Notes
    -----
    There being two strings only, both are a complete test. The targets of all steps take most of the time:
    they are dense, p + 1 numbers a step.

    Examples
    --------
    >>> from sklstm.tasks import make_long_lag
    >>> X, y = make_long_lag(10, p=4, random_state=0)
    >>> X[0].toarray()[1:]  # a_1, a_2, a_3 after x or y
    array([[1., 0., 0., 0., 0.],
           [0., 1., 0., 0., 0.],
           [0., 0., 1., 0., 0.]])
    >>> bool((y[0][-1] == X[0].toarray()[0]).all())
    True
    """
    p = _integer("p", p, least=2)
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    return _matching_ends(n, np.arange(p - 1, dtype=np.int32), p, at_end, rng, dtype)


def make_random_long_lag(
    n_sequences: int,
    p: int = 100,
    *,
    at_end: bool = False,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Any]:
    """Long time lags with random symbols between, Experiment 2b of 1997: predict the next symbol.

    As `make_long_lag`, but each of the p - 1 symbols between the first and the last is drawn from a_1, ...,
    a_{p-1}, with equal probabilities and independently. None but the last symbol can be predicted.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    p : int, default=100
        Lag, at least 2.
    at_end : bool, default=False
        Whether the last symbol alone is the target, rather than the next one at each step.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Each of p steps; sparse one-hot rows, p + 1 features: a_1, ..., a_{p-1}, x, y.
    y : Sequences or ndarray of shape (n_sequences, p + 1)
        The symbol that follows each row of X, in dense one-hot rows, for ``return_sequences=True``; with
        `at_end` only the last symbol.

    Notes
    -----
    The paper injects an error at every step and tests the outputs at the end of the string only; `at_end`
    makes the task of the test. Nothing in the input announces the last step.

    Examples
    --------
    >>> from sklstm.tasks import make_random_long_lag
    >>> X, y = make_random_long_lag(10, p=20, at_end=True, random_state=0)
    >>> X
    <Sequences: 10 of 20 to 20 steps, 21 features, float64 csr_array>
    >>> y.shape
    (10, 21)
    """
    p = _integer("p", p, least=2)
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    between = rng.integers(0, p - 1, (n, p - 1), dtype=np.int32)
    return _matching_ends(n, between, p, at_end, rng, dtype)


def _matching_ends(
    n: int, between: Array, p: int, at_end: bool, rng: np.random.Generator, dtype: Any
) -> tuple[Sequences, Any]:
    """Strings x ... x and y ... y: all symbols but the last, and all but the first or the last one alone."""
    symbols = np.empty((n, p + 1), dtype=np.int32)
    symbols[:, 1:-1] = between
    symbols[:, 0] = symbols[:, -1] = rng.integers(p - 1, p + 1, n)
    offsets = np.arange(n + 1, dtype=np.int64) * p
    X = _one_hot(symbols[:, :-1].ravel(), offsets, p + 1, dtype)
    if at_end:
        return X, _rows(symbols[:, -1], p + 1, dtype)
    return X, _dense_one_hot(symbols[:, 1:].ravel(), offsets, p + 1, dtype)


def make_distractor_lag(
    n_sequences: int,
    p: int = 50,
    q: int = 50,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Very long time lags in noise of varying length, Experiment 2c of 1997: recall the second symbol.

    There are p + 4 symbols: the distractors a_1, ..., a_p and e, b, x, y. A string is b, then x or y with
    probability 0.5 each, then q + k distractors, then e, then the same x or y again, which is to be predicted
    when e comes. The q distractors are a fixed number; then, again and again, another one comes with
    probability 9/10 and e with probability 1/10, so that k has the probability 0.1 * 0.9**k. All distractors
    are drawn from a_1, ..., a_p with equal probabilities. The lag is at least q + 1.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    p : int, default=50
        Number of different distractors; the paper has 50 to 1000.
    q : int, default=50
        Least number of distractors in a string, which may be 0; the paper has 50 to 1000.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Of q + k + 3 steps, from b to e; sparse one-hot rows, p + 4 features: a_1, ..., a_p, e, b, x, y.
    y : ndarray of shape (n_sequences, 2)
        (1, 0) if the last symbol is x, (0, 1) if it is y.

    Notes
    -----
    Readings. The symbol to be predicted is no input, so the string of q + k + 4 symbols has a step less.
    The distractors are drawn from all p, though the paper's sets of strings print q for the largest index.
    The mean length of a string is q + 13; the paper prints q + 14 for the same sum.

    Examples
    --------
    >>> from sklstm.tasks import make_distractor_lag
    >>> X, y = make_distractor_lag(1000, p=50, q=50, random_state=0)
    >>> X.n_features, X.lengths.min().item(), y.shape
    (54, 53, (1000, 2))
    """
    p, q = _integer("p", p), _integer("q", q, least=0)
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    e, b, x = p, p + 1, p + 2
    offsets = _offsets(q + 2 + rng.geometric(0.1, n))
    which = rng.integers(0, 2, n, dtype=np.int32)
    symbols = rng.integers(0, p, offsets[-1], dtype=np.int32)
    symbols[offsets[:-1]] = b
    symbols[offsets[:-1] + 1] = x + which
    symbols[offsets[1:] - 1] = e
    return _one_hot(symbols, offsets, p + 4, dtype), _rows(which, 2, dtype)


# ----------------------------------------------------------------------------------------------------------
# Experiment 3: noise and signal on one line


def make_two_sequence(
    n_sequences: int,
    n_informative: int = 3,
    min_length: int = 100,
    variant: str = "a",
    *,
    target_noise: bool = True,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Two-sequence problem, Experiments 3a, 3b and 3c of 1997: the sign of the first elements.

    A sequence of real numbers is of class 1 or 2 with probability 0.5 each. Its first `n_informative`
    elements are +1 in class 1 and -1 in class 2; all others are Gaussian, of mean 0 and variance 0.2. The
    length is uniform between T = `min_length` and T + T/10. The target, at the end, is 1 in class 1 and 0 in
    class 2.
    Variant "b" adds noise of the same distribution to the informative elements too. Variant "c" has the
    inputs of "a" and the targets 0.2 in class 1 and 0.8 in class 2, plus Gaussian noise of variance 0.1.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    n_informative : int, default=3
        The paper's N, from 1 to `min_length`; the paper has 3 and 1.
    min_length : int, default=100
        The paper's T; the paper has 100 and 1000.
    variant : {"a", "b", "c"}, default="a"
        Of the experiment.
    target_noise : bool, default=True
        Whether variant "c" has its noise on the targets: for learning; the paper tests against the targets
        without. Of no effect in the other variants.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : ndarray of shape (n_sequences,)
        Targets. Those of variant "c" can be outside [0, 1].

    Notes
    -----
    Readings. Lengths are integers from T to T + T/10, rounded down, both included. Variance 0.2, a standard
    deviation of 0.447, is meant literally: in variant "b" with N = 1 no classifier is then wrong less often
    than in 1.3 percent of the sequences, which agrees with the 1.2 and 1.5 percent that the paper reports.

    Examples
    --------
    >>> from sklstm.tasks import make_two_sequence
    >>> X, y = make_two_sequence(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 1 features, float64 ndarray>
    >>> bool((X[0][:3] == (1 if y[0] == 1 else -1)).all())
    True
    """
    min_length = _integer("min_length", min_length)
    n_informative = _integer("n_informative", n_informative)
    if n_informative > min_length:
        raise ValueError(f"n_informative must be at most min_length={min_length}, got {n_informative}.")
    if not isinstance(variant, str) or variant not in ("a", "b", "c"):
        raise ValueError(f"variant must be one of ['a', 'b', 'c'], got {shown(variant)}.")
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    offsets = _uniform_offsets(n, min_length, min_length + min_length // 10, rng)
    is_class_1 = rng.integers(0, 2, n, dtype=bool)
    values = rng.standard_normal(offsets[-1])
    values *= np.sqrt(0.2)
    informative = offsets[:-1, np.newaxis] + np.arange(n_informative)
    if variant != "b":
        values[informative] = 0
    values[informative] += np.where(is_class_1, 1.0, -1.0)[:, np.newaxis]
    y = np.where(is_class_1, 0.2, 0.8) if variant == "c" else is_class_1.astype(float)
    if variant == "c" and target_noise:
        y += np.sqrt(0.1) * rng.standard_normal(n)
    return _dense(values[:, np.newaxis], offsets, dtype), y.astype(dtype)


# ----------------------------------------------------------------------------------------------------------
# Experiments 4 and 5: the adding and the multiplication problem


def make_adding(
    n_sequences: int,
    min_length: int = 100,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Adding problem, Experiment 4 of 1997: the sum of two marked numbers.

    A step is a pair of a value, uniform in [-1, 1], and a marker. The length is uniform between T =
    `min_length` and T + T/10. The marker is -1 at the first and at the last step, 1 at two steps and 0
    elsewhere. The first of the two is one of the first ten steps, with equal probabilities; the second one of
    the first T/2 steps except it. With X1 and X2 for their values, the target, at the end, is
    0.5 + (X1 + X2) / 4. If the first step of the sequence is marked, its marker remains -1 and it counts as
    0. The lag is at least T/2.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    min_length : int, default=100
        The paper's T, at least 20; the paper has 100, 500 and 1000.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 2 features: value, marker.
    y : ndarray of shape (n_sequences,)
        Targets, in [0, 1].

    Notes
    -----
    Readings. Lengths are integers from T to T + T/10, halves and tenths rounded down. The second mark falls
    on one of the first T/2 steps, which leaves the T/2 - 1 unmarked ones that the paper speaks of and the lag
    that it lists. The paper lets X1 be 0 when the first step is marked; here that holds for X2 also.

    Examples
    --------
    >>> from sklstm.tasks import make_adding
    >>> X, y = make_adding(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 2 features, float64 ndarray>
    >>> value, marker = X[0].T
    >>> round(float(0.5 + value[marker == 1].sum() / 4 - y[0]), 12)
    0.0
    """
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    X, marked = _marked_pairs(n, min_length, -1.0, 0.0, rng, dtype)
    return X, (0.5 + marked.sum(axis=1) / 4).astype(dtype)


def make_multiplication(
    n_sequences: int,
    min_length: int = 100,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Multiplication problem, Experiment 5 of 1997: the product of two marked numbers.

    As `make_adding`, but the values are uniform in [0, 1], the target is X1 * X2, and a marked first step of
    the sequence counts as 1.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    min_length : int, default=100
        The paper's T, at least 20; the paper has 100.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 2 features: value, marker.
    y : ndarray of shape (n_sequences,)
        Targets, in [0, 1].

    Notes
    -----
    Readings: those of `make_adding`.

    Examples
    --------
    >>> from sklstm.tasks import make_multiplication
    >>> X, y = make_multiplication(1000, random_state=0)
    >>> value, marker = X[0].T
    >>> round(float(value[marker == 1].prod() - y[0]), 12)
    0.0
    """
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    X, marked = _marked_pairs(n, min_length, 0.0, 1.0, rng, dtype)
    return X, marked.prod(axis=1).astype(dtype)


def _marked_pairs(
    n: int, min_length: int, low: float, neutral: float, rng: np.random.Generator, dtype: Any
) -> tuple[Sequences, Array]:
    """Pairs of value and marker, and the two marked values: `neutral` for those of first steps."""
    min_length = _integer("min_length", min_length, least=20)  # ten steps are in the first half
    offsets = _uniform_offsets(n, min_length, min_length + min_length // 10, rng)
    pairs = np.zeros((offsets[-1], 2))
    pairs[:, 0] = rng.uniform(low, 1.0, offsets[-1])
    first = rng.integers(1, 11, n)
    second = rng.integers(1, min_length // 2, n)
    second += second >= first  # 1 to T/2 without `first`
    positions = np.stack([first, second], axis=1)
    rows = offsets[:-1, np.newaxis] + positions - 1
    pairs[rows, 1] = 1
    pairs[offsets[:-1], 1] = pairs[offsets[1:] - 1, 1] = -1
    return _dense(pairs, offsets, dtype), np.where(positions == 1, neutral, pairs[rows, 0])


# ----------------------------------------------------------------------------------------------------------
# Experiment 6: temporal order

_WINDOWS = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}
_ORDERS = {n: np.array(["".join(order) for order in product("XY", repeat=n)]) for n in _WINDOWS}


def make_temporal_order(
    n_sequences: int,
    n_relevant: int = 2,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Temporal order of widely separated symbols, Experiments 6a and 6b of 1997: classify by it.

    A string starts with E, ends with B and has from 100 to 110 symbols, all lengths being equally likely.
    Two of them are X or Y, with probability 0.5 each, one at a position from 10 to 20 and one at a position
    from 50 to 60; with ``n_relevant=3`` there are three, at positions from 10 to 20, 33 to 43 and 66 to 76.
    The other symbols are drawn from a, b, c, d. The class, at the end, is the order of the X and Y: that is 4
    or 8 classes.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    n_relevant : {2, 3}, default=2
        Number of relevant symbols: 2 in Experiment 6a, 3 in 6b.
    dtype : {float64, float32}, default=float64
        Of the inputs.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Sparse one-hot rows, 8 features: E, B, a, b, c, d, X, Y.
    y : ndarray of str of shape (n_sequences,)
        The relevant symbols in order: "XX", "XY", "YX", "YY", which the paper calls Q, R, S, U; with three
        "XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY", in the paper Q, R, S, U, V, A, B, C.

    Notes
    -----
    Readings: positions are counted from 1, so that E is at 1, and ranges include both ends.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import TEMPORAL_ORDER_SYMBOLS, make_temporal_order
    >>> X, y = make_temporal_order(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 8 features, float64 csr_array>
    >>> np.unique(y).tolist()
    ['XX', 'XY', 'YX', 'YY']
    >>> text = "".join(TEMPORAL_ORDER_SYMBOLS[column] for column in X[0].indices)
    >>> bool(text.strip("EBabcd").translate(dict.fromkeys(map(ord, "abcd"))) == y[0])
    True
    """
    if n_relevant not in (2, 3):
        raise ValueError(f"n_relevant must be 2 or 3, got {shown(n_relevant)}.")
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    E, B, a, X, Y = (TEMPORAL_ORDER_SYMBOLS.index(symbol) for symbol in "EBaXY")
    offsets = _uniform_offsets(n, 100, 110, rng)
    order = rng.integers(0, 2, (n, n_relevant), dtype=np.int32)
    symbols = rng.integers(a, X, offsets[-1], dtype=np.int32)
    symbols[offsets[:-1]] = E
    symbols[offsets[1:] - 1] = B
    for i, (low, high) in enumerate(_WINDOWS[n_relevant]):
        positions = rng.integers(low, high + 1, n)
        symbols[offsets[:-1] + positions - 1] = np.where(order[:, i], Y, X)
    y = _ORDERS[n_relevant][order @ (1 << np.arange(n_relevant)[::-1])]
    return _one_hot(symbols, offsets, len(TEMPORAL_ORDER_SYMBOLS), dtype), y


# ----------------------------------------------------------------------------------------------------------
# section 6: limits


def make_delayed_xor(
    n_sequences: int,
    delay: int = 50,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Strongly delayed XOR, a limit of truncated LSTM that section 6 of 1997 names.

    A step is a pair of a bit, -1 or 1 with probability 0.5 each, and a marker, 1 at two relevant steps and 0
    elsewhere. The target, at the end, is 1 if the two relevant bits differ and 0 if they are equal. The first
    relevant step is uniform between 1 and 10, the second between `delay` + 10 and `delay` + 19, the length
    between 2 * `delay` + 19 and 2 * `delay` + 28: at least `delay` steps lie from each to the next and to the
    end.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    delay : int, default=50
        Least lag, at least 1.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 2 features: bit, marker.
    y : ndarray of shape (n_sequences,)
        Targets, 0 or 1.

    Notes
    -----
    Reading, all of it: the paper tells of the XOR of two widely separated inputs in a noisy sequence and
    defines no more. It names the difficulty, that one of the two inputs alone does not reduce the expected
    error. The markers are those of its Experiment 4.

    Examples
    --------
    >>> from sklstm.tasks import make_delayed_xor
    >>> X, y = make_delayed_xor(1000, delay=50, random_state=0)
    >>> X
    <Sequences: 1000 of 119 to 128 steps, 2 features, float64 ndarray>
    >>> bit, marker = X[0].T
    >>> first, second = bit[marker == 1]
    >>> bool((first != second) == y[0])
    True
    """
    delay = _integer("delay", delay)
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    offsets = _uniform_offsets(n, 2 * delay + 19, 2 * delay + 28, rng)
    pairs = np.zeros((offsets[-1], 2))
    pairs[:, 0] = _bits(offsets[-1], rng)
    first, second = (offsets[:-1] + rng.integers(low, low + 10, n) - 1 for low in (1, delay + 10))
    pairs[first, 1] = pairs[second, 1] = 1
    return _dense(pairs, offsets, dtype), (pairs[first, 0] != pairs[second, 0]).astype(dtype)


def make_parity(
    n_sequences: int,
    min_length: int = 500,
    max_length: int = 600,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Sequential parity, a limit of LSTM that section 6 of 1997 names: whether the number of ones is odd.

    A sequence of -1 and 1, with probability 0.5 each, has a length that is uniform between `min_length` and
    `max_length`. The target, at the end, is 1 if the number of its 1 is odd, and 0 if it is even.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    min_length, max_length : int, default=500, 600
        Range of the lengths, both ends included.
    dtype : {float64, float32}, default=float64
        Of inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : ndarray of shape (n_sequences,)
        Targets, 0 or 1.

    Notes
    -----
    Readings. The paper speaks of 500-step parity, which LSTM that starts from small weights does not solve
    and random guessing of weights does. Coding and lengths are those of the experiments on guessing in
    Hochreiter & Schmidhuber, "LSTM can solve hard long time lag problems", Advances in Neural Information
    Processing Systems 9 (1997) 473-479. What is counted is 1, not -1, and the classes are equally likely,
    not equally many.

    Examples
    --------
    >>> from sklstm.tasks import make_parity
    >>> X, y = make_parity(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 500 to 600 steps, 1 features, float64 ndarray>
    >>> bool((X[0] == 1).sum() % 2 == y[0])
    True
    """
    min_length = _integer("min_length", min_length)
    max_length = _integer("max_length", max_length)
    if max_length < min_length:
        raise ValueError(f"max_length must be at least min_length={min_length}, got {max_length}.")
    n, rng, dtype = _n_sequences(n_sequences), _generator(random_state), _float(dtype)
    offsets = _uniform_offsets(n, min_length, max_length, rng)
    bits = _bits(offsets[-1], rng)
    is_odd = np.logical_xor.reduceat(bits > 0, offsets[:-1])
    return _dense(bits[:, np.newaxis], offsets, dtype), is_odd.astype(dtype)


# ----------------------------------------------------------------------------------------------------------
# what the generators share


def _integer(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {shown(value)}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")
    return int(value)


def _n_sequences(n_sequences: Any) -> int:
    return _integer("n_sequences", n_sequences)


def _float(dtype: Any) -> Any:
    try:
        if np.dtype(dtype).type in (np.float64, np.float32):
            return np.dtype(dtype)
    except TypeError:
        pass
    raise ValueError(f"dtype must be float64 or float32, got {dtype!r}.")


def _generator(random_state: Any) -> np.random.Generator:
    """Return the Generator, or one that starts from the seed or from numbers of the RandomState."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
    elif not (random_state is None or isinstance(random_state, Integral | np.random.Generator)):
        expected = "an int, a Generator, a RandomState or None"
        raise TypeError(f"random_state must be {expected}, got {shown(random_state)}.")
    elif isinstance(random_state, Integral) and random_state < 0:
        raise ValueError(f"random_state must be at least 0, got {random_state}.")
    return np.random.default_rng(random_state)


def _bits(n: int, rng: np.random.Generator) -> Array:
    """-1. or 1., n times."""
    bits = rng.integers(0, 2, n, dtype=bool).astype(np.float64)
    bits *= 2
    bits -= 1
    return bits


def _offsets(lengths: Array) -> Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _uniform_offsets(n: int, low: int, high: int, rng: np.random.Generator) -> Array:
    """Offsets of sequences of lengths that are uniform from `low` to `high`, both included."""
    return _offsets(rng.integers(low, high + 1, n))


def _dense(values: Array, offsets: Array, dtype: Any) -> Sequences:
    return Sequences._trusted(values.astype(dtype, copy=False), offsets)


def _rows(symbols: Array, n_symbols: int, dtype: Any) -> Array:
    """Dense one-hot rows."""
    return np.eye(n_symbols, dtype=dtype).take(symbols, axis=0)


def _dense_one_hot(symbols: Array, offsets: Array, n_symbols: int, dtype: Any) -> Sequences:
    return Sequences._trusted(_rows(symbols, n_symbols, dtype), offsets)


def _one_hot(symbols: Array, offsets: Array, n_symbols: int, dtype: Any) -> Sequences:
    """Sparse one-hot rows."""
    n_steps = len(symbols)
    index = np.int32 if n_steps <= np.iinfo(np.int32).max else np.int64
    parts = np.ones(n_steps, dtype), symbols.astype(index, copy=False), np.arange(n_steps + 1, dtype=index)
    return Sequences._trusted(sparse.csr_array(parts, shape=(n_steps, n_symbols)), offsets)
