"""Transformers for sequences: any container in, the same kind of container or a table out."""

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
)
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_integer, check_n_channels
from sklstm._input import read_table, read_X, remember_shape
from sklstm._messages import of_public_classes, shown
from sklstm._sequences import (
    Sequences,
    as_container,
    as_sequences,
    as_symbols,
    is_table,
    split_steps,
)
from sklstm._targets import as_step_targets

BATCH = 256
STATISTICS = ("mean", "std", "first", "last", "length")


@of_public_classes
class _SequenceTransformer(TransformerMixin, BaseEstimator):
    """What the transformers share; their `_transform` does the work."""

    def transform(self, X):  # scikit-learn wraps it: a table becomes what `set_output` asks for
        return self._transform(X)

    def _read_X(self, X, reset):
        check_n_channels(self.n_channels)
        sequences = read_X(self, X, None if reset else self._n_channels_in)
        if reset:
            self._n_channels_in = sequences.n_features
        return sequences

    def _names_of_channels(self, input_features=None):
        """Names of the features of a time step; the columns of a 2-D X are several steps."""
        check_is_fitted(self)
        if self._n_columns_in is None and input_features is not None and len(input_features) == 1:
            if self._n_channels_in > 1:  # from ColumnTransformer: the column whose items are sequences
                input_features = [f"{input_features[0]}_{i}" for i in range(self._n_channels_in)]
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        if self._n_columns_in is None:
            return names
        return np.array([f"x{i}" for i in range(self._n_channels_in)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


@of_public_classes
class _UnwrappedSequences(BaseEstimator):
    """Sequences go out as they are: `set_output` is for tables only."""

    def transform(self, X):
        """Transform each sequence.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.

        Returns
        -------
        sequences
            In the container that X is. Arrays are NaN-padded; a 2-D array stays 2-D if steps keep their
            number of features, and becomes 3-D otherwise. `Sequences` if the result is sparse and the
            container can hold no sparse matrix. Of `SequencePadder` always the padded array.
        """
        return super().transform(X) if self._gives_table(X) else self._transform(X)

    def fit_transform(self, X, y=None):
        """Fit, then transform: the same X.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        sequences
            As `transform` gives them.
        """
        return self.fit(X, y).transform(X)


class PerTimeStep(_UnwrappedSequences, MetaEstimatorMixin, _SequenceTransformer):
    """Apply a transformer of tables to every time step.

    It is fitted on the steps of all sequences, stacked.

    Parameters
    ----------
    transformer : transformer
        Any transformer of scikit-learn whose rows do not depend on each other in `transform`. One that
        needs y gets that of the sequence, or of the step if there is one per step, for each step.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    transformer_ : transformer
        The fitted one.
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklstm import PerTimeStep
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 5)) for n in (3, 4)]
    >>> [x.shape for x in PerTimeStep(PCA(n_components=2)).fit_transform(X)]
    [(3, 2), (4, 2)]
    """

    def __init__(self, transformer, *, n_channels=None):
        self.transformer = transformer
        self.n_channels = n_channels

    def _unfitted(self):
        return self.transformer

    def fit(self, X, y=None):
        """Fit the transformer on the steps of all sequences.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.
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
        sequences = self._read_X(X, reset=True)
        if y is not None:
            y = self._of_steps(y, sequences) if get_tags(transformer).target_tags.required else None
        self.transformer_ = clone(transformer).fit(sequences.values, y)
        self._n_channels_out = self.transformer_.transform(sequences.values[:1]).shape[1]
        return self

    def _of_steps(self, y, sequences):
        if np.ndim(y[0] if isinstance(y, list | tuple) else np.asarray(y)[0]):
            return as_step_targets(y, sequences)
        if len(y) != len(sequences):
            raise ValueError(f"X has {len(sequences)} sequences, y has {len(y)} targets.")
        return np.repeat(np.asarray(y), sequences.lengths)

    def _transform(self, X):
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        steps = Sequences(self.transformer_.transform(sequences.values), sequences.offsets)
        return as_container(steps, X, self.n_channels)

    def _gives_table(self, X):
        check_is_fitted(self)
        if self._n_columns_in is None or self._n_channels_out != self._n_channels_in or not is_table(X):
            return False
        return not isinstance(X, list | tuple) or len(X[0]) == self._n_columns_in

    def _can_invert(self):
        return hasattr(getattr(self, "transformer_", None) or self._unfitted(), "inverse_transform")

    @available_if(_can_invert)
    def inverse_transform(self, X):
        """Undo `transform`, step by step.

        Parameters
        ----------
        X : sequences
            As `transform` gives them.

        Returns
        -------
        sequences
            In the container that X is.
        """
        check_is_fitted(self)
        sequences = as_sequences(X, n_channels=self.n_channels)
        steps = Sequences(self.transformer_.inverse_transform(sequences.values), sequences.offsets)
        return as_container(steps, X, self.n_channels)

    def get_feature_names_out(self, input_features=None):
        """Names of the features of a time step; of the columns if X was 2-D and the result is.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
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
        tags.target_tags.required = get_tags(self._unfitted()).target_tags.required
        return tags


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
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

    Examples
    --------
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklstm import SequenceScaler
    >>> X = [[[0.0], [5.0]], [[10.0]]]
    >>> [x.tolist() for x in SequenceScaler(MinMaxScaler()).fit_transform(X)]
    [[[0.0], [0.5]], [[1.0]]]
    """

    def __init__(self, scaler=None, *, n_channels=None):
        self.scaler = scaler
        self.n_channels = n_channels

    def _unfitted(self):
        return StandardScaler() if self.scaler is None else self.scaler


class SequenceOneHotEncoder(_UnwrappedSequences, _SequenceTransformer):
    """Sequences of symbols as one-hot sequences, which cost what is non-zero.

    Parameters
    ----------
    categories : "auto" or list of array-like, default="auto"
        The symbols, of each feature a list; "auto": those that are seen in `fit`, sorted.
    handle_unknown : {"error", "ignore"}, default="error"
        Whether a symbol that is not in the categories is an error or all zeros.
    sparse_output : bool, default=True
        Whether the sequences are SciPy CSR arrays; False: dense arrays.
    dtype : dtype, default=float64
        float64 or float32.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: symbols of one time step in a row of a 2-D X.

    Attributes
    ----------
    encoder_ : sklearn.preprocessing.OneHotEncoder
        It sees a time step a row.
    categories_ : list of ndarray
        The symbols of each feature, in the order of the columns.
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

    Examples
    --------
    Strings are sequences of characters; numbers are the names of symbols.

    >>> from sklstm import SequenceOneHotEncoder
    >>> enc = SequenceOneHotEncoder(sparse_output=False).fit(["BTXSE", "BPVE"])
    >>> enc.categories_
    [array(['B', 'E', 'P', 'S', 'T', 'V', 'X'], dtype='<U1')]
    >>> enc.transform(["PE"])[0]
    array([[0., 0., 1., 0., 0., 0., 0.],
           [0., 1., 0., 0., 0., 0., 0.]])
    >>> enc.inverse_transform(enc.transform(["PE"]))
    [array(['P', 'E'], dtype='<U1')]
    """

    def __init__(
        self,
        *,
        categories="auto",
        handle_unknown="error",
        sparse_output=True,
        dtype=np.float64,
        n_channels=None,
    ):
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.sparse_output = sparse_output
        self.dtype = dtype
        self.n_channels = n_channels

    def fit(self, X, y=None):
        """Learn the symbols.

        Parameters
        ----------
        X : sequences
            A container of arrays of symbols, (n_steps,) or (n_steps, n_features): strings, or numbers that
            are names. A string is a sequence of characters.
        y : None
            Not used.

        Returns
        -------
        self
        """
        if self.handle_unknown not in ("error", "ignore"):
            raise ValueError(f"handle_unknown must be 'error' or 'ignore', got {shown(self.handle_unknown)}.")
        symbols, _ = self._read_symbols(X, reset=True)
        self.encoder_ = OneHotEncoder(
            categories=self.categories,
            handle_unknown=self.handle_unknown,
            sparse_output=self.sparse_output,
            dtype=self.dtype,
        ).fit(symbols)
        self.categories_ = self.encoder_.categories_
        return self

    def _read_symbols(self, X, reset):
        check_n_channels(self.n_channels)
        n_columns = None
        if is_table(X):
            X = read_table(self, X, reset, dtype=None)
            n_columns = X.shape[1]
        symbols, offsets = as_symbols(X, n_channels=self.n_channels)
        expected, reference = (self.n_channels, "n_channels") if reset else (self._n_channels_in, "fit")
        if expected not in (None, symbols.shape[1]):
            raise ValueError(
                f"X has {symbols.shape[1]} symbols a time step; expected {expected} as in {reference}."
            )
        if reset:
            self._n_channels_in = symbols.shape[1]
            remember_shape(self, n_columns, symbols.shape[1])
        return symbols, offsets

    def _transform(self, X):
        check_is_fitted(self)
        symbols, offsets = self._read_symbols(X, reset=False)
        try:
            steps = self.encoder_.transform(symbols)
        except ValueError:
            for i, (column, known) in enumerate(zip(symbols.T, self.encoder_.categories_, strict=True)):
                if len(unknown := np.setdiff1d(column, known)):
                    raise ValueError(
                        f"Found unknown categories {shown(unknown.tolist())} in column {i}; "
                        "handle_unknown='ignore' makes them zeros."
                    ) from None
            raise
        return as_container(Sequences(steps, offsets), X, self.n_channels)

    def _gives_table(self, X):
        return False

    def inverse_transform(self, X):
        """Give the symbols back.

        Parameters
        ----------
        X : sequences
            As `transform` gives them.

        Returns
        -------
        list of ndarray of shape (n_steps,) or (n_steps, n_features)
            None where there was an unknown symbol.
        """
        check_is_fitted(self)
        sequences = as_sequences(X, n_channels=self.n_channels)
        symbols = self.encoder_.inverse_transform(sequences.values)
        return list(split_steps(symbols[:, 0] if symbols.shape[1] == 1 else symbols, sequences.offsets))

    def get_feature_names_out(self, input_features=None):
        """Names of the features of a time step: name of the feature, underscore, symbol.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        return self.encoder_.get_feature_names_out(self._names_of_channels(input_features))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.string = True
        return tags


class SequencePadder(_UnwrappedSequences, _SequenceTransformer):
    """Sequences as one array, padded by NaN: what scikit-learn's tools that check X as a table take.

    Put it in front of them, and give the LSTM inside ``n_channels=<features of a time step>``.

    Parameters
    ----------
    n_steps : int or None, default=None
        Steps of the array; None: those of the longest sequence in `fit`. A longer one is an error.
    output : {"rows", "array"}, default="rows"
        A 2-D array of shape (n_sequences, n_steps * n_features), all features of step 0 first, or a 3-D
        array of shape (n_sequences, n_steps, n_features).
    padding : {"nan", "largest"}, default="nan"
        "largest", only for rows: the largest finite number of the dtype, which ``n_channels`` reads as
        padding, too. For tools that refuse NaN: `AdaBoostClassifier`, `AdaBoostRegressor`.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    n_steps_ : int
        Steps of the array.
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

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

    def __init__(self, *, n_steps=None, output="rows", padding="nan", n_channels=None):
        self.n_steps = n_steps
        self.output = output
        self.padding = padding
        self.n_channels = n_channels

    def fit(self, X, y=None):
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
        if self.padding == "largest":
            padded[np.isnan(padded)] = np.finfo(padded.dtype).max
        return padded if self.output == "array" else padded.reshape(len(padded), -1)

    def _gives_table(self, X):
        return self.output == "rows"

    def get_feature_names_out(self, input_features=None):
        """Names of the columns: name of the feature, "_t", time step.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        names = self._names_of_channels(input_features)
        return np.array([f"{name}_t{t}" for t in range(self.n_steps_) for name in names], dtype=object)


class SequenceSummary(_SequenceTransformer):
    """A table of what can be said of sequences without an order: the honest baseline of a linear model.

    Parameters
    ----------
    statistics : tuple of str, default=("mean", "std", "first", "last", "length")
        Mean, standard deviation, first and last step of each feature, and the number of steps; in the
        order of the columns.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

    Examples
    --------
    >>> from sklstm import SequenceSummary
    >>> summary = SequenceSummary(statistics=("mean", "last", "length"))
    >>> summary.fit_transform([[[1.0], [3.0]], [[5.0]]])
    array([[2., 3., 2.],
           [5., 5., 1.]])
    >>> summary.get_feature_names_out()
    array(['mean_x0', 'last_x0', 'length'], dtype=object)
    """

    def __init__(self, *, statistics=STATISTICS, n_channels=None):
        self.statistics = statistics
        self.n_channels = n_channels

    def fit(self, X, y=None):
        """See how many features there are.

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
        known = isinstance(self.statistics, list | tuple) and set(self.statistics) <= set(STATISTICS)
        if not known or not self.statistics:
            raise ValueError(f"statistics must be some of {STATISTICS}, got {shown(self.statistics)}.")
        self._read_X(X, reset=True)
        return self

    def transform(self, X):
        """Summarise each sequence.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.

        Returns
        -------
        ndarray of shape (n_sequences, n_features_out)
            A data frame if `set_output` asks for it.
        """
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        values, offsets = sequences.values, sequences.offsets
        columns = {
            "mean": lambda: _means(sequences, values),
            "std": lambda: _standard_deviations(sequences),
            "first": lambda: _dense(values[offsets[:-1]]),
            "last": lambda: _dense(values[offsets[1:] - 1]),
            "length": lambda: sequences.lengths[:, np.newaxis].astype(sequences.dtype),
        }
        return np.hstack([columns[name]() for name in self.statistics])

    def get_feature_names_out(self, input_features=None):
        """Names of the columns: statistic, underscore, name of the feature; and "length".

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        given = self._names_of_channels(input_features)
        names = []
        for statistic in self.statistics:
            names += ["length"] if statistic == "length" else [f"{statistic}_{name}" for name in given]
        return np.array(names, dtype=object)


class LSTMEncoder(ClassNamePrefixFeaturesOutMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Features that an LSTM has learned: the activations of its hidden units.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        A copy of it is fitted. ``FrozenEstimator(lstm)`` is one that is fitted already.
    pooling : {"last", "mean"}, default="last"
        Activations after the last time step, or their mean over the steps.

    Attributes
    ----------
    estimator_ : LSTMClassifier or LSTMRegressor
        The fitted one.
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier, LSTMEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=200)]
    >>> y = [int(x[0, 0] > 0) for x in X]
    >>> lstm = LSTMClassifier(n_blocks=8, max_iter=500, random_state=0)
    >>> model = make_pipeline(LSTMEncoder(lstm), LogisticRegression())
    >>> model.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.9
    True
    >>> model[0].transform(X).shape
    (200, 8)
    """

    def __init__(self, estimator, *, pooling="last"):
        self.estimator = estimator
        self.pooling = pooling

    def fit(self, X, y=None, sample_weight=None):
        """Fit the LSTM.

        Parameters
        ----------
        X, y, sample_weight
            As for the estimator.

        Returns
        -------
        self
        """
        if self.pooling not in ("last", "mean"):
            raise ValueError(f"pooling must be 'last' or 'mean', got {shown(self.pooling)}.")
        if not hasattr(self.estimator, "activations"):
            raise TypeError(f"estimator must be LSTMClassifier or LSTMRegressor, got {self.estimator!r}.")
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, y, **weights)
        return self

    def transform(self, X):
        """Compute the activations of the cells and of the conventional hidden units.

        Parameters
        ----------
        X : sequences
            Any container that the estimator takes.

        Returns
        -------
        ndarray of shape (n_sequences, n_cells + n_hidden_units)
            A data frame if `set_output` asks for it.
        """
        check_is_fitted(self)
        check_is_fitted(self.estimator_)
        sequences = self.estimator_._read_X(X, reset=False)
        features = []
        for start in range(0, len(sequences), BATCH):  # not the traces of all at once
            for trace in self.estimator_.activations(sequences[start : start + BATCH]):
                hidden = np.hstack([trace[name] for name in ("cell", "hidden") if name in trace])
                features.append(hidden[-1] if self.pooling == "last" else hidden.mean(axis=0))
        return np.array(features)

    @property
    def n_features_in_(self):
        """Features of a time step; of a 2-D X its columns."""
        check_is_fitted(self)
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns, if X was a data frame."""
        return self.estimator_.feature_names_in_

    @property
    def _n_features_out(self):  # what scikit-learn's mixin counts
        network = self.estimator_.network_
        return network.n_cells + network.n_hidden_units

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.target_tags.required = get_tags(self.estimator).target_tags.required
        return tags


def _dense(table):
    return table.toarray() if sparse.issparse(table) else table


def _means(sequences, values):
    """Mean of the rows of `values` that belong to each sequence, (n_sequences, n_columns)."""
    n_steps = sequences.n_steps
    ones = np.ones(n_steps, dtype=sequences.dtype)
    sums = sparse.csr_array((ones, np.arange(n_steps), sequences.offsets), shape=(len(sequences), n_steps))
    return _dense(sums @ values) / sequences.lengths[:, np.newaxis].astype(sequences.dtype)


def _standard_deviations(sequences):
    """Root of the mean square of what differs from the mean; of zeros without making them."""
    values, mean = sequences.values, _means(sequences, sequences.values)
    sequence_of_step = np.repeat(np.arange(len(sequences)), sequences.lengths)
    if not sequences.is_sparse:
        return np.sqrt(_means(sequences, (values - mean[sequence_of_step]) ** 2))
    rows, columns = values.tocoo().coords  # in the order of values.data
    squares, stored = values.copy(), values.copy()
    squares.data = (values.data - mean[sequence_of_step[rows], columns]) ** 2
    stored.data = np.ones_like(values.data)
    return np.sqrt(_means(sequences, squares) + (1 - _means(sequences, stored)) * mean**2)
