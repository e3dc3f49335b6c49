"""Transformer that joins several time steps to one: patches."""

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_integer
from sklstm._preprocessing.base import SequenceTransformer, UnwrappedSequences
from sklstm._sequences import as_container
from sklstm._sequences.patches import patch_size, patched
from sklstm._typing import Array


class SequencePatcher(UnwrappedSequences, SequenceTransformer):
    """Join several consecutive time steps to one, a patch: long sequences become short.

    An LSTM that reads a long series one number at a time learns slowly, and forgets. Patches are for one
    target per sequence.

    Parameters
    ----------
    n_patches : int, default=32
        Maximum number of patches of the longest sequence in `fit`, if `step` is "auto". If that sequence has
        no more than this number of steps, sequences are left unchanged.
    step : "auto" or int, default="auto"
        Number of time steps of a patch; "auto" means the smallest number that `n_patches` allows.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    step_ : int
        Number of time steps of a patch.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Notes
    -----
    A sequence of T steps has ``ceil(T / step_)`` patches; if the last one has too few steps, the last step is
    repeated.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import SequencePatcher
    >>> patcher = SequencePatcher(n_patches=3)
    >>> patches = patcher.fit_transform([np.arange(7.0), np.arange(4.0)])
    >>> patcher.step_
    3
    >>> patches[0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 6.0, 6.0]]
    >>> patches[1].tolist()
    [[0.0, 1.0, 2.0], [3.0, 3.0, 3.0]]
    """

    def __init__(
        self, n_patches: int = 32, *, step: Literal["auto"] | int = "auto", n_channels: int | None = None
    ) -> None:
        self.n_patches = n_patches
        self.step = step
        self.n_channels = n_channels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the number of steps of a patch.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes, with missing values as well.
        y : None
            Not used.

        Returns
        -------
        self
        """
        check_integer("n_patches", self.n_patches, 1)
        is_auto = isinstance(self.step, str) and self.step == "auto"
        if not is_auto:
            check_integer("step", self.step, 1, '"auto" or ')
        sequences = self._read_X(X, reset=True)
        longest = sequences.lengths.max()
        self.step_ = patch_size(longest, self.n_patches) if is_auto else int(self.step)
        self._n_channels_out = sequences.n_features * self.step_
        return self

    def _transform(self, X):
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        names = None if sequences.columns is None else self.get_feature_names_out()
        return as_container(patched(sequences, self.step_, names), X, self.n_channels, self.step_)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the features of a patch, all of its first step first; of a 2-D X its columns.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,), default=None
            None: `feature_names_in_`, or x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        if self._n_columns_in is not None and self.step_ == 1:
            return OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        names = self._names_of_channels(input_features)
        if self.step_ == 1:
            return names
        return np.array([f"{name}_t{t}" for t in range(self.step_) for name in names], dtype=object)
