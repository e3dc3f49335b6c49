"""The embedded Reber grammar: single strings (1997, Experiment 1) and endless streams (2000)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences import Sequences, as_sequences
from sklstm.tasks._shared import (
    Array,
    RandomState,
    dense,
    dense_one_hot,
    float_dtype,
    generator,
    integer,
    n_sequences_of,
    offsets_of,
    one_hot,
)

REBER_SYMBOLS = "BTPSXVE"  # the columns of make_embedded_reber

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
_LAST, _END, _ILLEGAL = 18, 19, 20  # states of the embedded grammar: before the last E, after it, illegal


def _embedded_reber() -> list[Any]:
    """Edges of each state: B, then one Reber graph for T and one for P, left by the same symbol, then E."""
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
    """Walk eight steps, for each state and byte: at each step, a bit of the byte chooses the edge.

    Returns flat arrays with an element for 256 * state + byte: the eight symbols as the bytes of one word,
    the number of them before the end, and 256 * the state after them.
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
    string of the Reber grammar is B, a walk through the graph of that grammar, and E. Both edges of a node
    are equally likely. Strings have at least 9 symbols and 12 on average. The inputs are all symbols except
    the last; the targets are all except the first.

    Parameters
    ----------
    n_sequences : int
        Number of strings; some will be equal, see `make_embedded_reber_sets`.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
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
    Chosen here: the graph is the standard one of Reber, and the target is the symbol that does follow, not
    the set of those that may follow.

    Examples
    --------
    >>> from sklstm.tasks import make_embedded_reber
    >>> X, y = make_embedded_reber(256, random_state=0)
    >>> X.n_features, y.n_features, len(y)
    (7, 7, 256)
    >>> (X.lengths.min() >= 8).item(), (X.lengths == y.lengths).all().item()
    (True, True)
    """
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
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
        Whether the strings of a set are all different. No string is in both sets in any case.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X_train, X_test, y_train, y_test : Sequences
        Sparse inputs and dense targets, all one-hot, in the order of scikit-learn's ``train_test_split``.

    Notes
    -----
    The paper only says that the sets are disjoint. With ``unique=True``, strings are drawn until there are
    enough different ones, and these are divided at random, so that both sets have the same distribution. With
    the default sizes, their strings have about 18 symbols on average, not 12 as in the grammar, because the
    most likely strings are short and count once. With ``unique=False``, the training strings are drawn from
    the grammar, and the test strings are the next ones that are not in the training set, which makes them
    longer.

    Examples
    --------
    >>> from sklstm.tasks import make_embedded_reber_sets
    >>> X_train, X_test, y_train, y_test = make_embedded_reber_sets(random_state=0)
    >>> len(X_train), len(X_test), X_train.n_features
    (256, 256, 7)
    """
    n_train, n_test = integer("n_train", n_train), integer("n_test", n_test)
    rng, dtype = generator(random_state), float_dtype(dtype)
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
    """Rows of two sets without a common string, as early as possible; None if there are too few strings."""
    _, first, kind = np.unique(symbols, axis=0, return_index=True, return_inverse=True)
    if unique:
        chosen = np.sort(first)[: n_train + n_test]
        train, test = np.split(rng.permutation(chosen), [n_train])
    else:
        train, kind = np.arange(n_train), kind.ravel()
        test = np.flatnonzero(~np.isin(kind, kind[train]))[:n_test]
    return (train, test) if len(test) == n_test else None


