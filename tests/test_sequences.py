"""Containers of sequences: what is accepted gives the same flat arrays, what is not says why."""

import pickle
import re
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.utils import check_array, shuffle

from sklstm._sequences import (
    Sequences,
    as_container,
    as_sequences,
    as_step_targets,
    split_steps,
)
from sklstm._sequences.symbols import check_symbols, read_symbols

NAN, INF = np.nan, np.inf
LENGTHS = [3, 1, 4]


def steps(n_steps, n_features, start=0):
    """Numbers that are all different, so that no two steps can be taken for each other."""
    values = np.arange(start, start + n_steps * n_features, dtype=np.float64)
    return values.reshape(n_steps, n_features)


def ragged(n_features=2, lengths=LENGTHS):
    starts = np.cumsum([0, *lengths]) * n_features
    return [steps(n, n_features, start) for n, start in zip(lengths, starts, strict=False)]


def padded(arrays):
    result = np.full((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), NAN)
    for row, array in zip(result, arrays, strict=True):
        row[: len(array)] = array
    return result


def object_array(elements):
    result = np.empty(len(elements), dtype=object)
    for i, element in enumerate(elements):
        result[i] = element
    return result


def nested(arrays):
    return [array.tolist() for array in arrays]


def import_and(module, make):
    return lambda arrays: make(pytest.importorskip(module), arrays)


def assert_same(sequences, arrays, dtype=np.float64):
    """The flat values and offsets are those of a plain loop over the arrays."""
    offsets = [0]
    for array in arrays:
        offsets.append(offsets[-1] + len(array))
    assert_array_equal(sequences.offsets, offsets)
    assert_array_equal(sequences.values, [step for array in arrays for step in array])
    assert sequences.values.dtype == sequences.dtype == dtype
    assert sequences.offsets.dtype == sequences.lengths.dtype == np.int64
    assert sequences.values.flags.c_contiguous
    assert sequences.n_features == arrays[0].shape[1]
    assert sequences.n_steps == offsets[-1]
    assert_array_equal(sequences.lengths, [len(array) for array in arrays])
    assert not sequences.is_sparse


# What is accepted.

