"""Text for messages: values, and the names of methods."""

from inspect import isfunction, unwrap

import numpy as np


def shown(value):
    """Text of a value for a message; scalars of NumPy look like those of Python, 0.0 and not np.float64(0.0).

    Parameters
    ----------
    value : object
        Anything. Scalars are also found in lists, tuples and arrays of objects.

    Returns
    -------
    str
    """
    if isinstance(value, np.str_):
        return repr(str(value))
    if isinstance(value, np.generic):
        return str(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return f"array({shown(value.tolist())}, dtype=object)"
    if type(value) is list:
        return f"[{', '.join(map(shown, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(shown, value))}{',' * (len(value) == 1)})"
    return repr(value)


def of_public_classes(cls):
    """Remove the name of a private base class from Python's messages about arguments of its methods.

    The message is "fit() missing 1 required positional argument: 'y'", not "_BaseLSTM.fit() missing ...".
    """
    for name, member in vars(cls).items():
        if isfunction(member) and not name.startswith("_"):
            member.__qualname__ = unwrap(member).__qualname__ = name  # scikit-learn wraps `transform`
    return cls
