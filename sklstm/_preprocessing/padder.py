"""Transformer from sequences to a padded array."""

from typing import Any, Literal, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_integer
from sklstm._messages import shown
from sklstm._preprocessing.base import SequenceTransformer, UnwrappedSequences
from sklstm._sequences import is_table
from sklstm._tables import OF_ROWS, made
from sklstm._typing import Array


class SequencePadder(UnwrappedSequences, SequenceTransformer):
    """Turn sequences into one array, padded by NaN, for tools of scikit-learn that require a table.

    Put it in front of such a tool, and give the LSTM inside ``n_channels=<features of a time step>``.

    Parameters
    ----------
    n_steps : int or None, default=None
        Number of steps of the array; None means that of the longest sequence in `fit`. Longer sequences are
        refused.
    output : {"rows", "array"}, default="rows"
        A 2-D array of shape (n_sequences, n_steps * n_features), all features of step 0 first, or a 3-D
        array of shape (n_sequences, n_steps, n_features).
    padding : {"nan", "largest"}, default="nan"
        "largest", only for rows, is the largest finite number of the dtype. It is for tools that refuse NaN,
        such as `AdaBoostClassifier` and `AdaBoostRegressor`; ``n_channels`` also reads it as padding.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    n_steps_ : int
        Number of steps of the array.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier, SequencePadder
    >>> SequencePadder().fit_transform([[[1, 2]], [[3, 4], [5, 6]]])
    array([[ 1.,  2., nan, nan],
           [ 3.,  4.,  5.,  6.]])
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 6, 20)]
    >>> y = [int(x[0, 0] > 0) for x in X]
    >>> lstm = LSTMClassifier(n_blocks=2, n_channels=2, solver="lbfgs", max_iter=500, random_state=0)
    >>> model = make_pipeline(SequencePadder(), BaggingClassifier(lstm, n_estimators=2, random_state=0))
    >>> model.fit(X, y).predict(X).shape
    (20,)
    """

    def __init__(
        self,
        *,
        n_steps: int | None = None,
        output: Literal["rows", "array"] = "rows",
        padding: Literal["nan", "largest"] = "nan",
        n_channels: int | None = None,
    ) -> None:
        self.n_steps = n_steps
        self.output = output
        self.padding = padding
        self.n_channels = n_channels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the longest sequence.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.
        y : None
            Not used.

        Returns
        -------
        self
        """
        if self.output not in ("rows", "array"):
            raise ValueError(f"output must be 'rows' or 'array', got {shown(self.output)}.")
        if self.padding not in ("nan", "largest"):
            raise ValueError(f"padding must be 'nan' or 'largest', got {shown(self.padding)}.")
        if self.padding == "largest" and self.output != "rows":
            raise ValueError(f"padding='largest' needs output='rows', got output={shown(self.output)}.")
        if self.n_steps is not None:
            check_integer("n_steps", self.n_steps, 1, "None or ")
        lengths = self._read_X(X, reset=True).lengths
        self.n_steps_ = int(lengths.max()) if self.n_steps is None else self.n_steps
        return self

    def _transform(self, X):
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        if sequences.lengths.max() > self.n_steps_:
            i = int(sequences.lengths.argmax())
            raise ValueError(
                f"X[{i}] has {sequences.lengths[i]} steps; expected at most {self.n_steps_}. "
                "Set n_steps, which may be larger than needed."
            )
        padded = sequences.to_padded(self.n_steps_)
        is_padding = np.arange(self.n_steps_) >= sequences.lengths[:, np.newaxis]
        ends = np.isnan(padded[np.arange(len(padded)), sequences.lengths - 1]).all(axis=1)
        if ends.any() and not is_table(X):  # the rows of a table are not changed
            i = int(ends.argmax())
            raise ValueError(
                f"X[{i}] ends with a time step that is all NaN, which would be read as padding; put "
                "SequenceImputer() in front, or leave the step out."
            )
        if self.padding == "largest":
            padded[is_padding] = np.finfo(padded.dtype).max
        if self.output == "array":
            return padded
        rows = padded.reshape(len(padded), -1)
        return rows if sequences.n_features == 1 else made(rows, OF_ROWS.format(sequences.n_features))

    def _gives_table(self, X):
        return self.output == "rows"

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns: name of the feature, "_t", time step.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        names = self._names_of_channels(input_features)
        return np.array([f"{name}_t{t}" for t in range(self.n_steps_) for name in names], dtype=object)