def make_continual_reber(
    n_sequences: int,
    n_steps: int = 1000,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences]:
    """Streams of strings of the embedded Reber grammar, without a mark between them (2000).

    The strings follow one another: the B of a string comes directly after the E of the previous one. At each
    symbol, the target is the set of symbols that may come next; after E it is B. Nothing resets the network
    at the end of a string, so it must learn to forget.

    Parameters
    ----------
    n_sequences : int
        Number of streams.
    n_steps : int, default=1000
        Number of symbols of each stream, at least 1; the last string is cut off.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Sparse one-hot rows, 7 features: the symbols B, T, P, S, X, V, E.
    y : Sequences
        Dense rows, 1 for each of the one or two symbols that may follow, and 0 otherwise; for
        ``return_sequences=True``.

    See Also
    --------
    make_embedded_reber : Single strings.

    Notes
    -----
    The task of Gers, Schmidhuber & Cummins, "Learning to forget: continual prediction with LSTM", Neural
    Computation 12(10) (2000) 2451-2471, section 4. Chosen here: the target is the set of legal successors,
    not the symbol that does follow, so that the errors of a correct network are small at every step.

    Examples
    --------
    >>> from sklstm.tasks import REBER_SYMBOLS, make_continual_reber
    >>> X, y = make_continual_reber(1, 40, random_state=0)
    >>> "".join(REBER_SYMBOLS[i] for i in X[0].indices)
    'BTBPVPSETEBPBTSXXVPSEPEBPBTSSSXXVPSEPEBP'
    >>> y[0][0]  # after B: T or P
    array([0., 1., 1., 0., 0., 0., 0.])
    """
    n, n_steps = n_sequences_of(n_sequences), integer("n_steps", n_steps)
    rng, dtype = generator(random_state), float_dtype(dtype)
    parts = [_reber_stream(n_steps, rng) for _ in range(n)]
    symbols, legal = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    offsets = np.arange(n + 1, dtype=np.int64) * n_steps
    return one_hot(symbols, offsets, len(REBER_SYMBOLS), dtype), dense(legal, offsets, dtype)


def _reber_stream(n_steps: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Symbols of a stream, and the legal successors of each."""
    symbols, successors, n = [], [], 0
    while n < n_steps:
        strings, lengths = _reber_strings(
            max(1, (n_steps - n) // 12), rng
        )  # which have 12 symbols on average
        is_symbol = np.arange(strings.shape[1]) < lengths[:, np.newaxis]
        symbols.append(strings[is_symbol])
        legal = _LEGAL[_states_of(symbols[-1].astype(np.intp), lengths)]
        legal[np.cumsum(lengths) - 1, REBER_SYMBOLS.index("B")] = True
        successors.append(legal)
        n += len(symbols[-1])
    return np.concatenate(symbols)[:n_steps], np.concatenate(successors)[:n_steps]


def reber_successors(X: Any) -> npt.NDArray[np.bool_]:
    """Find the symbols that may follow each symbol of strings of the embedded Reber grammar.

    In Experiment 1 of 1997, a network has learned the task when, at every step of every string, the outputs
    of the one or two legal successors are the most active ones. The last symbol but one must be the second
    symbol of the string, T or P.

    Parameters
    ----------
    X : Sequences or iterable of str
        Strings or beginnings of strings, as one-hot rows in the order B, T, P, S, X, V, E (in any container
        that the estimators take) or as text.

    Returns
    -------
    ndarray of bool of shape (n_steps, 7)
        One row for each symbol of all strings, in the order of ``X.values``. It is True for the symbols that
        may come next. After the last E there is none.

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

    The criterion, for `outputs` with one row per step: every legal symbol above every other one.

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
    states, starts = _states_of(symbols, lengths), np.cumsum(lengths) - lengths
    if (states == _ILLEGAL).any():
        row = int((states == _ILLEGAL).argmax())
        i = int(np.searchsorted(starts, row, side="right")) - 1
        raise ValueError(
            f"X[{i}] is not a string of the embedded Reber grammar: its symbol {row - starts[i] + 1}, "
            f"{REBER_SYMBOLS[symbols[row]]}, is not legal there."
        )
    return _LEGAL[states]


def _states_of(symbols: Array, lengths: Array) -> Array:
    """State of the grammar after each symbol of strings of these lengths."""
    starts = np.cumsum(lengths) - lengths
    states = np.empty(len(symbols), dtype=np.intp)
    state = np.zeros(len(lengths), dtype=np.intp)
    for step in range(lengths.max(initial=0)):
        active = np.flatnonzero(lengths > step)
        state[active] = _AFTER[state[active], symbols[starts[active] + step]]
        states[starts[active] + step] = state[active]
    return states


def _reber_strings(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Symbols of int8, one string per row, padded with 0, and the lengths."""
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
    offsets = offsets_of(lengths - 1)
    X = one_hot(symbols[:, :-1][is_input], offsets, len(REBER_SYMBOLS), dtype)
    return X, dense_one_hot(symbols[:, 1:][is_input], offsets, len(REBER_SYMBOLS), dtype)


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
