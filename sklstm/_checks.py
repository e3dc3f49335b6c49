"""Checks of arguments, of arrays of real numbers, and of the indices that the compiled kernel uses.

The kernel does not check bounds. All its indices are checked here when they enter it, even if they were
checked before: they may come from an attribute, a pickle or an array of the caller. Indices are compared,
not subtracted or summed, because differences of 64-bit numbers wrap around.
"""

from numbers import Integral, Real
from reprlib import repr as short_repr

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state as _check_random_state

from sklstm._messages import shown
from sklstm._tensors import of_tensors

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))  # types of the kernel
MOST_WEIGHTS = 2**48  # no address space holds more
MOST_RANGE = np.finfo(np.float64).max / 2  # NumPy computes the difference of -range and range

# ----------------------------------------------------------------------------------------------
# arguments


def check_choice(name, value, choices):
    """Refuse a value that is not one of these strings."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}, got {shown(value)}.")


def check_bool(name, value, text=""):
    """Refuse a value other than True and False; `text` names other allowed values."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {text}True or False, got {shown(value)}.")


def check_integer(name, value, least=None, text=""):
    """Refuse a value that is no integer, or is below `least`; `text` names other allowed values."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be {text}an integer, got {shown(value)}.")
    if least is not None and value < least:
        raise ValueError(f"{name} must be {text}an integer of at least {least}, got {shown(value)}.")


def check_number(name, value, *, least=None, above=None, below=None, most=None, text=""):
    """Refuse a value that is no finite number within these bounds; `text` names other allowed values."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {text}a number, got {shown(value)}.")
    try:
        number = float(value)
    except OverflowError:  # an integer that is too large for a float
        number = np.inf
    if (
        not np.isfinite(number)
        or (least is not None and value < least)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
        or (most is not None and value > most)
    ):
        bounds = {"at least": least, "above": above, "below": below, "at most": most}
        given = [f"{words} {bound:.4g}" for words, bound in bounds.items() if bound is not None]
        raise ValueError(f"{name} must be {text}a finite number {' and '.join(given)}, got {shown(value)}.")


def check_init_range(init_range, text=""):
    """Refuse a value that is not a range of initial weights."""
    check_number("init_range", init_range, least=0, most=MOST_RANGE, text=text)


def check_gate_bias(name, bias, n_blocks):
    """Return initial biases of a gate as an array: one finite number, or one per block."""
    try:
        values = as_real(bias, name)
        fits = values.dtype.kind != "b" and values.shape in ((), (n_blocks,)) and np.isfinite(values).all()
    except (TypeError, ValueError):
        fits = False
    if not fits:
        expected = f"a finite number or one for each of the {n_blocks} blocks"
        raise ValueError(f"{name} must be {expected}, got {shown(bias)}.")
    return values


def check_dtype(dtype):
    """Return the dtype; refuse dtypes that the kernel does not have."""
    try:
        given = np.dtype(dtype)
    except (TypeError, ValueError):
        given = None
    if given is None or given not in FLOATS:
        found = shown(dtype) if given is None else given
        raise TypeError(f"dtype must be float64 or float32, got {found}.")
    return given


def check_n_channels(n_channels):
    """Refuse a value other than None and integers of at least 1."""
    if n_channels is not None:
        check_integer("n_channels", n_channels, 1, "None or ")


def check_random_state(random_state):
    """Return the RandomState of scikit-learn for this value."""
    try:
        return _check_random_state(random_state)
    except ValueError:
        error = ValueError if isinstance(random_state, Integral) else TypeError
        expected = "None, an int from 0 to 2**32 - 1 or a RandomState"
        raise error(f"random_state must be {expected}, got {shown(random_state)}.") from None


def check_generator(random_state):
    """Return a Generator or a RandomState unchanged, and a new Generator for a seed or None."""
    if isinstance(random_state, np.random.Generator | np.random.RandomState):
        return random_state
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"random_state must be an int, a Generator, a RandomState or None, got {shown(random_state)}."
        ) from None


# ----------------------------------------------------------------------------------------------
# arrays of real numbers


def may_overflow():
    """Context in which overflow gives infinity or NaN without a warning; the caller checks the result."""
    return np.errstate(over="ignore", invalid="ignore")


