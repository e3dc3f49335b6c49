"""The two estimators: validation, labels, scikit-learn's contract."""

import warnings
from contextlib import contextmanager
from dataclasses import asdict
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

import sklstm
from sklstm._callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from sklstm._checks import (
    check_bool,
    check_choice,
    check_init_range,
    check_integer,
    check_n_channels,
    check_number,
    check_random_state,
    check_sample_weight,
    real_array,
)
from sklstm._docs import ATTRIBUTES, PARAMETERS
from sklstm._input import read_X
from sklstm._kernel import FLOATS, Carried, State, Stepper, bind_weights, kernel_of, may_overflow, threads_of
from sklstm._messages import of_public_classes, shown
from sklstm._network import ARCHITECTURE, GRADIENTS, OUTPUT_ACTIVATIONS, Network, check_loss
from sklstm._sequences import as_sequences, as_step_targets, split_steps
from sklstm._solvers import SOLVERS, Memory
from sklstm._training import Diverged, Settings, Trainer, learn

UPDATES = ("batch", "sequence", "step")
BATCH_SIZE = 32
CLIP = 1.0  # of Adam and the log loss, if "auto"
ALPHA = 1e-4  # of Adam and mini-batches, if "auto"


def _learns_by_epochs(estimator):
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit needs solver='sgd', 'adam' or 'rprop', got solver='lbfgs'.")
    return True