CONTAINERS = {
    "Sequences": lambda arrays: Sequences.from_lengths(np.concatenate(arrays), LENGTHS),
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "object array": object_array,
    "object column": lambda arrays: object_array(arrays).reshape(-1, 1),
    "nested lists": nested,
    "object array of nested lists": lambda arrays: object_array(nested(arrays)),
    "arrays of objects": lambda arrays: [array.astype(object) for array in arrays],
    "arrays of rows": lambda arrays: [object_array(list(array)) for array in arrays],
    "Fortran order": lambda arrays: [np.asfortranarray(array) for array in arrays],
    "strided": lambda arrays: [np.repeat(array, 2, axis=0)[::2] for array in arrays],
    "big endian": lambda arrays: [array.astype(">f8") for array in arrays],
    "integers": lambda arrays: [array.astype(np.int16) for array in arrays],
    "mixed dtypes": lambda arrays: [arrays[0].astype(np.float32), *arrays[1:]],
    "padded": padded,
    "padded, Fortran order": lambda arrays: np.asfortranarray(padded(arrays)),
    "pandas": import_and("pandas", lambda pd, arrays: pd.Series(arrays, index=[5, 3, 9])),
    "pandas data frame": import_and("pandas", lambda pd, arrays: pd.DataFrame({"x": arrays})),
    "list of data frames": import_and("pandas", lambda pd, arrays: [pd.DataFrame(array) for array in arrays]),
    "polars": import_and("polars", lambda pl, arrays: pl.Series(nested(arrays))),
    "pyarrow": import_and("pyarrow", lambda pa, arrays: pa.array(nested(arrays))),
    "pyarrow chunks": import_and("pyarrow", lambda pa, arrays: pa.chunked_array([nested(arrays)])),
    "polars data frame": import_and("polars", lambda pl, arrays: pl.DataFrame({"x": nested(arrays)})),
    "pyarrow table": import_and("pyarrow", lambda pa, arrays: pa.table({"x": nested(arrays)})),
    "awkward": import_and("awkward", lambda ak, arrays: ak.Array(nested(arrays))),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_gives_the_same_sequences(make):
    assert_same(as_sequences(make(ragged())), ragged())


UNIVARIATE = {
    "list": list,
    "tuple of lists": lambda rows: tuple(row.tolist() for row in rows),
    "object array": object_array,
    "one column": lambda rows: [row[:, np.newaxis] for row in rows],
    "some of one column": lambda rows: [rows[0], *(row[:, np.newaxis] for row in rows[1:])],
    "pandas": import_and("pandas", lambda pd, rows: pd.Series([list(row) for row in rows])),
    "list of Series": import_and("pandas", lambda pd, rows: [pd.Series(row) for row in rows]),
    "polars": import_and("polars", lambda pl, rows: pl.Series([row.tolist() for row in rows])),
    "polars data frame": import_and(
        "polars", lambda pl, rows: pl.DataFrame({"x": [row.tolist() for row in rows]})
    ),
    "pyarrow": import_and("pyarrow", lambda pa, rows: pa.array([row.tolist() for row in rows])),
    "awkward": import_and("awkward", lambda ak, rows: ak.Array([row.tolist() for row in rows])),
}


@pytest.mark.parametrize("make", UNIVARIATE.values(), ids=UNIVARIATE)
def test_one_dimensional_elements_are_univariate_sequences(make):
    rows = [array[:, 0] for array in ragged(n_features=1)]
    assert_same(as_sequences(make(rows)), ragged(n_features=1))


TABLES = {
    "array": np.array,
    "nested lists": lambda table: table.tolist(),
    "integers": lambda table: table.astype(np.uint8),
    "objects": lambda table: table.astype(object),
    "pandas": import_and("pandas", lambda pd, table: pd.DataFrame(table)),
    "polars": import_and("polars", lambda pl, table: pl.DataFrame(table)),
    "pyarrow": import_and("pyarrow", lambda pa, table: pa.table(list(table.T), names=["a", "b", "c"])),
    "fixed lists": import_and("pyarrow", lambda pa, table: pa.array(list(table), pa.list_(pa.float64(), 3))),
    "regular awkward": import_and("awkward", lambda ak, table: ak.Array(table)),
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_table_has_one_univariate_sequence_a_row(make):
    table = steps(2, 3)
    assert_same(as_sequences(make(table)), [table[0][:, np.newaxis], table[1][:, np.newaxis]])


@pytest.mark.parametrize("dtype", [np.float64, np.int32, object])
def test_a_cube_is_sequences_of_equal_length(dtype):
    cube = steps(6, 4).reshape(2, 3, 4)
    assert_same(as_sequences(cube.astype(dtype)), list(cube))


def test_the_first_dimension_may_be_constant_if_all_are():
    assert_same(as_sequences(ragged(5, lengths=[3, 3])), ragged(5, lengths=[3, 3]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("make", [list, padded, object_array], ids=["list", "3-D", "objects"])
def test_single_precision_stays(make, dtype):
    arrays = [array.astype(dtype) for array in ragged()]
    X = make(arrays) if make is not padded else make(arrays).astype(dtype)
    assert_same(as_sequences(X), ragged(), dtype=np.float32)


@pytest.mark.parametrize("wanted", [np.float32, np.float64])
@pytest.mark.parametrize("given_as", [bool, np.int64, np.float16, np.float32, np.float64])
def test_a_dtype_can_be_forced(given_as, wanted):
    arrays = [array % 2 for array in ragged()]
    X = [array.astype(given_as) for array in arrays]
    for make in (list, padded, as_sequences):
        made = make(X)
        assert_same(as_sequences(made, dtype=wanted), arrays, dtype=wanted)


def test_sequences_are_returned_as_they_are():
    X = as_sequences(ragged())
    assert as_sequences(X, n_features=2, dtype="float64") is X


def test_input_is_neither_copied_without_need_nor_changed():
    values = steps(8, 2)
    X = Sequences(values, [0, 8])
    cube = steps(8, 2).reshape(2, 4, 2)
    assert np.shares_memory(X.values, values)
    assert np.shares_memory(as_sequences(cube).values, cube)
    with pytest.raises(ValueError, match="read-only"):
        X.values[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        X[0][0, 0] = 1.0
    values[0, 0] = cube[0, 0, 0] = 5.0  # the caller's arrays stay the caller's


def test_offsets_are_a_copy():
    offsets = np.array([0, 2, 5])
    X = Sequences(steps(5, 1), offsets)
    offsets[1] = 100
    assert_array_equal(X.offsets, [0, 2, 5])


# Sparse sequences.


def noncanonical():
    """[[0, 3], [4, 0]] as CSR with a duplicate, and in the second row columns out of order."""
    return sparse.csr_array(([1.0, 2.0, 0.0, 4.0], [1, 1, 1, 0], [0, 2, 4]), shape=(2, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, bool])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "bsr", "dok"])
@pytest.mark.parametrize("suffix", ["matrix", "array"])
def test_sparse_elements(kind, suffix, dtype):
    arrays = [(array % 3 == 0).astype(dtype) for array in ragged(n_features=5)]
    make = getattr(sparse, f"{kind}_{suffix}")
    X = as_sequences([make(array) for array in arrays])
    assert X.is_sparse
    assert isinstance(X.values, sparse.csr_array)
    assert X.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert X.values.indices.dtype == X.values.indptr.dtype == np.int32
    assert_array_equal(X.values.toarray(), np.concatenate(arrays).astype(np.float64))
    assert_array_equal(X.lengths, LENGTHS)
    for sequence, array in zip(X, arrays, strict=True):
        assert_array_equal(sequence.toarray(), array.astype(np.float64))


@pytest.mark.parametrize(
    "make",
    [
        lambda csr: Sequences(csr, [0, 1, 2]),
        lambda csr: Sequences(sparse.csr_matrix(csr), [0, 1, 2]),
        lambda csr: as_sequences([csr[:1], csr[1:]]),
        lambda csr: as_sequences([csr[:1], csr[1:].tocoo()]),
    ],
    ids=["array", "matrix", "list", "list of two formats"],
)
def test_sparse_values_are_canonical_and_the_given_matrix_is_not_changed(make):
    csr = noncanonical()
    X = make(csr)
    assert_array_equal(X.values.toarray(), [[0, 3], [4, 0]])
    assert X.values.has_canonical_format
    assert_array_equal(X.values.indices[:2], [1, 0])
    assert_array_equal(csr.data, [1, 2, 0, 4])
    assert_array_equal(csr.indices, [1, 1, 1, 0])


def test_sparse_values_are_read_only_and_their_index_is_narrow():
    csr = sparse.csr_array(np.eye(3))
    wide = sparse.csr_array(
        (csr.data, csr.indices.astype(np.int64), csr.indptr.astype(np.int64)), shape=(3, 3)
    )
    X = Sequences(wide, [0, 1, 3])
    for part in (X.values, X[0], X[1:].values, X[[1]].values):
        assert part.indices.dtype == part.indptr.dtype == np.int32
    for array in (X.values.data, X.values.indices, X.values.indptr):
        assert not array.flags.writeable
    assert csr.data.flags.writeable
    assert wide.indices.flags.writeable


def test_a_sparse_matrix_with_a_column_out_of_range_is_refused():
    csr = sparse.csr_array(np.eye(3))
    csr.indices[1] = 7
    with pytest.raises(ValueError, match=r"ind(ex|ices)"):
        Sequences(csr, [0, 3])


def test_selecting_sparse_sequences():
    arrays = ragged(n_features=4)
    X = as_sequences([sparse.csr_array(array) for array in arrays])
    selected = X[[2, 0, 2]]
    assert selected.is_sparse
    assert_array_equal(selected.values.toarray(), np.concatenate([arrays[i] for i in (2, 0, 2)]))
    assert_array_equal(selected.lengths, [4, 3, 4])
    assert_array_equal(X[1:].values.toarray(), np.concatenate(arrays[1:]))


@pytest.mark.parametrize("suffix", ["matrix", "array"])
@pytest.mark.parametrize(
    "change",
    [
        lambda csr: csr.indices.fill(300),
        lambda csr: csr.indptr.fill(10**8),
        lambda csr: csr.data.fill(np.nan),
        lambda csr: csr.resize(1, 1),
    ],
    ids=["indices", "indptr", "data", "resize"],
)
def test_a_matrix_may_change_afterwards(change, suffix):
    csr = getattr(sparse, f"csr_{suffix}")(np.eye(5, 9))
    X = Sequences(csr, [0, 2, 5])
    change(csr)
    for part in (X, X[1:], X[[0, 1]], pickle.loads(pickle.dumps(X))):
        assert_array_equal(part.values.toarray(), np.eye(5, 9)[-part.n_steps :])


@pytest.mark.parametrize("rearrange", ["eliminate_zeros", "sum_duplicates", "sort_indices"])
def test_scipy_may_rearrange_a_matrix_in_place(rearrange):
    csr = sparse.csr_array((np.arange(1.0, 7), [0, 1, 2, 2, 1, 0], [0, 3, 6]), shape=(2, 3))
    X = Sequences(csr, [0, 1, 2])
    dense = csr.toarray()
    if rearrange == "eliminate_zeros":
        csr.data[:3] = 0
    elif rearrange == "sum_duplicates":
        csr.indices[:3] = 1
    csr.has_canonical_format = csr.has_sorted_indices = False
    getattr(csr, rearrange)()
    assert_array_equal(X.values.toarray(), dense)


ATTRIBUTES = ["values", "offsets", "lengths", "ids", "columns", "n_steps", "n_features", "dtype"]
ATTRIBUTES += ["is_sparse", "shape"]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_cannot_be_set(name):
    X, other = (Sequences(steps(5, 2), offsets) for offsets in ([0, 2, 5], [0, 1, 5]))
    with pytest.raises(AttributeError):
        setattr(X, name, getattr(other, name))
    with pytest.raises(AttributeError):
        delattr(X, name)
    assert_array_equal(X.lengths, [2, 3])
    assert set(ATTRIBUTES) == {name for name, kind in vars(Sequences).items() if isinstance(kind, property)}


# Sequences as a container.


@st.composite
def lists_of_arrays(draw):
    n_features = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=8))
    return ragged(n_features, lengths)


@given(arrays=lists_of_arrays())
def test_there_and_back(arrays):
    X = as_sequences(arrays)
    assert len(X) == len(list(X)) == len(arrays)
    for i, array in enumerate(arrays):
        assert_array_equal(X[i], array, strict=True)
        assert_array_equal(X[i - len(arrays)], array, strict=True)
    for back, array in zip(X, arrays, strict=True):
        assert_array_equal(back, array, strict=True)
    assert_same(as_sequences(list(X)), arrays)
    assert_same(as_sequences(padded(arrays)), arrays)


@given(data=st.data(), arrays=lists_of_arrays())
def test_selection_is_that_of_a_list(data, arrays):
    n = len(arrays)
    X = as_sequences(arrays)
    kind = data.draw(st.sampled_from(["integers", "mask", "slice"]))
    if kind == "slice":
        index = data.draw(st.slices(n))
        chosen = arrays[index]
    elif kind == "mask":
        index = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
        chosen = [array for array, wanted in zip(arrays, index, strict=True) if wanted]
    else:
        index = data.draw(st.lists(st.integers(-n, n - 1), max_size=10))
        chosen = [arrays[i] for i in index]
    if kind != "slice" and data.draw(st.booleans()):
        index = np.array(index, dtype=bool if kind == "mask" else int)
    for selected in (X[index], X[index, ...]):
        assert isinstance(selected, Sequences)
        assert selected.shape == (len(chosen),)
        assert selected.n_features == X.n_features
        assert len(list(selected)) == len(chosen)
        for got, wanted in zip(selected, chosen, strict=True):
            assert_array_equal(got, wanted, strict=True)


def test_a_slice_and_an_element_are_views():
    X = as_sequences(ragged())
    assert np.shares_memory(X[1:].values, X.values)
    assert np.shares_memory(X[1], X.values)


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (3, IndexError),
        (-4, IndexError),
        ([0, 3], IndexError),
        ([True, False], IndexError),
        ([[0, 1]], IndexError),
        ((0, 1), IndexError),
        ([0.5], IndexError),
        (0.5, TypeError),
        ("a", TypeError),
        (None, TypeError),
    ],
)
def test_bad_indices(index, error):
    X = as_sequences(ragged())
    with pytest.raises(error):
        X[index]


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_pickling(make):
    X = as_sequences([make(array) for array in ragged()])
    whole, part = (pickle.loads(pickle.dumps(each)) for each in (X, X[1:2]))
    assert whole.is_sparse == X.is_sparse
    assert_array_equal(whole.offsets, X.offsets)
    for back, array in zip([*whole, part[0]], [*ragged(), ragged()[1]], strict=True):
        assert_array_equal(back.toarray() if X.is_sparse else back, array)
    assert len(pickle.dumps(X[1:2])) < len(pickle.dumps(X))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_pickling_by_buffer(make):
    X = as_sequences([make(array) for array in ragged(n_features=100)])
    buffers = []
    stream = pickle.dumps(X, protocol=5, buffer_callback=buffers.append)
    back = pickle.loads(stream, buffers=buffers)
    assert len(stream) < 1000 < len(pickle.dumps(X))
    mine, given = (each.values.data if X.is_sparse else each.values for each in (back, X))
    assert np.shares_memory(mine, given)
    for each in (back, pickle.loads(pickle.dumps(X))):
        assert_array_equal(each.offsets, X.offsets)
        assert_array_equal(each.lengths, X.lengths)
        assert not (each.values.data if X.is_sparse else each.values).flags.writeable


