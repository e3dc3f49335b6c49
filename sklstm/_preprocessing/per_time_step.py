"""Transformers of tables, applied to every time step."""

from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.base import MetaEstimatorMixin, OneToOneFeatureMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklstm._messages import shown
from sklstm._preprocessing.base import SequenceTransformer, UnwrappedSequences
from sklstm._sequences import as_container, as_sequences, as_step_targets
from sklstm._sequences.frames import columns_of, frame_of, library_of, library_of_names, names_of
from sklstm._sequences.numbers import NO_DATES, no_numbers, unboxed
from sklstm._typing import Array, available_if


class PerTimeStep(UnwrappedSequences, MetaEstimatorMixin, SequenceTransformer):
    """Apply a transformer of tables to every time step.

    It is fitted on the steps of all sequences, stacked.

    Parameters
    ----------
    transformer : transformer
        Any transformer of scikit-learn that transforms each row independently of the others, for example
        imputers, or a `ColumnTransformer` for words and numbers. If the features have names, it gets the
        steps as a data frame of the library of X, otherwise as an array. If it needs y, it gets for each step
        the target of the step or, if there is only one per sequence, of the sequence.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklstm import PerTimeStep
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 5)) for n in (3, 4)]
    >>> [x.shape for x in PerTimeStep(PCA(n_components=2)).fit_transform(X)]
    [(3, 2), (4, 2)]

    Words and numbers in one step, by index in arrays of objects, and by name in data frames:

    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
    >>> X = [np.array([["red", 1.0], ["green", 3.0]], dtype=object), np.array([["red", 2.0]], dtype=object)]
    >>> columns = make_column_transformer((OneHotEncoder(), [0]), (StandardScaler(), [1]))
    >>> PerTimeStep(columns).fit_transform(X)[1]
    array([[0., 1., 0.]])
    """

    def __init__(self, transformer: Any, *, n_channels: int | None = None) -> None:
        self.transformer = transformer
        self.n_channels = n_channels

    def _unfitted(self):
        return self.transformer

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer on the steps of all sequences.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes, with missing values (NaN, None, `pandas.NA`) and with
            words and dates if the transformer takes them.
        y : array-like of shape (n_sequences,), or a list of arrays of shape (n_steps,), default=None
            Used only by a transformer that needs it.

        Returns
        -------
        self
        """
        transformer = self._unfitted()
        if not hasattr(transformer, "transform"):
            raise TypeError(
                f"{type(self).__name__} needs a transformer of scikit-learn, such as StandardScaler(), "
                f"got {transformer!r}."
            )
        sequences = self._read_X(X, reset=True, mixed=True)
        if y is not None:
            y = self._of_steps(y, sequences) if get_tags(transformer).target_tags.required else None
        table = _table(sequences, X)
        _refuse_dates(transformer, table)
        with _messages_of(transformer, sequences):
            self.transformer_ = clone(transformer).fit(table, y)
            self._n_channels_out = self.transformer_.transform(table[:1]).shape[1]
        for _, inner, columns in getattr(self.transformer_, "transformers_", ()):
            if not isinstance(inner, str):  # "drop", "passthrough"
                _refuse_dates(inner, _columns(table, columns))
        return self

    def _of_steps(self, y, sequences):
        if np.ndim(y[0] if isinstance(y, list | tuple) else np.asarray(y)[0]):
            return as_step_targets(y, sequences)
        if len(y) != len(sequences):
            raise ValueError(f"X has {len(sequences)} sequences, y has {len(y)} targets.")
        return np.repeat(np.asarray(y), sequences.lengths)

    def _transform(self, X):
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False, mixed=True)
        with _messages_of(self.transformer_, sequences):
            values = self.transformer_.transform(_table(sequences, X))
        named = sequences.columns is not None
        return as_container(sequences._with(values, self._names_out() if named else None), X, self.n_channels)

    def _names_out(self):
        """Names of the features of a time step; None if the transformer does not give them."""
        try:
            names = self.get_feature_names_out()
        except (AttributeError, ValueError):
            return None
        return names if len(set(names)) == self._n_channels_out else None

    def _can_invert(self):
        return hasattr(getattr(self, "transformer_", None) or self._unfitted(), "inverse_transform")

    @available_if(_can_invert)
    def inverse_transform(self, X: Any) -> Any:
        """Undo `transform`, step by step.

        Parameters
        ----------
        X : sequences
            As returned by `transform`.

        Returns
        -------
        sequences
            In the same container as X.
        """
        check_is_fitted(self)
        sequences = as_sequences(X, n_channels=self.n_channels, allow_nan=True)
        values = self.transformer_.inverse_transform(sequences.values)
        names = getattr(self, "feature_names_in_", None) if sequences.columns is not None else None
        return as_container(sequences._with(values, names), X, self.n_channels)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the features of a time step, or of the columns if both X and the result are 2-D.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,), default=None
            None: `feature_names_in_`, or x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        given = self._names_of_channels(input_features)
        if hasattr(self.transformer_, "get_feature_names_out"):
            names = self.transformer_.get_feature_names_out(given)
        elif self._n_channels_out == len(given):
            names = given
        else:
            names = np.array([f"step{i}" for i in range(self._n_channels_out)], dtype=object)
        if self._n_columns_in is None or self._n_channels_out != self._n_channels_in:
            return names
        if list(names) == list(given):
            return OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        n_steps = self._n_columns_in // self._n_channels_in
        return np.array([f"{name}_t{t}" for t in range(n_steps) for name in names], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._unfitted())
        tags.target_tags.required = inner.target_tags.required
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        return tags


def _table(sequences, X):
    """The steps of sequences as a table, with the names of the features if there are any."""
    values = sequences.values
    if sequences.columns is None or sequences.is_sparse:
        return values
    library = library_of_names(X)
    return values if library is None else frame_of(library, values, sequences.columns)


def _columns(table, columns):
    """Columns of a table, given by names or indices."""
    columns = [columns] if isinstance(columns, str | int) else columns
    if not isinstance(columns, list) or not all(type(column) in (str, int) for column in columns):
        return table[:0]
    if isinstance(table, np.ndarray):
        return table[:, columns]
    names = names_of(table)
    return table[[names[each] if isinstance(each, int) else each for each in columns]]


def _refuse_dates(transformer, table):
    """Refuse dates for a transformer of numbers, because scikit-learn may read them as numbers."""
    tags = get_tags(transformer)
    if tags.no_validation or tags.input_tags.categorical or tags.input_tags.string or not library_of(table):
        return
    if any(hasattr(transformer, name) for name in ("transformers", "transformer_list", "steps")):
        return  # it checks its columns itself
    names = [
        name
        for name, column in zip(names_of(table), columns_of(table), strict=True)
        if column.dtype.kind in "mM"
    ]
    if names:
        raise TypeError(
            f"X holds dates in the column {shown(names[0])}, which {type(transformer).__name__} would read "
            f"as numbers. {NO_DATES}"
        )


@contextmanager
def _messages_of(transformer, sequences):
    """Context that adds to the error of a transformer what X contains, if that is the reason."""
    try:
        yield
    except (TypeError, ValueError, KeyError) as error:
        name = type(transformer).__name__
        what = f"{name} cannot take the steps of X: {str(error).partition('. ')[0].rstrip('. ')}."
        kind = TypeError if isinstance(error, TypeError) else ValueError
        if sequences.dtype == object and not hasattr(transformer, "transformers"):
            i = next((i for i, steps in enumerate(sequences) if unboxed(steps, "X").dtype == object), 0)
            found = no_numbers(sequences[i], f"X[{i}]", sequences.columns)
            raise kind(f"{what} {found}") from error
        if sequences.columns is None and hasattr(transformer, "transformers"):
            raise kind(
                f"{what} The features of X have no names: give indices, make_column_transformer("
                "(encoder, [0]), ...), or name them: data frames, Sequences.from_long, "
                "Sequences(values, offsets, columns=...)."
            ) from error
        raise


class SequenceScaler(PerTimeStep):
    """Scale the features of sequences with any scaler of scikit-learn, fitted over all steps.

    Parameters
    ----------
    scaler : transformer or None, default=None
        Any scaler: `StandardScaler`, `MinMaxScaler`, `RobustScaler`, `QuantileTransformer`, ... None:
        ``StandardScaler()``. Sparse sequences need one that does not center, such as ``MaxAbsScaler()``.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    transformer_ : transformer
        The fitted scaler.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklstm import SequenceScaler
    >>> X = [[[0.0], [5.0]], [[10.0]]]
    >>> [x.tolist() for x in SequenceScaler(MinMaxScaler()).fit_transform(X)]
    [[[0.0], [0.5]], [[1.0]]]
    """

    def __init__(self, scaler: Any = None, *, n_channels: int | None = None) -> None:
        self.scaler = scaler
        self.n_channels = n_channels

    def _unfitted(self):
        return StandardScaler() if self.scaler is None else self.scaler