@of_public_classes
class _BaseLSTM(CallbackSupportMixin, BaseEstimator):
    """What the classifier and the regressor share: everything but labels and scores."""

    _carried: Any  # list of Carried, one a stream, by continued learning, or None
    _stepper: Any  # Stepper: the streams of `step` while they are under way; never copied or saved

    def __init__(
        self,
        *,
        n_blocks=64,
        block_size=1,
        n_hidden_units=0,
        input_gate=True,
        output_gate=True,
        forget_gate=True,
        peepholes=False,
        recurrence="cells",
        shortcut=False,
        cell_bias=True,
        gate_bias=True,
        output_bias=True,
        cell_input_activation="tanh",
        cell_output_activation="tanh",
        output_activation="auto",
        return_sequences=False,
        n_channels=None,
        init_range="auto",
        input_gate_bias="auto",
        output_gate_bias=None,
        forget_gate_bias="auto",
        loss="squared_error",
        gradient="full",
        solver="adam",
        learning_rate=0.01,
        momentum=0.0,
        alpha="auto",
        clip="auto",
        update="batch",
        batch_size="auto",
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        shuffle=True,
        random_state=None,
        warm_start=False,
        verbose=0,
        n_jobs=None,
    ):
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
        self.n_channels = n_channels
        self.init_range = init_range
        self.input_gate_bias = input_gate_bias
        self.output_gate_bias = output_gate_bias
        self.forget_gate_bias = forget_gate_bias
        self.loss = loss
        self.gradient = gradient
        self.solver = solver
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.alpha = alpha
        self.clip = clip
        self.update = update
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.shuffle = shuffle
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------------------------------
    # learning

    def fit(self, X, y, sample_weight=None):
        """Learn from sequences and their targets.

        Parameters
        ----------
        X : sequences
            List of arrays of shape (n_steps, n_features) or, univariate, (n_steps,); a 3-D array
            (n_sequences, n_steps, n_features), NaN-padded if need be; a 2-D array with one univariate
            sequence a row (see `n_channels`); a list of SciPy sparse matrices; a column of lists of pandas,
            polars, pyarrow or awkward; or `Sequences`. Time first, always.
            float32 is computed in float32, everything else in float64.
        y : array-like of shape (n_sequences,)
            Targets, one a sequence (several in the columns of a 2-D y: regressor). With
            ``return_sequences=True`` a list of arrays, one target a time step.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If data or an argument is not valid; the message names it. The model is unchanged then.

        Warns
        -----
        ConvergenceWarning
            If learning diverges (the weights of the last epoch with finite outputs are kept) or `max_iter`
            ends it.

        Notes
        -----
        Ctrl-C ends learning with a warning and leaves the model of the last finished epoch.

        With scikit-learn 1.9 or newer, callbacks given to `set_callbacks` are told of each epoch; learning
        ends when one returns True at the end of an epoch.
        """
        with _unchanged_on_error(self):
            return self._fit(X, y, sample_weight, goes_on=self.warm_start)

    def _partial_fit(self, X, y, sample_weight, continued, classes=None):
        check_bool("continued", continued)
        if continued and self.update != "step":
            raise ValueError(
                "continued=True learns inside a sequence that goes on from call to call, which only "
                f"update='step' does, with gradient='truncated'; got update={shown(self.update)}."
            )
        with _unchanged_on_error(self):
            return self._fit(
                X, y, sample_weight, goes_on=True, once=True, classes=classes, continued=continued
            )

    @with_callbacks
    def _fit(self, X, y, sample_weight, goes_on, once=False, classes=None, continued=False):
        given = X, y, None if sample_weight is None else {"sample_weight": sample_weight}
        self._check_params()
        goes_on = goes_on and hasattr(self, "weights_")
        sequences = self._read_X(X, reset=not goes_on)
        y = self._read_y(y, sequences)
        targets = self._encode(y, classes, reset=not goes_on)
        weight = self._target_weights(sample_weight, y, sequences)
        if classes is None and not goes_on:
            self._check_weights_of_classes(weight, targets)
        network = self._network(sequences.n_features, targets.shape[1])
        settings = self._settings(len(sequences), once, self.n_iter_ if goes_on else 0)
        rng = check_random_state(self.random_state)
        if goes_on:
            self._check_same_network(network)
            network = self.network_
            weights = real_array(self.weights_, "weights_", (network.n_weights,))
            memory = self._memory
            if once and isinstance(self.random_state, Integral):
                rng = np.random.RandomState((int(self.random_state) + self.n_iter_) % 2**32)
        else:
            weights, memory = self._init_weights(network, int(sequences.lengths.max()), rng), None
            self.loss_curve_, self.validation_scores_ = [], []
        train, validate = np.arange(len(sequences)), None
        if self.early_stopping and not once:
            train, validate = self._hold_out(network, sequences, y, targets, weight, rng)
        kernel = kernel_of(network, sequences.dtype)
        streams = self._streams(kernel, len(sequences), goes_on) if continued else None
        trainer = Trainer(kernel, sequences, train, targets, weight, settings, weights, memory, streams)

        def learned(weights, history):
            return self._learned(network, weights, history)

        tasks = None if once else EpochTasks(self, *given, settings.max_iter, learned)
        weights, history = learn(trainer, rng, validate, may_stop_early=not once, tasks=tasks)
        for name, value in learned(weights, history).items():
            setattr(self, name, value)
        return self

    def _learned(self, network, weights, history):
        """Attributes of the fitted estimator."""
        losses = self.loss_curve_ + history.loss_curve
        streams = history.streams
        return {
            "network_": network,
            "weights_": weights,
            "n_weights_": network.n_weights,
            "n_outputs_": network.n_outputs,
            "loss_curve_": losses,
            "validation_scores_": self.validation_scores_ + history.validation_scores,
            "n_iter_": len(losses),
            "_memory": history.memory,
            "_carried": streams,
            "_stream": streams and _side_by_side(streams),
        }

    def _streams(self, kernel, n_streams, goes_on):
        """What learning carries from the chunks before, one entry a stream."""
        carried = self._carried if goes_on else None
        if carried is None:
            return [kernel.no_carried()] * n_streams
        if len(carried) != n_streams:
            raise ValueError(
                f"X has {n_streams} streams, but {len(carried)} are under way: call reset_state()."
            )
        return carried

    def _hold_out(self, network, sequences, y, targets, weight, rng):
        """Split off whole sequences; returns those to train on and weights -> score on the others."""
        labels = y if self._stratifies() else None
        try:
            train, held = train_test_split(
                np.arange(len(sequences)),
                test_size=float(self.validation_fraction),
                random_state=rng,
                stratify=labels,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True cannot hold out validation_fraction={self.validation_fraction} of "
                f"{len(sequences)} sequences: {error}"
            ) from error
        train, held = np.sort(train), np.sort(held)
        rows = [train, held]
        if network.return_sequences:
            sequence_of_step = np.repeat(np.arange(len(sequences)), sequences.lengths)
            rows = [np.flatnonzero(np.isin(sequence_of_step, part)) for part in rows]
        if any(np.count_nonzero(weight[part]) < 2 for part in rows):
            raise ValueError(
                f"early_stopping=True holds out {len(held)} of {len(sequences)} sequences, "
                "but to learn and to score needs two targets with a positive sample_weight on each side."
            )
        held_out, held_targets, held_weight = sequences[held], targets[rows[1]], weight[rows[1]]
        kernel = kernel_of(network, sequences.dtype)

        def validate(weights):
            outputs, _ = kernel.forward(kernel.pack(weights), held_out)
            if not np.isfinite(outputs).all():
                raise Diverged
            with may_overflow():
                score = self._validation_score(outputs, held_targets, held_weight)
            if not np.isfinite(score):
                raise Diverged
            return score

        return train, validate

    def _check_same_network(self, network):
        if network != self.network_:
            raise ValueError(
                f"The model was fitted as {self.network_}, data and arguments now ask for {network}. "
                f"Only learning can go on with the same topology; fit a new {type(self).__name__}."
            )

    # ------------------------------------------------------------------------------------------
    # data

    def _read_X(self, X, reset):
        """Any container -> `Sequences`; sets or checks what scikit-learn wants to know of X."""
        return read_X(self, X, None if reset else self.network_.n_inputs)

    def _read_y(self, y, sequences):
        """Targets as one flat array, a row a sequence or, with return_sequences, a row a step."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if isinstance(y, np.ma.MaskedArray):
            raise TypeError("y is a masked array; expected targets without a mask, their sequences left out.")
        if self.return_sequences:
            flat = as_step_targets(y, sequences)
            return self._checked_y(flat)
        y = self._checked_y(y)
        if len(y) != len(sequences):
            raise ValueError(
                f"X and y must have the same number of sequences, got {len(sequences)} in X and {len(y)} "
                "in y."
            )
        return y

    def _target_weights(self, sample_weight, y, sequences):
        weight = check_sample_weight(sample_weight, len(sequences))
        if not weight.any():
            raise ValueError("sample_weight is zero for every sequence: nothing is left to learn from.")
        return np.repeat(weight, sequences.lengths) if self.return_sequences else weight

    # ------------------------------------------------------------------------------------------
    # arguments

    def _network(self, n_inputs, n_outputs):
        architecture = {name: getattr(self, name) for name in ARCHITECTURE}
        architecture["output_activation"] = self._output_activation()
        return Network(n_inputs, n_outputs, **architecture)

    def _output_activation(self):
        if self.output_activation == "auto":
            return self._auto_output_activation()
        return self.output_activation

    def _init_weights(self, network, n_steps, rng):
        """Initial weights; `n_steps` is the length of the longest sequence."""
        init_range = self.init_range
        if init_range == "auto":
            init_range = 1 / np.sqrt(max(network.n_cells + network.n_hidden_units, 1))
        input_gate_bias, forget_gate_bias = self._first_gate_biases(network, n_steps, rng)
        return network.init_weights(
            rng,
            init_range=init_range,
            input_gate_bias=input_gate_bias,
            output_gate_bias=self.output_gate_bias,
            forget_gate_bias=forget_gate_bias,
        )

    def _first_gate_biases(self, network, n_steps, rng):
        """Biases of input and forget gates, "auto" resolved.

        Blocks then forget over times between one step and the longest sequence, and as much less comes in
        at a time as they keep (Tallec & Ollivier 2018).
        """
        lasting = coming = None
        if (
            _is("auto", self.forget_gate_bias)
            and self.loss == "log_loss"
            and self.gradient == "full"
            and not self.return_sequences
            and network.forget_gate
            and network.gate_bias
            and network.n_blocks > 0
        ):
            lasting = np.log(rng.uniform(1, max(n_steps - 1, 1), network.n_blocks))
            coming = -lasting if network.input_gate else None
        return (
            coming if _is("auto", self.input_gate_bias) else self.input_gate_bias,
            lasting if _is("auto", self.forget_gate_bias) else self.forget_gate_bias,
        )

    def _learning_rate(self, epoch):
        """Learning rate after so many epochs."""
        if not callable(self.learning_rate):
            return float(self.learning_rate)
        rate = self.learning_rate(epoch)
        check_number(f"learning_rate({epoch})", rate, least=0)
        return float(rate)

    def _settings(self, n_sequences, once, n_epochs):
        full_batch = self.solver in ("rprop", "lbfgs")
        batch_size = self.batch_size
        if isinstance(batch_size, str):
            batch_size = n_sequences if full_batch else min(BATCH_SIZE, n_sequences)
        clip = self.clip
        if isinstance(clip, str):
            clip = CLIP if self.solver == "adam" and self.loss == "log_loss" else None
        alpha = self.alpha
        if isinstance(alpha, str):
            alpha = ALPHA if self.solver == "adam" and self.update == "batch" else 0.0
        return Settings(
            loss=self.loss,
            gradient=self.gradient,
            solver=self.solver,
            learning_rate=self._learning_rate(n_epochs),
            schedule=self._learning_rate if callable(self.learning_rate) else None,
            n_epochs=n_epochs,
            momentum=float(self.momentum),
            alpha=float(alpha),
            clip=None if clip is None else float(clip),
            update=self.update,
            batch_size=int(batch_size),
            max_iter=1 if once else int(self.max_iter),
            tol=float(self.tol),
            n_iter_no_change=int(self.n_iter_no_change),
            shuffle=bool(self.shuffle),
            verbose=int(self.verbose),
            n_threads=threads_of(self.n_jobs),
        )

    def _check_params(self):
        """Refuse invalid arguments, and pairs of arguments that exclude each other."""
        for name, choices in {
            "gradient": GRADIENTS,
            "solver": SOLVERS,
            "update": UPDATES,
            "output_activation": ("auto", *OUTPUT_ACTIVATIONS),
        }.items():
            check_choice(name, getattr(self, name), choices)
        network = self._network(1, 2)
        check_loss(self.loss, self._output_activation())
        for name in ("shuffle", "warm_start", "early_stopping"):
            check_bool(name, getattr(self, name))
        if not callable(self.learning_rate):
            check_number("learning_rate", self.learning_rate, above=0, text="a callable or ")
        check_number("momentum", self.momentum, least=0, below=1)
        check_number("tol", self.tol, least=0)
        check_number("validation_fraction", self.validation_fraction, above=0, below=1)
        check_n_channels(self.n_channels)
        check_integer("max_iter", self.max_iter, 1)
        check_integer("n_iter_no_change", self.n_iter_no_change, 1)
        if not isinstance(self.verbose, bool | np.bool_):
            check_integer("verbose", self.verbose, 0)
        if self.n_jobs is not None:
            check_integer("n_jobs", self.n_jobs)
            if self.n_jobs == 0:
                raise ValueError("n_jobs must be None or a number of threads other than 0, got 0.")
        if self.clip is not None and not _is("auto", self.clip):
            check_number("clip", self.clip, above=0, text='"auto", None or ')
        if not _is("auto", self.alpha):
            check_number("alpha", self.alpha, least=0, text='"auto" or ')
        if not _is("auto", self.init_range):
            check_init_range(self.init_range, '"auto" or ')
        if not _is("auto", self.batch_size):
            check_integer("batch_size", self.batch_size, 1, text='"auto" or ')
        network._gate_biases(
            None if _is("auto", self.input_gate_bias) else self.input_gate_bias,
            None if _is("auto", self.forget_gate_bias) else self.forget_gate_bias,
            self.output_gate_bias,
        )
        self._check_pairs()

    def _check_pairs(self):
        for refused, remedy in (
            (
                self.solver in ("rprop", "lbfgs") and self.update != "batch",
                f"solver={shown(self.solver)} learns from many sequences at once: it needs update='batch', "
                f"got update={shown(self.update)}.",
            ),
            (
                self.solver == "lbfgs" and not _is("auto", self.batch_size),
                f"solver={shown(self.solver)} learns from all sequences at once: leave batch_size='auto', "
                f"got batch_size={shown(self.batch_size)}.",
            ),
            (
                self.update != "batch" and not _is("auto", self.batch_size),
                f"batch_size={shown(self.batch_size)} has no meaning with update={shown(self.update)}: leave "
                "batch_size='auto'.",
            ),
            (
                self.update == "step" and self.gradient != "truncated",
                "update='step' changes weights inside a sequence, which only the truncated gradient allows: "
                f"it needs gradient='truncated', got gradient={shown(self.gradient)}.",
            ),
            (
                self.solver != "sgd" and self.momentum != 0,
                f"momentum={shown(self.momentum)} needs solver='sgd', got solver={shown(self.solver)}.",
            ),
            (
                self.solver in ("rprop", "lbfgs") and callable(self.learning_rate),
                "learning_rate as a callable, a rate for each epoch, needs solver='sgd' or 'adam', got "
                f"solver={shown(self.solver)}.",
            ),
            (
                self.solver in ("rprop", "lbfgs") and self.clip is not None and not _is("auto", self.clip),
                f"clip={shown(self.clip)} has no meaning with solver={shown(self.solver)}: leave "
                "clip='auto'.",
            ),
            (
                self.solver == "lbfgs" and self.early_stopping,
                "early_stopping=True needs solver='sgd', 'adam' or 'rprop', got solver='lbfgs'.",
            ),
        ):
            if refused:
                raise ValueError(remedy)

    # ------------------------------------------------------------------------------------------
    # use

    @property
    def coefs_(self):
        """Weights by name: dict of views of `weights_`, see `Network.weight_shapes`."""
        check_is_fitted(self)
        return self.network_.views(self.weights_)

    def _outputs(self, X):
        """Activations of the output units, a row a sequence or a step, and the sequences."""
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        kernel, w = bind_weights(self.network_, self.weights_, sequences.dtype, "weights_")
        outputs, _ = kernel.forward(w, sequences, n_threads=threads_of(self.n_jobs))
        return outputs, sequences

    def _per_sequence(self, flat, sequences):
        """Results a step -> object array of one array a sequence; results a sequence as they are."""
        return split_steps(flat, sequences.offsets) if self.network_.return_sequences else flat

    def activations(self, X):
        """Every gate, cell and state over time: what the network does with these sequences.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        list of dict
            For each sequence the arrays "cell_input" g(net_c), "cell_state" s_c, "cell" y_c, each of
            shape (n_steps, n_cells); "input_gate", "forget_gate", "output_gate" of shape
            (n_steps, n_blocks), those that the network has; "hidden" of shape
            (n_steps, n_hidden_units) if it has any; "output" of shape (n_steps, n_outputs), or
            (1, n_outputs) without `return_sequences`.
        """
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        kernel, w = bind_weights(self.network_, self.weights_, sequences.dtype, "weights_")
        return list(kernel.traces(w, sequences))

    def step(self, x):
        """Outputs after one more time step of a stream.

        The state is kept from call to call; `reset_state` starts anew.

        Parameters
        ----------
        x : array-like of shape (n_features,) or (n_streams, n_features)
            One time step of one stream, or of several independent ones. Arrays of float64 or float32 are
            taken fastest.

        Returns
        -------
        ndarray of shape (n_outputs,) or (n_streams, n_outputs)
            Activations of the output units: for a classifier one a class, in the order of `classes_`.

        Raises
        ------
        ValueError, TypeError
            If x is not valid, or has another number of streams than are under way, or the state is no longer
            finite. State and model are unchanged then.

        Notes
        -----
        Work arrays, and the weights in the kernel's form, are kept from call to call, but neither copied nor
        saved with the estimator; a change of `weights_`, also in place, is seen.

        `predict` may run in other threads meanwhile. Steps of the same streams in several threads have no
        order that could be relied on: give each thread a ``copy.copy`` of the estimator, which has streams of
        its own.
        """
        stepper = self.__dict__.get("_stepper")  # each call that is saved here is a part of what a step takes
        if stepper is not None:
            if stepper.network is self.network_:
                outputs = stepper.step(self.weights_, x)
                if outputs is not None:
                    return outputs
            else:
                stepper = None  # its state goes on in the other network
        if not hasattr(self, "weights_"):
            check_is_fitted(self)
        try:
            x = np.asarray(x)
            n_features = x.shape[1] if x.ndim == 2 else x.size if x.ndim == 1 else None
        except ValueError:
            x, n_features = None, None
        if n_features != self.network_.n_inputs:
            raise ValueError(
                f"x must have the shape ({self.network_.n_inputs},), or (n_streams, "
                f"{self.network_.n_inputs}) for several streams, got "
                f"{'rows of different lengths' if x is None else x.shape}."
            )
        rows = x[np.newaxis] if x.ndim == 1 else x
        state = self._stream
        if state is not None and len(state.cells) != len(rows):
            raise ValueError(
                f"x has {len(rows)} streams, but {len(state.cells)} are under way: call reset_state()."
            )
        if rows.dtype not in FLOATS or not rows.size or not np.isfinite(rows).all():
            rows = as_sequences(rows[:, np.newaxis, :], name="x").values
        rows = np.ascontiguousarray(rows)
        outputs = None if stepper is None else stepper.step(self.weights_, rows)
        if outputs is None:
            stepper = Stepper(self.network_, self.weights_, rows.dtype, len(rows), state)
            outputs = stepper.step(stepper.weights, rows)
            self._stepper = stepper
        return outputs[0] if x.ndim == 1 else outputs

    @property
    def _stream(self):
        """State of `step`, or None."""
        stepper = vars(self).get("_stepper")
        try:
            return vars(self)["_stream"] if stepper is None else stepper.state
        except KeyError:
            raise AttributeError("_stream") from None

    @_stream.setter
    def _stream(self, state):
        self.__dict__["_stream"] = state
        self.__dict__.pop("_stepper", None)

    def reset_state(self, streams=None):
        """Begin streams anew: those of `step` and of ``partial_fit(..., continued=True)``.

        Parameters
        ----------
        streams : int or array-like of int, default=None
            Which of the streams under way; None is all, and lets their number change.

        Returns
        -------
        self
        """
        if streams is None or getattr(self, "_stream", None) is None:
            self._stream = self._carried = None
        else:
            n_streams = len(self._stream.cells)
            index = np.atleast_1d(streams)
            if index.dtype.kind not in "iu" or np.any((index < 0) | (index >= n_streams)):
                raise ValueError(
                    f"streams must hold indices of the {n_streams} streams under way, got {shown(streams)}."
                )
            state = State(*(part.copy() for part in self._stream))
            for part in state:
                part[index] = 0
            self._stream = state
            if self._carried is not None:
                kernel = kernel_of(self.network_, self._carried[0].partials.dtype)
                self._carried = [
                    kernel.no_carried() if i in index else carried for i, carried in enumerate(self._carried)
                ]
        return self

    def __getstate__(self):
        """Return the attributes, those of the fitted model as arrays and plain values."""
        state = dict(super().__getstate__(), _sklstm_version=sklstm.__version__)
        state.pop("_stepper", None)
        if "network_" in state:
            stream = self._stream
            state["network_"] = asdict(self.network_)
            state["_memory"] = self._memory and vars(self._memory).copy()
            state["_stream"] = stream and tuple(stream)
            state["_carried"] = self._carried and [tuple(carried) for carried in self._carried]
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
            state["_memory"] = state["_memory"] and Memory(**state["_memory"])
            state["_stream"] = state["_stream"] and State(*state["_stream"])
            state["_carried"] = state["_carried"] and [Carried(*carried) for carried in state["_carried"]]
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class LSTMClassifier(ClassifierMixin, _BaseLSTM):
    __doc__ = f"""Long Short-Term Memory for the classification of sequences.

    One output unit a class. The network is that of Hochreiter & Schmidhuber (1997) with its later
    standard parts; the defaults are the LSTM of today, `sklstm.Network` describes the parts.
    The defaults of learning were chosen by cross-validation on real data: docs/defaults.md.

    Parameters
    ----------
    {PARAMETERS["both"]}
    loss : {{"log_loss", "squared_error"}}, default="log_loss"
        With softmax outputs the log loss of the classes, with logistic ones that of each class
        against the others; or 1/2 sum of squares (1997).
    {PARAMETERS["learning"]}
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; "balanced": inversely proportional to its frequency.
    {PARAMETERS["last"]}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    {ATTRIBUTES}

    Examples
    --------
    Sequences of different lengths; the class is the sign of the first element:

    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=200)]
    >>> y = np.array(["minus" if x[0, 0] < 0 else "plus" for x in X])
    >>> clf = LSTMClassifier(n_blocks=8, max_iter=60, tol=0, random_state=0)
    >>> clf.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.9
    True
    """

    def __init__(
        self,
        *,
        n_blocks=64,
        block_size=1,
        n_hidden_units=0,
        input_gate=True,
        output_gate=True,
        forget_gate=True,
        peepholes=False,
        recurrence="cells",
        shortcut=False,
        cell_bias=True,
        gate_bias=True,
        output_bias=True,
        cell_input_activation="tanh",
        cell_output_activation="tanh",
        output_activation="auto",
        return_sequences=False,
        n_channels=None,
        init_range="auto",
        input_gate_bias="auto",
        output_gate_bias=None,
        forget_gate_bias="auto",
        loss="log_loss",
        gradient="full",
        solver="adam",
        learning_rate=0.01,
        momentum=0.0,
        alpha="auto",
        clip="auto",
        update="batch",
        batch_size="auto",
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=20,
        early_stopping=False,
        validation_fraction=0.1,
        shuffle=True,
        class_weight=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        n_jobs=None,
    ):
        super().__init__(
            n_blocks=n_blocks,
            block_size=block_size,
            n_hidden_units=n_hidden_units,
            input_gate=input_gate,
            output_gate=output_gate,
            forget_gate=forget_gate,
            peepholes=peepholes,
            recurrence=recurrence,
            shortcut=shortcut,
            cell_bias=cell_bias,
            gate_bias=gate_bias,
            output_bias=output_bias,
            cell_input_activation=cell_input_activation,
            cell_output_activation=cell_output_activation,
            output_activation=output_activation,
            return_sequences=return_sequences,
            n_channels=n_channels,
            init_range=init_range,
            input_gate_bias=input_gate_bias,
            output_gate_bias=output_gate_bias,
            forget_gate_bias=forget_gate_bias,
            loss=loss,
            gradient=gradient,
            solver=solver,
            learning_rate=learning_rate,
            momentum=momentum,
            alpha=alpha,
            clip=clip,
            update=update,
            batch_size=batch_size,
            max_iter=max_iter,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            shuffle=shuffle,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            n_jobs=n_jobs,
        )
        self.class_weight = class_weight

    @available_if(_learns_by_epochs)
    def partial_fit(self, X, y, classes=None, sample_weight=None, *, continued=False):
        """One epoch more, on these sequences.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that will come; needed in the first call.
        continued : bool, default=False
            Whether the sequences are the next chunks of streams, one a stream, that go on from call to
            call until `reset_state`: learning then takes up state and partials where the last call left
            them. Needs ``update="step"``. `step` goes on from the last step that was learned.

        Returns
        -------
        self
        """
        if not hasattr(self, "weights_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._partial_fit(X, y, sample_weight, continued, classes)

    def predict(self, X):
        """Label of each sequence.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            With ``return_sequences=True``: object array of one array of labels a sequence.
        """
        outputs, sequences = self._outputs(X)
        return self._per_sequence(self.classes_[outputs.argmax(axis=1)], sequences)

    def _gives_probabilities(self):
        activation = (
            self.network_.output_activation if hasattr(self, "network_") else self._output_activation()
        )
        if activation == "identity":
            raise AttributeError(
                "predict_proba and predict_log_proba need softmax or logistic outputs, not 'identity'."
            )
        return True

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Probability of each class: the softmax outputs, or logistic outputs divided by their sum.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes)
            With ``return_sequences=True``: object array of arrays of shape (n_steps, n_classes).
        """
        outputs, sequences = self._outputs(X)
        return self._per_sequence(_normalised(outputs, self.network_), sequences)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X):
        """Natural logarithm of the probability of each class.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes)
            Logarithms of `predict_proba`; minus infinity where a probability is zero.
            With ``return_sequences=True``: object array of arrays of shape (n_steps, n_classes).
        """
        outputs, sequences = self._outputs(X)
        with np.errstate(divide="ignore"):
            return self._per_sequence(np.log(_normalised(outputs, self.network_)), sequences)

    def decision_function(self, X):
        """Confidence in each class: logarithm of its probability (identity outputs: the outputs).

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes), or (n_sequences,) with two classes
            With two classes the confidence in the second less that in the first.
            With ``return_sequences=True``: object array of such arrays, a row a step.
        """
        outputs, sequences = self._outputs(X)
        if self.network_.output_activation != "identity":
            outputs = np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny))
        if len(self.classes_) == 2:
            outputs = outputs[:, 1] - outputs[:, 0]
        return self._per_sequence(outputs, sequences)

    def score(self, X, y, sample_weight=None):
        """Accuracy; with ``return_sequences=True`` over all time steps.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        if not self.network_.return_sequences:
            return super().score(X, y, sample_weight)
        sequences = self._read_X(X, reset=False)
        labels = np.concatenate(list(self.predict(sequences)))
        weight = np.repeat(check_sample_weight(sample_weight, len(sequences)), sequences.lengths)
        return accuracy_score(as_step_targets(y, sequences), labels, sample_weight=weight)

    # ------------------------------------------------------------------------------------------

    def _auto_output_activation(self):
        return "softmax" if self.loss == "log_loss" else "logistic"

    def _checked_y(self, y):
        if not self.return_sequences:
            y = column_or_1d(y, warn=True)
        elif np.ndim(y) != 1:
            raise ValueError("y must hold one label a step, got a y with several columns.")
        if np.asarray(y).dtype.kind == "f":
            y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(y)
        return np.asarray(y)

    def _encode(self, y, classes, reset):
        """Labels -> one-hot targets; sets `classes_`."""
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"{type(self).__name__} needs at least 2 classes in y, got one class: "
                    f"{shown(self.classes_[0])}."
                )
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={shown(classes)} are not those of the fitted model, "
                f"{shown(self.classes_.tolist())}."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y contains labels that are not in classes_ {shown(self.classes_.tolist())}: "
                f"{shown(unknown.tolist())}."
            )
        return np.eye(len(self.classes_))[np.searchsorted(self.classes_, y)]

    def _target_weights(self, sample_weight, y, sequences):
        weight = super()._target_weights(sample_weight, y, sequences)
        codes = np.searchsorted(self.classes_, y)
        with may_overflow():
            weight = weight * self._class_weights(codes)[codes]
        if not weight.any():
            raise ValueError("class_weight is zero for every label in y: one needs a positive weight.")
        return weight

    def _check_weights_of_classes(self, weight, targets):
        if np.count_nonzero((weight > 0) @ targets) < 2:
            raise ValueError(
                "sample_weight and class_weight leave only one class: at least 2 classes in y need a "
                "positive weight."
            )

    def _class_weights(self, codes):
        """Weight of each class, in the order of `classes_`."""
        if self.class_weight is None:
            return np.ones(len(self.classes_))
        if _is("balanced", self.class_weight):
            counts = np.bincount(codes, minlength=len(self.classes_))
            return len(codes) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        if not isinstance(self.class_weight, dict):
            got = shown(self.class_weight)
            raise ValueError(f'class_weight must be a dict, "balanced" or None, got {got}.')
        weights = np.ones(len(self.classes_))
        labels = self.classes_.tolist()
        for label, value in self.class_weight.items():
            check_number(f"class_weight[{shown(label)}]", value, least=0)
            if label not in labels:
                raise ValueError(f"class_weight has the label {shown(label)}, which is not in y: {labels}.")
            weights[labels.index(label)] = value
        return weights

    def _stratifies(self):
        return not self.return_sequences

    def _validation_score(self, outputs, targets, weight):
        return accuracy_score(targets.argmax(axis=1), outputs.argmax(axis=1), sample_weight=weight)


class LSTMRegressor(RegressorMixin, _BaseLSTM):
    __doc__ = f"""Long Short-Term Memory for regression on sequences.

    One output unit a target. The network is that of Hochreiter & Schmidhuber (1997) with its later
    standard parts; the defaults are the LSTM of today, `sklstm.Network` describes the parts.
    The defaults of learning were chosen by cross-validation on real data: docs/defaults.md.

    Parameters
    ----------
    {PARAMETERS["both"]}
    loss : {{"squared_error", "log_loss"}}, default="squared_error"
        1/2 sum of squares, or the log loss of logistic or softmax outputs for targets in [0, 1].
    {PARAMETERS["learning"]}
    {PARAMETERS["last"]}

    Attributes
    ----------
    {ATTRIBUTES}

    Examples
    --------
    The adding problem (1997, Experiment 4), short: the sum of the two values that are marked.

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, y = [], []
    >>> for n in rng.integers(5, 9, size=300):
    ...     x = np.column_stack([rng.uniform(-1, 1, n), np.zeros(n)])
    ...     marked = rng.choice(n, 2, replace=False)
    ...     x[marked, 1] = 1
    ...     X.append(x)
    ...     y.append(x[marked, 0].sum())
    >>> reg = LSTMRegressor(n_blocks=8, max_iter=60, tol=0, learning_rate=0.01, random_state=0)
    >>> reg.fit(X[:250], y[:250]).score(X[250:], y[250:]) > 0.9
    True
    """

    @available_if(_learns_by_epochs)
    def partial_fit(self, X, y, sample_weight=None, *, continued=False):
        """One epoch more, on these sequences.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        continued : bool, default=False
            Whether the sequences are the next chunks of streams, one a stream, that go on from call to
            call until `reset_state`: learning then takes up state and partials where the last call left
            them. Needs ``update="step"``. `step` goes on from the last step that was learned.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, continued)

    def predict(self, X):
        """Outputs of each sequence.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            With ``return_sequences=True``: object array of one array a sequence, a row a step.
        """
        outputs, sequences = self._outputs(X)
        return self._per_sequence(outputs[:, 0] if self._y_is_1d else outputs, sequences)

    def score(self, X, y, sample_weight=None):
        """Coefficient of determination; with ``return_sequences=True`` over all time steps.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        if not self.network_.return_sequences:
            return super().score(X, y, sample_weight)
        sequences = self._read_X(X, reset=False)
        outputs = np.concatenate(list(self.predict(sequences)))
        weight = np.repeat(check_sample_weight(sample_weight, len(sequences)), sequences.lengths)
        return r2_score(as_step_targets(y, sequences), outputs, sample_weight=weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # ------------------------------------------------------------------------------------------

    def _auto_output_activation(self):
        return "identity" if self.loss == "squared_error" else "logistic"

    def _checked_y(self, y):
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if self.loss == "log_loss" and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                f"loss='log_loss' needs targets in [0, 1], got y from {y.min():g} to {y.max():g}."
            )
        return y

    def _encode(self, y, classes, reset):
        if reset:
            self._y_is_1d = y.ndim == 1
        return y.reshape(len(y), -1)

    def _check_weights_of_classes(self, weight, targets):
        pass

    def _stratifies(self):
        return False

    def _validation_score(self, outputs, targets, weight):
        return r2_score(targets, outputs, sample_weight=weight)


_BaseLSTM.__init__.__qualname__ = "LSTMRegressor.__init__"  # what Python says of a wrong argument


@contextmanager
def _unchanged_on_error(estimator):
    """Give an estimator its attributes back if what runs inside fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _side_by_side(streams):
    """State of several streams from what learning carries of each."""
    return State(
        np.concatenate([carried.activations for carried in streams]),
        np.concatenate([carried.cells for carried in streams]),
    )


def _normalised(outputs, network):
    """Outputs that sum to one."""
    if network.output_activation == "softmax":
        return outputs
    return outputs / np.maximum(outputs.sum(axis=1, keepdims=True), np.finfo(outputs.dtype).tiny)


def _is(word, value):
    return isinstance(value, str) and value == word
