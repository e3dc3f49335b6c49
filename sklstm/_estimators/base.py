"""Base class of the classifier and the regressor: everything except labels and scores."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

import sklstm
from sklstm._checks import check_bool, check_random_state, may_overflow, real_array
from sklstm._documentation import DocumentationLinks
from sklstm._engine.engine import bind_weights, engine_of
from sklstm._engine.states import OnlineState, State
from sklstm._engine.threads import Threads, threads_of
from sklstm._estimators import parameters
from sklstm._estimators.callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from sklstm._estimators.checkpoint import resumption_of
from sklstm._estimators.explain import ExplanationMixin
from sklstm._estimators.streams import StreamsMixin
from sklstm._estimators.validation import Examples, Validation, validation_of
from sklstm._input import read_X, remember_shape, warn_of_channels_first
from sklstm._learning.kalman import DECOUPLED
from sklstm._learning.loop import History, learn
from sklstm._learning.losses import LOSSES, loss_of_constants, loss_of_targets
from sklstm._learning.scaling import Scaling, input_scale
from sklstm._learning.solvers import SolverState
from sklstm._learning.trainer import Trainer
from sklstm._messages import of_public_classes, shown
from sklstm._network import Network
from sklstm._sequences import (
    check_ids,
    read_targets,
    read_weights,
    split_steps,
    warn_of_order,
    with_missing,
)
from sklstm._typing import (
    Array,
    Auto,
    GateBias,
    Gradient,
    LossName,
    OutputActivation,
    Pooling,
    RandomState,
    Recurrence,
    SolverName,
    Squashing,
    Update,
)

OFFSET = 10  # ratio of mean and standard deviation above which a channel is reported


@of_public_classes
class BaseLSTM(StreamsMixin, ExplanationMixin, DocumentationLinks, CallbackSupportMixin, BaseEstimator):
    """Base class of the classifier and the regressor: everything except labels and scores."""

    n_features_in_: int
    feature_names_in_: Array
    network_: Network
    weights_: Array
    n_weights_: int
    n_outputs_: int
    n_iter_: int
    loss_curve_: list[float]
    validation_scores_: list[float]

    _resumption: dict[str, Any] | None = None  # only in an estimator inside a checkpoint

    def __init__(
        self,
        *,
        n_blocks: int = 64,
        block_size: int = 1,
        n_hidden_units: int = 0,
        input_gate: bool = True,
        output_gate: bool = True,
        forget_gate: bool = True,
        peepholes: bool = False,
        recurrence: Recurrence = "cells",
        shortcut: bool = False,
        cell_bias: bool = True,
        gate_bias: bool = True,
        output_bias: bool = True,
        cell_input_activation: Squashing = "tanh",
        cell_output_activation: Squashing = "tanh",
        output_activation: Auto | OutputActivation = "auto",
        return_sequences: bool = False,
        n_layers: int = 1,
        n_patches: Auto | int | None = "auto",
        bidirectional: Auto | bool = "auto",
        pooling: Auto | Pooling | tuple[Pooling, ...] = "auto",
        dropout: float = 0.0,
        n_channels: int | None = None,
        init_range: Auto | float = "auto",
        input_gate_bias: Auto | GateBias = "auto",
        output_gate_bias: GateBias = None,
        forget_gate_bias: Auto | GateBias = "auto",
        loss: LossName = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        epsilon: float = 1.35,
        gradient: Gradient = "full",
        solver: SolverName = "adam",
        learning_rate: float | Callable[[int], float] = 0.01,
        momentum: float = 0.0,
        alpha: Auto | float = "auto",
        clip: Auto | float | None = "auto",
        update: Update = "batch",
        measurement_noise: float | Callable[[int], float] = 1.0,
        process_noise: float | Callable[[int], float] = 0.005,
        initial_covariance: float = 100.0,
        batch_size: Auto | int = "auto",
        max_iter: int = 200,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        average: Auto | bool = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        scoring: str | Callable[..., float] | None = None,
        shuffle: bool = True,
        random_state: RandomState = None,
        warm_start: bool = False,
        verbose: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_blocks = n_blocks
        self.block_size = block_size
        self.n_hidden_units = n_hidden_units
        self.input_gate = input_gate
        self.output_gate = output_gate
        self.forget_gate = forget_gate
        self.peepholes = peepholes
        self.recurrence = recurrence
        self.shortcut = shortcut
        self.cell_bias = cell_bias
        self.gate_bias = gate_bias
        self.output_bias = output_bias
        self.cell_input_activation = cell_input_activation
        self.cell_output_activation = cell_output_activation
        self.output_activation = output_activation
        self.return_sequences = return_sequences
        self.n_layers = n_layers
        self.n_patches = n_patches
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.n_channels = n_channels
        self.init_range = init_range
        self.input_gate_bias = input_gate_bias
        self.output_gate_bias = output_gate_bias
        self.forget_gate_bias = forget_gate_bias
        self.loss = loss
        self.quantile = quantile
        self.epsilon = epsilon
        self.gradient = gradient
        self.solver = solver
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.alpha = alpha
        self.clip = clip
        self.update = update
        self.measurement_noise = measurement_noise
        self.process_noise = process_noise
        self.initial_covariance = initial_covariance
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.average = average
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.shuffle = shuffle
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------------------------------
    # learning

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        resume_from: Any = None,
    ) -> Self:
        """Learn from sequences and their targets.

        Parameters
        ----------
        X : sequences
            List of arrays of shape (n_steps, n_features) or, univariate, (n_steps,); a 3-D array
            (n_sequences, n_steps, n_features), NaN-padded if need be; a 2-D array with one univariate
            sequence per row (see `n_channels`); a list of SciPy sparse matrices; a column of lists of pandas,
            polars, pyarrow or awkward; or `Sequences`. Time is always the first axis of a sequence.
            float32 is computed in float32, everything else in float64.
        y : array-like of shape (n_sequences,)
            Targets, one per sequence, or several in the columns of a 2-D y: numbers (regressor), or labels
            that are 0 or 1 (classifier: multilabel). With ``return_sequences=True`` it is a list of arrays
            with one target, or one row of targets, per time step. NaN, None, pandas.NA or a mask marks a step
            without a target; such a step counts neither in the loss nor in scores. With one target per
            sequence, masked elements are left out in the same way.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences; with ``return_sequences=True`` also a list of arrays, one weight per
            time step (regressor: or one weight for each output of a step). Targets of weight 0 are ignored.
        X_val, y_val, sample_weight_val : as X, y, sample_weight, default=None
            Validation set that `early_stopping` scores instead of a part of X.
        groups : array-like of shape (n_sequences,), default=None
            Group of each sequence. `early_stopping` holds out whole groups: the sequences of a group are
            either all used for learning or all scored.
        resume_from : path-like or Checkpoint, default=None
            Folder or file of a `Checkpoint`: learning continues where a fit with the same data and arguments
            was interrupted, and ends with the weights that it would have had. `max_iter` includes the epochs
            of that fit. From a folder the newest file of this fit is taken; if there is none, learning starts
            from the beginning.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If the data or an argument is not valid; the message names it. The model is left unchanged.

        Warns
        -----
        ConvergenceWarning
            If learning diverges (the weights of the last epoch with finite outputs are kept), if `max_iter`
            ends it, or if it ends while the model is hardly better than constant outputs.

        Notes
        -----
        Ctrl-C ends learning with a warning and leaves the model of the last finished epoch.

        With scikit-learn 1.9 or newer, the callbacks given to `set_callbacks` are called in each epoch;
        learning ends when one of them returns True at the end of an epoch.
        """
        validation = Validation(X_val, y_val, sample_weight_val, groups)
        with _unchanged_on_error(self):
            return self._fit(
                X, y, sample_weight, validation, goes_on=self.warm_start, resume_from=resume_from
            )

    def _partial_fit(self, X, y, sample_weight, continued, classes=None):
        check_bool("continued", continued)
        if continued and self.update != "step":
            raise ValueError(
                "continued=True learns inside sequences that continue from call to call, which needs "
                f"update='step' and gradient='truncated', got update={shown(self.update)}."
            )
        if continued and self.solver == DECOUPLED:
            raise ValueError(
                "continued=True learns inside sequences that continue from call to call, which "
                f"solver={DECOUPLED!r} cannot do: give whole sequences, or choose another solver."
            )
        given = X, y, sample_weight, Validation()
        with _unchanged_on_error(self):
            return self._fit(*given, goes_on=True, once=True, classes=classes, continued=continued)

    @with_callbacks
    def _fit(
        self,
        X,
        y,
        sample_weight,
        validation,
        goes_on,
        once=False,
        classes=None,
        continued=False,
        resume_from=None,
    ):
        given = X, y, None if sample_weight is None else {"sample_weight": sample_weight}
        parameters.check(self)
        validation.check(self)
        goes_on = goes_on and hasattr(self, "weights_")
        sequences = self._read_X(X, reset=not goes_on)
        for name, values in {"y": y, "sample_weight": sample_weight, "groups": validation.groups}.items():
            warn_of_order(values, X, name)
        if not once:  # partial_fit may get one step of several streams
            warn_of_channels_first(X)
        options = {"classes": classes, "reset": not goes_on, "may_lack": continued}
        data = self._read_targets(y, sample_weight, sequences, **options)
        rng = check_random_state(self.random_state)
        resumption = None
        if not once:
            resumption, rng = resumption_of(self, resume_from, data, validation, goes_on, rng)
        if not goes_on:
            lengths = sequences.lengths
            self._y_is_array = len(getattr(y, "shape", ())) > 1 and bool((lengths == lengths[0]).all())
        if classes is None and not goes_on:
            self._check_weights_of_classes(data.moments)
        fitted = self.network_ if goes_on else None
        sizes = sequences.n_features, data.targets.shape[1], data.longest
        network = parameters.network(self, *sizes, fitted)
        settings = parameters.settings(self, len(sequences), once, self.n_iter_ if goes_on else 0)
        network, weights, scaling, solver_state, rng = self._start(network, data, goes_on, once, rng)
        loop_state = resumption and resumption.loop_state
        if loop_state and settings.solver.in_epochs:
            weights, solver_state = loop_state.weights, loop_state.solver_state

        def learned(weights, history):
            return self._learned(network, scaling, weights, history)

        data = data.scaled(scaling)
        engine = engine_of(network, sequences.dtype, in_layers=self.dropout > 0)
        train = validate = None
        if self.early_stopping and not once:
            train, validate = validation_of(self, engine, data, scaling, validation, rng, learned)
        data = self._as_learned(data)
        online_states = self._streams(engine, len(sequences), goes_on) if continued else None
        merge = settings.merges(len(sequences) if train is None else len(train))
        scaled = sequences if scaling is None else scaling.sequences(sequences)
        bound = engine.bind(scaled, data.targets, data.weight, settings.loss, train=train, merge=merge)
        executor = Threads(threads_of(self.n_jobs))
        trainer = Trainer(engine, bound, settings, weights, solver_state, online_states, executor, scaling)
        return self._learn(trainer, rng, validate, data, learned, given, goes_on, once, resumption)

    def _learn(self, trainer, rng, validate, data, learned, given, goes_on, once=False, resumption=None):
        """Learn, call the callbacks, warn if need be, and set the attributes of the fitted estimator."""
        settings, bounds, tasks = trainer.settings, None, None
        X, y, metadata = given
        if not once:
            bounds = self._bounds(settings.loss, trainer.engine.network.output_activation, data)
            tasks = EpochTasks(self, X, y, metadata, settings.max_iter, learned, resumption)
        loop_state = resumption and resumption.loop_state
        weights, history = learn(trainer, rng, validate, bounds, not once, tasks, loop_state)
        if not (goes_on or once or history.diverged):
            self._warn_of_offsets(data)
        for name, value in learned(weights, history).items():
            setattr(self, name, value)
        return self

    def _bounds(self, loss, output_activation, data):
        """Mean loss of perfect and of constant outputs; None if the targets are in other processes."""
        targets, weight = getattr(data, "targets", None), getattr(data, "weight", None)
        constant = loss_of_constants(loss, output_activation, data.moments, targets, weight)
        if constant is None:
            return None
        least = 0.0 if targets is None else loss_of_targets(loss, output_activation, targets, weight)
        return least, constant

    def _warn_of_offsets(self, data):
        """Warn of channels with a small standard deviation in comparison with their mean."""
        if self.update != "batch" or not parameters.is_auto(self.init_range):
            return
        channels = data.channel_moments
        if channels is None:  # sparse
            return
        with may_overflow():
            mean = channels.mean * channels.unit
            deviation = np.sqrt(channels.squares / channels.total) * channels.unit
            varies = deviation > 1e-9 * np.abs(mean)
            offset = np.abs(mean) / np.where(varies, deviation, np.inf)
        k = int(offset.argmax())
        if offset[k] > OFFSET:
            warnings.warn(
                f"X has channels that vary little in comparison with their mean: channel {k} is "
                f"{mean[k]:.4g} ± {deviation[k]:.2g}. Learning may have been slow or poor: standardise the "
                f"channels, make_pipeline(SequenceScaler(), {type(self).__name__}(...)).",
                stacklevel=6,
            )

    def _start(self, network, data, goes_on, once, rng):
        """Starting point of learning: network, weights, scaling, state of the solver, random generator."""
        if not goes_on:
            weights = parameters.initial_weights(self, network, data.longest, rng)
            scaling = self._scaling_of(network, data, weights.astype(data.dtype))
            self.loss_curve_, self.validation_scores_ = [], []
            return network, weights, scaling, None, rng
        if network != self.network_:
            raise ValueError(
                f"The model was fitted as {self.network_}, data and arguments now ask for {network}. "
                f"Learning can continue only with the same topology; fit a new {type(self).__name__}."
            )
        weights = real_array(self.weights_, "weights_", (self.network_.n_weights,))
        if self._scaling is not None:
            weights = self._scaling.from_user(network, weights)
        if once and isinstance(self.random_state, int | np.integer):
            rng = np.random.RandomState((int(self.random_state) + self.n_iter_) % 2**32)
        return self.network_, weights, self._scaling, self._solver_state, rng

    def _scaling_of(self, network, data, weights):
        """Scaling of inputs and targets for learning; None if they are not scaled."""
        is_scaled = self.update == "batch" and parameters.is_auto(self.init_range)
        sizes = data.channel_sizes if is_scaled else None
        inputs = np.ones(network.n_inputs) if sizes is None else input_scale(sizes)
        log_link = LOSSES[self.loss].log_link
        return Scaling.of(inputs, self._output_scale(network, data), network, weights, log_link)

    def _output_scale(self, network, data):
        return None

    def _as_learned(self, data):
        """Examples with the targets for learning instead of those for scoring."""
        return data

    def _learned(self, network, scaling, weights, history):
        """Set the attributes of the fitted estimator."""
        losses = self.loss_curve_ + history.loss_curve
        return {
            "network_": network,
            "weights_": weights if scaling is None else scaling.to_user(network, weights),
            "n_weights_": network.n_weights,
            "n_outputs_": network.n_outputs,
            "loss_curve_": losses,
            "validation_scores_": self.validation_scores_ + history.validation_scores,
            "n_iter_": len(losses),
            "_solver_state": history.solver_state,
            "_scaling": None if scaling is None else scaling.after(network, weights),
            **self._of_streams(history.online_states),
        }

    def _with_weights(self, network, weights, classes=None):
        """Set the fitted attributes for weights that were learned in another process."""
        remember_shape(self, None, network.n_inputs, None)
        self.loss_curve_, self.validation_scores_, self._y_is_array = [], [], False
        for name, value in self._learned(network, None, weights, History()).items():
            setattr(self, name, value)
        return self

    # ------------------------------------------------------------------------------------------
    # data

    def _read_X(self, X, reset):
        """Convert any container to `Sequences`, and set or check scikit-learn's attributes of X."""
        return read_X(self, X, None if reset else self.network_.n_inputs)

    def _read_targets(self, y, sample_weight, sequences, *, classes=None, reset=False, may_lack=False):
        """Read targets and weights, one row per sequence or, with return_sequences, per step, as `Examples`.

        Chunks of streams may have no target.
        """
        read = self._read_labels(y, sample_weight, sequences, may_lack)
        return self._examples(sequences, *read, classes=classes, reset=reset, may_lack=may_lack)

    def _read_labels(self, y, sample_weight, sequences, may_lack=False):
        """Checked targets in the form of the user, which of them count, and weights."""
        targets, weight = self._read_y(y, sample_weight, sequences, self.return_sequences)
        if not (weight.any() or may_lack):
            missing = "" if targets.missing is None else ", or its target is missing"
            raise ValueError(
                f"sample_weight is zero for every sequence{missing}: nothing is left to learn from."
            )
        counted = targets.counted(weight)
        labels = self._checked_y(targets, counted)
        return targets, labels, counted.reshape(labels.shape), weight

    def _examples(
        self, sequences, targets, labels, counted, weight, *, classes=None, reset=False, may_lack=False
    ):
        """Convert the results of `_read_labels` to `Examples`."""
        encoded = self._encode(targets, labels, counted, classes, reset)
        own, weight = weight, self._with_class_weights(weight, labels, counted, may_lack)
        return Examples(sequences, labels, encoded, weight, own, self.return_sequences)

    def _read_y(self, y, sample_weight, sequences, every_step):
        """Targets in the form of the user, and weights, which are 0 where a target is missing."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        check_ids(sample_weight, sequences, "sample_weight")
        targets = read_targets(y, sequences, every_step)
        shape = targets.values.shape
        columns = shape[1] if len(shape) == 2 and shape[1] > 1 else None
        weight = read_weights(sample_weight, sequences.lengths, every_step, columns)
        if not every_step:
            _refuse_missing(targets, weight)
        return targets, with_missing(weight, targets)

    # ------------------------------------------------------------------------------------------
    # use

    @property
    def coefs_(self) -> dict[str, Array]:
        """Weights by name, as views of `weights_`; see `Network.weight_shapes`."""
        check_is_fitted(self)
        return self.network_.views(self.weights_)

    def _outputs(self, X):
        """Activations of the output units, one row per sequence or per step, and the sequences."""
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        engine, w = bind_weights(self.network_, self.weights_, sequences.dtype, "weights_")
        outputs, _ = engine.forward(w, engine.bind(sequences), n_threads=threads_of(self.n_jobs))
        return outputs, sequences

    def _per_sequence(self, flat, sequences):
        """Split results per step into one array per sequence; return results per sequence unchanged.

        The result is an object array of arrays, or one array if y was one array in `fit`.
        """
        if not self.network_.return_sequences:
            return flat
        if self._y_is_array and (sequences.lengths == sequences.lengths[0]).all():
            return flat.reshape(len(sequences), -1, *flat.shape[1:])
        return split_steps(flat, sequences.offsets)

    def _score(self, X, y, sample_weight):
        """Score over all targets that are not missing and have a positive weight."""
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        for name, values in {"y": y, "sample_weight": sample_weight}.items():
            warn_of_order(values, X, name)
        targets, weight = self._read_y(y, sample_weight, sequences, self.network_.return_sequences)
        counted = targets.counted(weight)
        outputs, _ = self._outputs(sequences)
        rows = weight.reshape(len(weight), -1).any(axis=1)
        if not rows.any():
            raise ValueError("y has no target with a positive weight: there is nothing to score.")
        labels = self._labels_to_score(targets, counted)
        return self._metric(labels[rows], self._answers(outputs[rows]), weight[rows])

    def _labels_to_score(self, targets, counted):
        return targets.natural(counted)

    def activations(self, X: Any) -> list[dict[str, Array]]:
        """Activations of all gates and cells, and the cell states, at every time step.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        list of dict
            For each sequence the arrays "cell_input" g(net_c), "cell_state" s_c, "cell" y_c, each of
            shape (n_steps, n_cells); "input_gate", "forget_gate", "output_gate" of shape
            (n_steps, n_blocks), if the network has them; "hidden" of shape
            (n_steps, n_hidden_units) if it has any; "output" of shape (n_steps, n_outputs), or
            (1, n_outputs) without `return_sequences`. With several layers or directions,
            the names of hidden units have the same prefixes as those of the weights:
            "layer_0.forward.cell". If time steps are read in patches (`n_patches`), there is one row per
            patch instead of one per step.
        """
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        engine, w = bind_weights(self.network_, self.weights_, sequences.dtype, "weights_")
        return list(engine.activations(w, engine.bind(sequences)))

    def __getstate__(self):
        """Return the attributes, those of the fitted model as arrays and plain values."""
        state = dict(super().__getstate__(), _sklstm_version=sklstm.__version__)
        state.pop("_stepper", None)
        if "network_" in state:
            stream = self._stream
            state["network_"] = asdict(self.network_)
            state["_solver_state"] = self._solver_state and vars(self._solver_state).copy()
            state["_scaling"] = self._scaling and vars(self._scaling).copy()
            state["_stream"] = stream and tuple(stream)
            state["_online_states"] = self._online_states and list(map(tuple, self._online_states))
        return state

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_sklstm_version", "unknown")
        if version != sklstm.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"{type(self).__name__} of sklstm",
                    current_sklearn_version=sklstm.__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        if "network_" in state:
            state["network_"] = Network(**state["network_"])
            state["_solver_state"] = state["_solver_state"] and SolverState(**state["_solver_state"])
            state["_scaling"] = state.get("_scaling") and Scaling(**state["_scaling"])
            state["_stream"] = state["_stream"] and State(*state["_stream"])
            state["_online_states"] = state["_online_states"] and [
                OnlineState(*online) for online in state["_online_states"]
            ]
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


BaseLSTM.__init__.__qualname__ = "LSTMRegressor.__init__"  # Python's message about an unknown argument has it


def _refuse_missing(targets, weight):
    """Refuse a missing target of a sequence, unless it is masked or its weight is 0."""
    if targets.missing is None:
        return
    absent = targets.missing & targets.counted_by(weight)
    if targets.masked is not None:
        absent &= ~targets.masked
    if absent.any():
        value = shown(targets.values.ravel()[absent.argmax()])
        raise ValueError(
            f"Input y contains {'NaN' if value == 'nan' else value}: {targets.place(absent.argmax())} is "
            "missing; expected a target for each sequence. Leave the sequence out, or mask its target: "
            "numpy.ma.masked_array(y, mask=...)."
        )


@contextmanager
def _unchanged_on_error(estimator):
    """Context that restores the attributes of an estimator if its body raises an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