@pytest.mark.parametrize(
    ("make", "old", "new", "message"),
    [
        (np.asarray, np.array([0, 2, 5]), np.array([0, 2**26, 5]), "sequence 1 has -67108859 steps"),
        (np.asarray, np.array([0, 2, 5]), np.array([0, 2, 2**62]), r"offsets are \[0, 2, 46"),
        (np.asarray, np.array([7.0]), np.array([-INF]), r"Sequences\[0\] at step 0 contains infinity"),
        (
            sparse.csr_array,
            np.arange(5, dtype="i4"),
            np.array([0, 1, 2, 2**27, 4], "i4"),
            "contain 134217728",
        ),
        (sparse.csr_array, np.arange(6, dtype="i4"), np.array([0, 1, 2**27, 3, 4, 5], "i4"), "indptr are"),
        (sparse.csr_array, np.array([7.0]), np.array([INF]), r"Sequences\[0\] at step 0 contains infinity"),
    ],
)
def test_a_damaged_file_is_refused(make, old, new, message):
    X = Sequences(make(7 * np.eye(5, 9)), [0, 2, 5])
    whole = pickle.dumps(X)
    assert old.tobytes() in whole
    damaged = whole.replace(old.tobytes(), new.tobytes(), 1)
    with pytest.raises(ValueError, match=message):
        pickle.loads(damaged)


def test_a_file_without_sequences():
    empty = as_sequences(ragged())[:0]
    assert len(pickle.loads(pickle.dumps(empty))) == 0


@pytest.mark.parametrize("lengths", [LENGTHS, [2, 2]])
def test_sequences_are_no_array(lengths):
    X = as_sequences(ragged(lengths=lengths))
    for convert in (np.asarray, lambda X: check_array(X), lambda X: np.array([X])):
        with pytest.raises(ValueError, match=r"rectangular.*SequencePadder\(\).*n_channels=2.*to_padded"):
            convert(X)