def as_real(values, name):
    """Return an array of real numbers; refuse text, None, complex numbers and masks."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must hold real numbers, got a masked array: fill it first, as {name}.filled(0) does."
        )
    try:
        array = np.asarray(of_tensors(values, name))
        if array.dtype == object:  # the objects may be numbers
            array = np.array(array.tolist())
    except ValueError as error:
        raise ValueError(f"{name} must hold real numbers, got no rectangular array: {error}") from None
    except TypeError:
        raise TypeError(f"{name} must hold real numbers, got {type(values).__name__}.") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got the dtype {array.dtype}.")
    return array


def real_array(values, name, shape, dtype=None, *, finite=True, remedy=""):
    """Return an array of finite real numbers of this shape, in this dtype; `remedy` ends the message."""
    array = as_real(values, name)
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}{remedy}.")
    cast = array
    if dtype is not None and array.dtype != dtype:
        with np.errstate(over="ignore"):  # reported below
            cast = array.astype(dtype)
    if finite and not np.isfinite(cast).all():
        place = np.unravel_index(np.isfinite(cast).argmin(), shape)
        found = f"{name}[{', '.join(map(str, place))}] is {array[place]}"
        raise ValueError(f"{found}; expected finite numbers in {cast.dtype}{remedy}.")
    return cast


def check_sample_weight(sample_weight, n_sequences):
    """Return one finite weight of at least 0 per sequence; ones for None."""
    if sample_weight is None:
        return np.ones(n_sequences)
    weight = as_real(sample_weight, "sample_weight").astype(np.float64, copy=False)
    if weight.shape != (n_sequences,):
        raise ValueError(
            f"sample_weight must have the shape ({n_sequences},), got {weight.shape}: one per sequence."
        )
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        raise ValueError(
            f"sample_weight must be finite and not negative, got {weight[bad[0]]} for sequence {bad[0]}."
        )
    return weight


# ----------------------------------------------------------------------------------------------
# indices of the kernel


def check_sequences(values, offsets):
    """Refuse values and offsets that do not fit together, or that the kernel must not get.

    Parameters
    ----------
    values : ndarray or CSR array of shape (n_steps, n_features)
        Of a CSR array, only the index arrays are checked; dense values are not read.
    offsets : ndarray of int of shape (n_sequences + 1,)
    """
    if values.ndim != 2:
        raise ValueError(f"values has shape {values.shape}; expected (n_steps, n_features).")
    if sparse.issparse(values):
        check_csr(values.data, values.indices, values.indptr, values.shape)
    check_offsets(offsets, values.shape[0])


def check_offsets(offsets, n_steps):
    """Refuse offsets that do not rise from 0 to `n_steps`."""
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu":
        raise TypeError(f"offsets has shape {offsets.shape}, {offsets.dtype}; expected 1-D integers.")
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != n_steps:
        found = short_repr(offsets.tolist())
        raise ValueError(f"offsets are {found}; expected 0 to {n_steps}, the rows of values.")
    rises = offsets[1:] > offsets[:-1]
    if not rises.all():
        i = int(rises.argmin())
        steps = int(offsets[i + 1]) - int(offsets[i])
        raise ValueError(f"sequence {i} has {steps} steps; expected increasing offsets.")


def check_csr(data, indices, indptr, shape):
    """Refuse arrays that do not make a CSR matrix of this shape."""
    n_rows, n_columns = shape
    if data.shape != indices.shape or indptr.shape != (n_rows + 1,) or indptr.dtype.kind != "i":
        found = f"shapes {data.shape}, {indices.shape} and {indptr.shape}, {indptr.dtype}"
        raise ValueError(
            f"values.data, indices and indptr have {found}; expected an index for each of data, and "
            f"{n_rows + 1} integers in indptr."
        )
    rises = indptr[1:] >= indptr[:-1]
    if indptr[0] != 0 or indptr[-1] > len(indices) or not rises.all():
        found = short_repr(indptr.tolist())
        raise ValueError(f"values.indptr are {found}; expected to rise from 0 to at most {len(indices)}.")
    check_indices(indices, "values.indices", n_columns)


def check_indices(indices, name, n, once=False):
    """Refuse indices outside 0 to n - 1; with `once`, also an index that occurs twice."""
    if indices.ndim != 1 or indices.dtype.kind != "i":
        raise TypeError(f"{name} has shape {indices.shape}, {indices.dtype}; expected 1-D integers.")
    if len(indices) and (indices.min() < 0 or indices.max() >= n):
        bad = indices[(indices < 0) | (indices >= n)][0]
        raise ValueError(f"{name} contain {bad}; expected indices from 0 to {n - 1}.")
    if once and len(np.unique(indices)) < len(indices):
        raise ValueError(f"{name} contain an index twice; expected each index once.")