# From the forms of others, and back.


@pytest.mark.parametrize("make", [list, lambda x: [sparse.csr_array(a) for a in x]], ids=["dense", "sparse"])
def test_padded_and_back(make):
    X = as_sequences(make(ragged()))
    assert_array_equal(X.to_padded(), padded(ragged()), strict=True)
    wide = X.to_padded(n_steps=6)
    assert wide.shape == (3, 6, 2)
    assert np.isnan(wide[:, 4:]).all()
    for form in (X.to_padded(), wide, wide.tolist()):
        assert_same(Sequences.from_padded(form), ragged())
    assert_same(Sequences.from_padded(wide.reshape(3, -1), n_channels=2), ragged())
    zeros = np.nan_to_num(wide)
    assert_same(Sequences.from_padded(zeros, LENGTHS), ragged())
    assert_same(Sequences.from_padded(zeros.reshape(3, -1), lengths=LENGTHS, n_channels=2), ragged())
    assert as_sequences(ragged(), dtype=np.float32).to_padded().dtype == np.float32
    assert X[:0].to_padded().shape == (0, 1, 2)


@pytest.mark.parametrize(
    ("X", "options", "words"),
    [
        (np.ones(3), {}, "X has shape (3,); expected a 3-D array"),
        (
            np.ones((2, 5)),
            {"n_channels": 2},
            "X has 5 columns; expected n_steps * n_channels with n_channels=2",
        ),
        (np.ones((2, 5)), {"n_channels": 0}, "n_channels must be an integer of at least 1, got 0"),
        (np.ones((2, 5, 1)), {"lengths": [5]}, "lengths are [5]; expected 2 numbers from 1 to 5"),
        (np.ones((2, 5, 1)), {"lengths": [0, 5]}, "lengths are [0, 5]; expected 2 numbers from 1 to 5"),
        (np.ones((2, 5, 1)), {"lengths": [1, 6]}, "lengths are [1, 6]; expected 2 numbers from 1 to 5"),
        (np.full((2, 5, 1), INF), {"lengths": [1, 2]}, "Sequences[0] at step 0 contains infinity"),
        (np.full((2, 5), NAN), {}, "X[0] is all NaN"),
    ],
)
def test_padded_arrays_that_are_refused(X, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Sequences.from_padded(X, **options)


def test_too_little_room_for_padding():
    with pytest.raises(ValueError, match="sequence 2 has 4 steps; expected at most n_steps=3"):
        as_sequences(ragged()).to_padded(3)


@given(arrays=lists_of_arrays())
def test_aeon_and_back(arrays):
    X = as_sequences(arrays)
    channels_first = [array.T for array in arrays]
    assert_same(Sequences.from_aeon(channels_first), arrays)
    assert_same(Sequences.from_aeon(object_array(channels_first)), arrays)
    back = X.to_aeon()
    assert isinstance(back, list) == (len(set(map(len, arrays))) > 1)
    for got, wanted in zip(back, channels_first, strict=True):
        assert_array_equal(got, wanted, strict=True)
    assert_same(Sequences.from_aeon(back), arrays)


def test_tables_and_sparse_sequences_of_aeon():
    table = steps(2, 3)
    assert_same(Sequences.from_aeon(table), [table[0][:, np.newaxis], table[1][:, np.newaxis]])
    X = as_sequences([sparse.csr_array(array) for array in ragged()])
    assert_array_equal(X.to_aeon()[2], ragged()[2].T)
    with pytest.raises(ValueError, match=r"X\[1\] has shape"):
        Sequences.from_aeon([np.ones((2, 3)), np.ones((3, 3))])


def test_sktime_and_back():
    pandas = pytest.importorskip("pandas")
    X = as_sequences(ragged())
    frame = X.to_sktime()
    assert frame.index.nlevels == 2
    assert frame.loc[2].to_numpy().tolist() == ragged()[2].tolist()
    assert_same(Sequences.from_sktime(frame), ragged())
    assert_same(Sequences.from_sktime(frame.sample(frac=1, random_state=3).sort_index(level=0)), ragged())
    with pytest.raises(TypeError, match=r"DataFrame; expected .* two levels, sequence and time"):
        Sequences.from_sktime(pandas.DataFrame({"x": [1.0]}))
    with pytest.raises(TypeError, match="list; expected a data frame"):
        Sequences.from_sktime(ragged())


def long_table():
    """The steps of `ragged`, mixed; sequences first seen in the order c, a, b."""
    ids, time = np.repeat(["c", "a", "b"], LENGTHS), np.concatenate([np.arange(n) for n in LENGTHS])
    values = np.concatenate(ragged())
    order = [1, 3, 7, 0, 6, 2, 5, 4]
    table = {"time": time, "x": values[:, 0], "id": ids, "z": values[:, 1]}
    return {name: column[order] for name, column in table.items()}


FRAMES = {
    "dict": dict,
    "pandas": import_and("pandas", lambda pd, table: pd.DataFrame(table)),
    "polars": import_and("polars", lambda pl, table: pl.DataFrame(table)),
    "pyarrow": import_and("pyarrow", lambda pa, table: pa.table(table)),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_long_tables(make):
    frame = make(long_table())
    assert_same(Sequences.from_long(frame, id="id", time="time"), ragged())
    one = Sequences.from_long(frame, id="id", time="time", columns=["z"])
    assert_same(one, [array[:, 1:] for array in ragged()])
    as_they_come = Sequences.from_long(frame, id="id", columns=["x", "z"])
    assert_array_equal(as_they_come[0], ragged()[0][[1, 0, 2]])
    assert_array_equal(as_they_come[2], ragged()[2][[3, 2, 1, 0]])


@pytest.mark.parametrize("module", ["pandas", "polars"])
def test_long_tables_are_sorted_by_dates_and_floats(module):
    library = pytest.importorskip(module)
    table = long_table()
    start = np.datetime64("2020-01-01", "ms")
    for time in (start + table["time"].astype("m8[D]"), table["time"] / 7):
        frame = library.DataFrame(table | {"time": time})
        assert_same(Sequences.from_long(frame, id="id", time="time"), ragged())


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ({}, {"id": "name"}, ValueError, "frame does not have the column 'name'"),
        ({}, {"columns": ["x", "y"]}, ValueError, "frame does not have the column 'y'"),
        ({}, {"columns": []}, ValueError, "frame does not have a column of features"),
        ({"time": np.zeros(8)}, {}, ValueError, "frame has the time"),
        ({"time": [0, 1, 2, NAN, 4, 5, 6, 7]}, {}, ValueError, "frame has no time in row 3"),
        ({"id": np.array(["a", None] * 4)}, {}, ValueError, "frame has no id in row 1; leave the row out"),
        ({"x": [1j] * 8}, {}, ValueError, "Complex data not supported: frame['x']"),
        ({"x": [INF] * 8}, {}, ValueError, "Sequences[0] at step 0 contains infinity in the column 'x'"),
    ],
)
def test_long_tables_that_are_refused(change, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Sequences.from_long(long_table() | change, **{"id": "id", "time": "time"} | options)


# What came in goes out.


BACK = {name: make for name, make in CONTAINERS.items() if name != "list of data frames"}


@pytest.mark.parametrize("make", BACK.values(), ids=BACK)
def test_there_and_back_in_the_same_container(make):
    X = make(ragged())
    doubled = as_container(Sequences(as_sequences(X).values * 2, as_sequences(X).offsets), X)
    assert type(doubled) is (list if isinstance(X, deque) else type(X))
    assert getattr(doubled, "shape", None) == getattr(X, "shape", None)
    assert_same(as_sequences(doubled), [array * 2 for array in ragged()])
    if hasattr(X, "index") and hasattr(X, "to_list"):
        assert doubled.index.equals(X.index)


@pytest.mark.parametrize("make", UNIVARIATE.values(), ids=UNIVARIATE)
def test_univariate_sequences_stay_flat(make):
    X = make([array[:, 0] for array in ragged(n_features=1)])
    back = as_container(as_sequences(X), X)
    assert_same(as_sequences(back), ragged(n_features=1))
    if isinstance(X, list) and isinstance(X[0], np.ndarray):
        assert [x.shape for x in back] == [X[0].shape] + [(n, *X[0].shape[1:]) for n in LENGTHS[1:]]


@pytest.mark.parametrize("n_channels", [1, 2])
def test_rows_there_and_back(n_channels):
    arrays = ragged(n_features=n_channels)
    rows = padded(arrays).reshape(3, -1)
    X = as_sequences(rows, n_channels=n_channels)
    assert_same(X, arrays)
    assert_array_equal(as_container(X, rows, n_channels), rows, strict=True)
    wider = Sequences(np.hstack([X.values, X.values]), X.offsets)
    assert as_container(wider, rows, n_channels).shape == (3, 4, 2 * n_channels)


@pytest.mark.parametrize("make", BACK.values(), ids=BACK)
def test_sparse_sequences_go_back_where_a_sparse_matrix_fits(make):
    X = make(ragged())
    given_back = as_container(as_sequences([sparse.csr_array(array) for array in ragged()]), X)
    sequences = as_sequences(given_back)
    assert sequences.is_sparse
    assert_array_equal(sequences.values.toarray(), np.concatenate(ragged()))
    assert isinstance(given_back, Sequences | type(X)) or isinstance(X, deque)


# Symbols.


def as_symbols(X, **options):
    """Stacked symbols, of which none may be missing, and their offsets."""
    flat, offsets, _ = read_symbols(X, **options)
    check_symbols(flat, offsets, "X")
    return flat, offsets


@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda words: [list(word) for word in words],
        lambda words: object_array([np.array(list(word)) for word in words]),
        lambda words: [np.array([[c] for c in word], dtype=object) for word in words],
        import_and("pandas", lambda pd, words: pd.Series(words)),
        import_and("polars", lambda pl, words: pl.Series([list(word) for word in words])),
        import_and("pyarrow", lambda pa, words: pa.array([list(word) for word in words])),
        import_and("awkward", lambda ak, words: ak.Array([list(word) for word in words])),
    ],
    ids=["strings", "lists", "arrays", "columns", "pandas", "polars", "pyarrow", "awkward"],
)
def test_symbols_are_stacked(make):
    flat, offsets = as_symbols(make(["abc", "a", "cabd"]))
    assert flat.tolist() == [[c] for c in "abcacabd"]
    assert_array_equal(offsets, [0, 3, 4, 8])


@pytest.mark.parametrize("make", [CONTAINERS[name] for name in ("polars", "pyarrow", "pandas", "awkward")])
def test_symbols_of_nested_columns(make):
    flat, offsets = as_symbols(make(ragged()))
    assert_array_equal(flat, np.concatenate(ragged()))
    assert_array_equal(np.diff(offsets), LENGTHS)


def test_whole_numbers_are_integers_as_symbols():
    for X in ([[1, 2], [3]], Sequences([[1], [2], [3]], [0, 2, 3]), np.array([[[1], [2]], [[3], [NAN]]])):
        flat, offsets = as_symbols(X)
        assert flat.dtype == np.int64
        assert flat.tolist() == [[1], [2], [3]]
        assert_array_equal(offsets, [0, 2, 3])
    assert as_symbols(np.array([[1, 2], [3, NAN]]), n_channels=1)[0].tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ([], ValueError, "X has 0 sequences"),
        (None, TypeError, "X is of type NoneType"),
        ("abc", TypeError, "X is of type str"),
        (["ab", ""], ValueError, "X[1] has shape (0,); expected symbols"),
        (["ab", 3], ValueError, "X[1] has shape (); expected symbols"),
        (
            ["ab", [1, 2]],
            ValueError,
            "X[1] is of int64 and shape (2,); expected the kind and n_features of X[0]",
        ),
        ([["a", "b"], [["a", "b"]]], ValueError, "X[1] is of <U1 and shape (1, 2)"),
        ([np.array(["a", None], dtype=object)], ValueError, "X[0] has no symbol at step 1, [None]; fill it"),
        ([[1.0, 2.0], [1.0, NAN]], ValueError, "X[1] has no symbol at step 1"),
    ],
)
def test_symbols_that_are_refused(X, error, words):
    with pytest.raises(error, match=re.escape(words)):
        as_symbols(X)


def test_repr():
    assert repr(as_sequences(ragged())) == ("<Sequences: 3 of 1 to 4 steps, 2 features, float64 ndarray>")
    assert repr(as_sequences(ragged())[:0]) == "<Sequences: 0, 2 features, float64 ndarray>"


class NearestMean(ClassifierMixin, BaseEstimator):
    """Classifies by the mean of the first feature, and takes `Sequences` only."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y):
        means = self._means(X)
        self.classes_ = np.unique(y)
        self.centers_ = np.array([means[y == label].mean() for label in self.classes_])
        return self

    def _means(self, X):
        assert isinstance(X, Sequences)
        return np.array([sequence[:, 0].mean() for sequence in X]) * self.scale

    def predict(self, X):
        distances = np.abs(self._means(X)[:, np.newaxis] - self.centers_)
        return self.classes_[distances.argmin(axis=1)]


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    y = np.tile(["low", "high"], 20)
    lengths = rng.integers(1, 9, size=len(y))
    arrays = [rng.normal(size=(n, 2)) / 9 + (c == "high") for n, c in zip(lengths, y, strict=True)]
    return as_sequences(arrays), y


def test_scikit_learn_splits_sequences_as_a_whole(labelled):
    X, y = labelled
    tags = np.arange(len(X))
    train, test, train_tags, test_tags = train_test_split(X, tags, stratify=y, random_state=0)
    mixed, mixed_tags = shuffle(X, tags, random_state=1)
    for part, part_tags in [(train, train_tags), (test, test_tags), (mixed, mixed_tags)]:
        assert isinstance(part, Sequences)
        for sequence, tag in zip(part, part_tags, strict=True):
            assert_array_equal(sequence, X[tag], strict=True)


def test_scikit_learn_cross_validates_sequences(labelled):
    X, y = labelled
    scores = cross_val_score(NearestMean(), X, y, cv=KFold(4, shuffle=True, random_state=0))
    assert_array_equal(scores, np.ones(4))
    search = GridSearchCV(NearestMean(), {"scale": [0.0, 1.0]}).fit(X, y)
    assert search.best_params_ == {"scale": 1.0}
    assert search.score(X, y) == 1.0


# What is refused, and how.

GOOD = steps(2, 2)
REFUSED = {
    "None": (None, TypeError, ["X is of type NoneType", "expected a list of arrays"]),
    "number": (3.0, TypeError, ["X is of type float", "expected a list of arrays"]),
    "str": ("abc", TypeError, ["X is of type str", "expected a list of arrays"]),
    "bytes": (b"abc", TypeError, ["X is of type bytes", "expected a list of arrays"]),
    "dict": ({0: GOOD}, TypeError, ["X is of type dict", "expected a list of arrays"]),
    "set": ({1, 2}, TypeError, ["X is of type set", "expected a list of arrays"]),
    "generator": ((x for x in [GOOD]), TypeError, ["X is of type generator", "list(X)"]),
    "sparse matrix": (
        sparse.csr_matrix(GOOD),
        TypeError,
        ["X is one sparse matrix", "dense data is required", "a list with one", "Sequences(matrix"],
    ),
    "sparse array": (sparse.coo_array(GOOD), TypeError, ["X is one sparse matrix"]),
    "masked": (np.ma.masked_equal(GOOD, 3), ValueError, ["X[1] at step 1 contains NaN"]),
    "masked element": ([GOOD, np.ma.masked_equal(GOOD, 3)], ValueError, ["X[1] at step 1 contains NaN"]),
    "no sequence": ([], ValueError, ["X has 0 sequences", "0 sample(s)", "minimum of 1"]),
    "no row": (np.empty((0, 3)), ValueError, ["X has 0 sequences", "0 sample(s)"]),
    "no step": ([GOOD, np.empty((0, 2))], ValueError, ["X[1] is empty", "(0, 2)", "n_steps"]),
    "empty list": ([[1], []], ValueError, ["X[1] is empty", "(0,)"]),
    "no feature": ([GOOD, np.empty((3, 0))], ValueError, ["X[1] is empty", "(3, 0)", "n_features"]),
    "no column": (np.empty((4, 0)), ValueError, ["X[0] is empty", "(0,)"]),
    "3-D without features": (np.empty((4, 3, 0)), ValueError, ["X[0] is empty", "(3, 0)"]),
    "0-D": (np.array(3.0), ValueError, ["X has shape ()", "Reshape your data"]),
    "0-D object": (np.array(None), ValueError, ["X has shape ()", "Reshape your data"]),
    "1-D": (np.arange(4), ValueError, ["X has shape (4,)", "Reshape your data", "[X]"]),
    "4-D": (np.ones((1, 2, 3, 4)), ValueError, ["X has shape (1, 2, 3, 4)", "3-D"]),
    "numbers": ([1.5, 2.0], ValueError, ["X[0] is 1.5", "Reshape your data"]),
    "a number": ([GOOD, 4], ValueError, ["X[1] is 4", "expected", "(n_steps, n_features)"]),
    "a None": ([GOOD, None], ValueError, ["X[1] is None", "expected"]),
    "3-D element": ([GOOD, [GOOD]], ValueError, ["X[1] has shape (1, 2, 2)", "expected"]),
    "1-D sparse": ([sparse.coo_array(np.ones(3))], ValueError, ["X[0] has shape (3,)"]),
    "ragged element": ([GOOD, [[1, 2], [3]]], ValueError, ["X[1] is not a rectangular array"]),
    "strings": (["a", "b"], TypeError, ["X[0] is of dtype <U1", "expected numbers"]),
    "array of strings": (np.array([["a"]]), TypeError, ["X is of dtype <U1", "expected numbers"]),
    "string": ([[1.0], ["2"]], TypeError, ["X[1] is of dtype <U1", "expected numbers"]),
    "numeric string": (
        np.array([[1.0, 2.0], [1.0, "2"]], dtype=object),
        TypeError,
        ["X[1] at step 1 holds '2'", "expected numbers"],
    ),
    "dates": ([np.array(["2020"], dtype="M8[D]")], TypeError, ["X[0]", "datetime64[D]"]),
    "complex": (GOOD * 1j, ValueError, ["Complex data not supported", "X is"]),
    "complex element": ([GOOD, GOOD * 1j], ValueError, ["Complex data not supported", "X[1]"]),
    "complex sparse": ([sparse.csr_array(GOOD * 1j)], ValueError, ["Complex data", "X[0]"]),
    "dict among numbers": (
        np.array([[1.0, 2.0], [{"foo": "bar"}, 2.0]], dtype=object),
        TypeError,
        ["X[1]", "argument must be a string or a real number, not 'dict'"],
    ),
    "list of dicts": ([{"a": 1}], TypeError, ["X[0]", "argument must be a string or a real"]),
    "huge integer": ([[1], [10**400]], ValueError, ["X[1]", "too large"]),
    "table of arrays": (
        object_array([GOOD] * 4).reshape(2, 2),
        ValueError,
        ["X[0] has shape (2, 2) in the column 0", "expected one number per time step"],
    ),
    "sparse and dense": ([GOOD, sparse.csr_array(GOOD)], TypeError, ["X[1] is sparse, X[0] not"]),
    "other width": (
        [steps(3, 2), steps(4, 3)],
        ValueError,
        ["X[1] has shape (4, 3), 3 feature(s); expected 2 as in X[0]"],
    ),
    "1-D among 2-D": ([GOOD, [1, 2]], ValueError, ["X[1] has shape (2,), 1 feature(s); exp"]),
    "channels-first": (
        [steps(2, 5), steps(2, 5), steps(2, 7)],
        ValueError,
        ["X[2] has shape (2, 7)", "expected 5 as in X[0]", "channels-first", "[x.T for x in X]"],
    ),
    "NaN": ([GOOD, [[1, 2], [NAN, 3]]], ValueError, ["X[1] at step 1 contains NaN"]),
    "NaN at the end of a row": ([[1, 2], [3, NAN]], ValueError, ["X[1] at step 1 contains NaN"]),
    "NaN in a table": (
        np.array([[1, 2], [3, NAN]]),
        ValueError,
        ["X[1] at step 1 contains NaN", "Only a 3-D array, or a 2-D array with n_channels, may be padded"],
    ),
    "NaN before the end": (
        np.array([[[1.0], [2], [NAN]], [[1], [NAN], [3]]]),
        ValueError,
        ["X[1] at step 1 contains NaN"],
    ),
    "NaN in one feature": (
        np.array([[[1.0, 2], [NAN, NAN]], [[3, 4], [NAN, 5]]]),
        ValueError,
        ["X[1] at step 1 contains NaN"],
    ),
    "padding only": (np.array([[[1.0]], [[NAN]]]), ValueError, ["X[1] is all NaN"]),
    "sparse NaN": (
        [sparse.eye_array(2), sparse.coo_array([[0, 0], [0, NAN]])],
        ValueError,
        ["X[1] at step 1 contains NaN"],
    ),
    "infinity": ([GOOD, [[1, 2], [INF, 3]]], ValueError, ["X[1] at step 1 contains infinity"]),
    "infinity in a table": (np.array([[1, -INF]]), ValueError, ["X[0] at step 1 contains inf"]),
    "infinity in a cube": (np.full((1, 2, 1), INF), ValueError, ["X[0] at step 0", "infinity"]),
    "sparse infinity": (
        [sparse.eye_array(2), sparse.csr_matrix([[0, 0], [-INF, 0]])],
        ValueError,
        ["X[1] at step 1 contains infinity"],
    ),
}


@pytest.mark.parametrize(("X", "error", "fragments"), REFUSED.values(), ids=REFUSED)
def test_refused(X, error, fragments):
    with pytest.raises(error) as raised:
        as_sequences(X)
    for fragment in fragments:
        assert fragment in str(raised.value)


def test_the_argument_is_named():
    for X in [None, [], [GOOD, 3], np.arange(3), [[NAN]], sparse.eye_array(2), [steps(0, 1)]]:
        with pytest.raises((TypeError, ValueError), match=r"^sequences_to_score\b"):
            as_sequences(X, name="sequences_to_score")


@pytest.mark.parametrize("make", [np.array, as_sequences, list], ids=["3-D", "Sequences", "list"])
def test_number_of_features_expected(make):
    X = make(np.ones((2, 4, 2)))
    expected = "X[0] has shape (4, 2), 2 feature(s); expected 3 as in the network"
    with pytest.raises(ValueError, match=re.escape(expected)) as raised:
        as_sequences(X, n_features=3, reference="the network")
    assert "channels-first" not in str(raised.value)
    with pytest.raises(ValueError, match=r"channels-first, transpose: \[x.T for x in X\]"):
        as_sequences(X, n_features=4)
    assert as_sequences(X, n_features=2).n_features == 2


def test_a_univariate_sequence_is_not_called_channels_first():
    for X, n_features in [([[1, 2, 3], steps(3, 2)], None), ([[1, 2, 3]], 3)]:
        with pytest.raises(ValueError, match=r"[12] feature") as raised:
            as_sequences(X, n_features=n_features)
        assert "channels-first" not in str(raised.value)


def test_only_the_sequence_that_differs_is_blamed():
    X = [steps(3, 3), steps(2, 3), steps(3, 2)]
    with pytest.raises(ValueError, match=r"X\[2\] has shape \(3, 2\).*as in fit.*\[x.T for"):
        as_sequences(X, n_features=3)
    with pytest.raises(ValueError, match=r"X\[0\] has shape \(2,\), 1 feature\(s\); expected 2"):
        as_sequences([[1, 2]], n_features=2)


@pytest.mark.parametrize(
    "make",
    [
        lambda arrays: arrays,
        np.array,
        as_sequences,
        lambda arrays: [sparse.csr_array(array) for array in arrays],
        lambda arrays: [sparse.coo_array(array) for array in arrays],
    ],
    ids=["list", "3-D", "Sequences", "csr", "coo"],
)
def test_a_number_too_large_for_float32(make):
    X = make([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, -1e300]])])
    assert as_sequences(X).n_steps == 4
    with pytest.raises(ValueError, match=r"X\[1\] at step 1 contains 1e\+300, infinity in float32"):
        as_sequences(X, dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "offsets", "error", "message"),
    [
        (steps(3, 1), [0, 2], ValueError, r"offsets are \[0, 2\]; expected 0 to 3"),
        (steps(3, 1), [1, 3], ValueError, r"offsets are \[1, 3\]; expected 0 to 3"),
        (steps(3, 1), [], ValueError, r"offsets are \[\]; expected 0 to 3"),
        (steps(3, 1), [0, 2, 2, 3], ValueError, r"sequence 1 has 0 steps"),
        (steps(3, 1), [0, 1, 2, 1, 3], ValueError, r"sequence 2 has -1 steps"),
        (steps(3, 1), [0.0, 3.0], TypeError, r"offsets has shape \(2,\), float64; expected 1-D"),
        (steps(3, 1), [[0, 3]], TypeError, r"offsets has shape \(1, 2\)"),
        (steps(3, 0), [0, 3], ValueError, r"values has shape \(3, 0\)"),
        (np.arange(3), [0, 3], ValueError, r"values has shape \(3,\).*values.reshape\(-1, 1\)"),
        ([[1.0], [INF]], [0, 1, 2], ValueError, r"Sequences\[1\] at step 0 contains infinity"),
        (sparse.eye_array(3), [0, 2], ValueError, r"offsets are \[0, 2\]; expected 0 to 3"),
    ],
)
def test_parts_that_do_not_fit(values, offsets, error, message):
    with pytest.raises(error, match=message):
        Sequences(values, offsets)


WRAPPED = [0, 2**62, -(2**62) - 1, 5]  # of which all differences are positive in 64 bits, and the sum is 5


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("offsets", "sequence"),
    [
        (WRAPPED, 1),
        ([0, 2**63 - 1, 5], 1),
        (np.array([0, 2**63 + 3, 5], np.uint64), 0),
        ([0, 2**31, 2**32 + 1, 5], 2),
        ([0, -1, 5], 0),
        ([0, 6, 5], 1),
    ],
)
def test_offsets_are_compared_not_subtracted(offsets, sequence, form):
    assert (np.diff(np.array(WRAPPED)) > 0).all()  # what a look at the differences would accept
    with pytest.raises(ValueError, match=f"sequence {sequence} has -?[0-9]+ steps; expected increasing"):
        Sequences(form(steps(5, 2)), offsets)


@pytest.mark.parametrize(
    ("lengths", "bad"),
    [
        ([2**62] * 4 + [5], 0),
        ([2, 2**63 - 1, 2**63 - 1, 5], 1),
        (np.array([5, 2**64 - 5, 5], np.uint64), 1),
        ([3, -1, 3], 1),
        ([5, 0], 1),
        ([6], 0),
    ],
)
def test_lengths_are_looked_at_before_they_are_summed(lengths, bad):
    assert len(lengths) < 3 or np.array(lengths).astype(np.int64).sum() == 5  # as a sum would see it
    with pytest.raises(ValueError, match=rf"lengths\[{bad}\] is -?[0-9]+; expected 1 to 5"):
        Sequences.from_lengths(steps(5, 2), lengths)
    with pytest.raises(ValueError, match=r"lengths are .*; expected \d numbers from 1 to 5"):
        Sequences.from_padded(np.ones((len(lengths), 5, 2)), lengths)


def test_from_lengths():
    assert_same(Sequences.from_lengths(np.concatenate(ragged()).tolist(), LENGTHS), ragged())
    with pytest.raises(ValueError, match="lengths sum to 2; expected 3, the rows of values"):
        Sequences.from_lengths(steps(3, 1), [1, 1])
    with pytest.raises(TypeError, match=r"lengths has shape \(2,\), float64; expected 1-D"):
        Sequences.from_lengths(steps(3, 1), [1.0, 2.0])


# Targets, one per step.

X3 = as_sequences(ragged())


@pytest.mark.parametrize(
    "make",
    [
        list,
        object_array,
        lambda y: [target.tolist() for target in y],
        import_and("pandas", lambda pd, y: pd.Series([target.tolist() for target in y])),
        import_and("polars", lambda pl, y: pl.Series([target.tolist() for target in y])),
        import_and("pyarrow", lambda pa, y: pa.array([target.tolist() for target in y])),
    ],
    ids=["list", "object array", "nested lists", "pandas", "polars", "pyarrow"],
)
@pytest.mark.parametrize("labels", [np.arange(8), np.arange(8) / 2, np.array(list("abcdefgh"))])
def test_step_targets(make, labels):
    flat = as_step_targets(make(np.split(labels, [3, 4])), X3)
    assert flat.shape == (8,)
    assert flat.tolist() == labels.tolist()
    assert make is not list or flat.dtype == labels.dtype


def test_step_targets_of_several_outputs():
    assert_array_equal(as_step_targets(ragged(5), X3), np.concatenate(ragged(5)), strict=True)
    assert as_step_targets(ragged(1), X3).shape == (8, 1)


def test_step_targets_as_sequences():
    assert_array_equal(as_step_targets(X3, X3), X3.values, strict=True)
    univariate = as_sequences(ragged(1))
    assert_array_equal(as_step_targets(univariate, X3), univariate.values[:, 0], strict=True)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)])
def test_step_targets_as_an_array(shape):
    y = np.arange(np.prod(shape)).reshape(shape)
    flat = as_step_targets(y, as_sequences(np.ones((2, 3, 5))))
    assert_array_equal(flat, y.reshape(6, *shape[2:]), strict=True)


ONES = [[1] * n for n in LENGTHS]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, TypeError, "y is of type NoneType"),
        (ONES[:2], ValueError, "y has targets for 2 of 3 sequences"),
        ([*ONES[:2], [1] * 5], ValueError, r"y\[2\] has shape \(5,\); .* 4 steps of sequence 2"),
        ([[1] * 3, 1, [1] * 4], ValueError, r"y\[1\] has shape \(\); .* the 1 steps of sequence 1"),
        (np.ones(3), ValueError, r"y\[0\] has shape \(\); .* the 3 steps of sequence 0"),
        (np.ones((3, 4)), ValueError, r"y\[0\] has shape \(4,\); .* the 3 steps of sequence 0"),
        ([np.ones((3, 1, 1)), *ONES[1:]], ValueError, r"y\[0\] has shape \(3, 1, 1\)"),
        ([*ragged()[:2], ragged(3)[2]], ValueError, r"y\[2\] is of float64 and shape \(4, 3\)"),
        ([*ragged(1)[:2], np.ones(4)], ValueError, r"y\[2\] is of float64 and shape \(4,\)"),
        ([*ONES[:2], list("abcd")], ValueError, r"y\[2\]\[0\] is 'a', y\[0\]\[0\] is 1"),
        ([list("abc"), *ONES[1:]], ValueError, r"y\[0\]\[0\] is 'a', y\[1\]\[0\] is 1"),
        ([*ONES[:2], [[1], [2, 3], [4], [5]]], ValueError, r"y\[2\] is not a rectangular array"),
        ([*ONES[:2], np.ma.masked_all(4)], ValueError, r"y\[2\]\[0\] is missing"),
        (sparse.eye_array(3), TypeError, "y is one sparse matrix"),
        ([sparse.eye_array(n) for n in LENGTHS], TypeError, r"y\[0\] is of type .* dense array"),
        (as_sequences([sparse.eye_array(4)] * 3), TypeError, r"y\[0\] is of type csr_array"),
        (as_sequences(ragged(lengths=[3, 2, 4])), ValueError, r"y\[1\] has shape \(2, 2\)"),
    ],
)
def test_step_targets_that_do_not_fit(y, error, message):
    with pytest.raises(error, match=message):
        as_step_targets(y, X3)


@pytest.mark.parametrize("lengths", [LENGTHS, [2, 2, 2], [1], []])
@pytest.mark.parametrize("trailing", [(), (2,)])
def test_splitting_undoes_stacking(lengths, trailing):
    offsets = np.cumsum([0, *lengths])
    flat = np.arange(offsets[-1] * np.prod(trailing, dtype=int)).reshape(-1, *trailing)
    pieces = split_steps(flat, offsets)
    assert pieces.dtype == object
    assert pieces.shape == (len(lengths),)
    assert [len(piece) for piece in pieces] == lengths
    for piece, start, stop in zip(pieces, offsets[:-1], offsets[1:], strict=True):
        assert_allclose(piece, flat[start:stop], rtol=0, atol=0)
