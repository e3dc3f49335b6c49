"""The classifier: labels and probabilities."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sklstm._checks import check_number, may_overflow
from sklstm._estimators.base import BaseLSTM
from sklstm._estimators.docs import ATTRIBUTES, PARAMETERS, choices
from sklstm._estimators.parameters import makes_epochs, output_activation
from sklstm._learning.losses import LOSSES_OF_CLASSES
from sklstm._messages import shown
from sklstm._typing import (
    Array,
    Auto,
    GateBias,
    Gradient,
    LossOfClasses,
    OutputActivation,
    Pooling,
    RandomState,
    Recurrence,
    SolverName,
    Squashing,
    Update,
    available_if,
)


class LSTMClassifier(ClassifierMixin, BaseLSTM):
    __doc__ = f"""Long Short-Term Memory for the classification of sequences.

    There is one output unit per class, or one per label if y has columns of labels that are 0 or 1
    (multilabel, as in scikit-learn: logistic outputs, each a probability). The network is that of Hochreiter
    & Schmidhuber (1997) with the parts that became standard later. The defaults are those of a modern LSTM.
    `sklstm.Network` describes the parts. The defaults of learning were chosen by cross-validation on real
    data: docs/defaults.md.

    Parameters
    ----------
    {PARAMETERS["both"]}
    loss : {choices(LOSSES_OF_CLASSES, "log_loss")}
        "log_loss" is that of the classes with softmax outputs, and that of each class against the others with
        logistic outputs; "squared_error" is 1/2 sum of squares (1997).
    label_smoothing : float, default=0.0
        With the log loss, this fraction of each target is spread evenly over the classes, or over 0 and 1
        with logistic outputs, so that probabilities do not approach 0 and 1 (Szegedy et al. 2016).
    {PARAMETERS["learning"]}
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; "balanced" makes it inversely proportional to the frequency of the class. Keys
        that do not occur in y have no effect, but at least one key must occur in y.
    {PARAMETERS["last"]}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; with several columns of labels, the numbers of the columns.
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

    classes_: Array

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
        loss: LossOfClasses = "log_loss",
        label_smoothing: float = 0.0,
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
        n_iter_no_change: int = 20,
        average: Auto | bool = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        scoring: str | Callable[..., float] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        random_state: RandomState = None,
        warm_start: bool = False,
        verbose: int = 0,
        n_jobs: int | None = None,
    ) -> None:
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
            n_layers=n_layers,
            n_patches=n_patches,
            bidirectional=bidirectional,
            pooling=pooling,
            dropout=dropout,
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
            measurement_noise=measurement_noise,
            process_noise=process_noise,
            initial_covariance=initial_covariance,
            batch_size=batch_size,
            max_iter=max_iter,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            average=average,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            scoring=scoring,
            shuffle=shuffle,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            n_jobs=n_jobs,
        )
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    @available_if(makes_epochs)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        *,
        continued: bool = False,
    ) -> Self:
        """Learn for one more epoch, from these sequences.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that can occur in later calls; required in the first call.
        continued : bool, default=False
            Whether the sequences are the next chunks of streams, one per stream, that continue from call to
            call until `reset_state`: learning starts with the state and the partial derivatives of the last
            call. Requires ``update="step"``. `step` continues from the last step that was learned.

        Returns
        -------
        self
        """
        if not hasattr(self, "weights_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._partial_fit(X, y, sample_weight, continued, classes)

    def predict(self, X: Any) -> Array:
        """Label of each sequence.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            With ``return_sequences=True``: object array with one array of labels per sequence.
        """
        outputs, sequences = self._outputs(X)
        return self._per_sequence(self._answers(outputs), sequences)

    def _gives_probabilities(self):
        fitted = hasattr(self, "network_")
        activation = self.network_.output_activation if fitted else output_activation(self)
        if activation == "identity":
            raise AttributeError(
                "predict_proba and predict_log_proba need softmax or logistic outputs, not 'identity'."
            )
        return True

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Probability of each class: the softmax outputs, or the logistic outputs divided by their sum.

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
        return self._per_sequence(self._probabilities(outputs), sequences)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
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
            return self._per_sequence(np.log(self._probabilities(outputs)), sequences)

    def decision_function(self, X: Any) -> Array:
        """Confidence in each class: logarithm of its probability (identity outputs: the outputs).

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes), or (n_sequences,) with two classes
            With two classes: the confidence in the second minus that in the first.
            With ``return_sequences=True``: object array of such arrays, one row per step.
        """
        outputs, sequences = self._outputs(X)
        if self.network_.output_activation != "identity":
            tiny = np.finfo(outputs.dtype).tiny
            other = np.log(np.maximum(1 - outputs, tiny)) if self._multilabel else 0
            outputs = np.log(np.maximum(outputs, tiny)) - other
        elif self._multilabel:
            outputs = outputs - 0.5
        if len(self.classes_) == 2 and not self._multilabel:
            outputs = outputs[:, 1] - outputs[:, 0]
        return self._per_sequence(outputs, sequences)

    def score(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> float:
        """Accuracy; with ``return_sequences=True`` over all time steps.

        Targets that are missing or have the weight 0 are left out. With several labels per target, a
        prediction is correct if all of its labels are.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
        """
        return self._score(X, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # ------------------------------------------------------------------------------------------

    def _auto_output_activation(self, loss):
        return "logistic" if getattr(self, "_multilabel", False) else loss.output_of_classes

    def _checked_y(self, targets, counted):
        """Checked labels; a single column becomes 1-D."""
        y = targets.natural(counted)
        if y.ndim == 2 and y.shape[1] == 1:
            y, counted = column_or_1d(y, warn=True), counted[:, 0]
        if y.dtype.kind == "f":
            y = np.where(counted, y, 0)
            for bad, found in ((np.isinf(y), "Input y contains infinity"), (y != np.rint(y), "continuous")):
                if bad.any():
                    place = targets.place(bad.argmax())
                    found = "Unknown label type: continuous" if found == "continuous" else found
                    raise ValueError(
                        f"{found}. {place} is {shown(y.ravel()[bad.argmax()])}; expected labels. For numbers "
                        "use LSTMRegressor."
                    )
            if targets.missing is not None:  # NaN has turned integers into floats
                y = y.astype(np.int64)
        if y.ndim == 2:
            bad = counted & (y != 0) & (y != 1) if y.dtype.kind in "biuf" else counted
            if bad.any():
                raise ValueError(
                    f"y has shape {y.shape}, and {targets.place(bad.argmax())} is "
                    f"{shown(y.ravel()[bad.argmax()])}; expected a 1d array, one label each, or columns of "
                    "labels that are 0 or 1 (multilabel), which MultiLabelBinarizer().fit_transform(y) makes "
                    "of lists of labels. For several labels of other kinds use MultiOutputClassifier."
                )
            return y
        if counted.any():
            if type_of_target(y[counted]) == "unknown":
                raise ValueError(
                    f"Unknown label type: unknown. {targets.place(counted.argmax())} is "
                    f"{shown(y[counted][0])}; expected labels that are text, whole numbers or booleans: "
                    "str(label) makes text of each."
                )
            check_classification_targets(y[counted])
        return y

    def _encode(self, targets, y, counted, classes, reset):
        """Encode labels as one-hot targets, with zeros where no label counts, and set `classes_`."""
        multilabel = y.ndim == 2
        if reset:
            self._multilabel = multilabel
            if multilabel:
                self.classes_ = np.arange(y.shape[1])
            else:
                self.classes_ = np.unique(y[counted] if classes is None else classes)
                self._check_classes(targets, y, counted, classes)
        elif multilabel != self._multilabel or (multilabel and y.shape[1] != len(self.classes_)):
            wanted = f"{len(self.classes_)} columns" if self._multilabel else "one label each"
            raise ValueError(f"y has shape {y.shape}; the model was fitted on {wanted}.")
        elif classes is not None and not multilabel and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={shown(classes)} are not those of the fitted model, "
                f"{shown(self.classes_.tolist())}."
            )
        if multilabel:
            return np.where(counted, y, 0).astype(float)
        if not reset:
            targets.refuse_marks(y, counted, self.classes_.tolist())
        unknown = np.setdiff1d(y[counted], self.classes_)
        if len(unknown):
            place = targets.place(np.flatnonzero(counted & np.isin(y, unknown))[0])
            raise ValueError(
                f"y contains labels that are not in classes_ {shown(self.classes_.tolist())}: "
                f"{shown(unknown.tolist())}. The first is {place}. All labels that can occur must be in the "
                "first fit, or be given as classes= in the first call of partial_fit."
            )
        codes = np.zeros(len(y), np.intp)
        codes[counted] = np.searchsorted(self.classes_, y[counted])
        encoded = np.eye(len(self.classes_))[codes]
        encoded[~counted] = 0
        return encoded

    def _check_classes(self, targets, y, counted, classes):
        """Refuse a single class, and labels with which other libraries mark steps without a label."""
        if len(self.classes_) < 2:
            with_weight = "" if counted.all() else " with a target and a positive sample_weight"
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes in y, got one class{with_weight}: "
                f"{shown(self.classes_[0])}."
            )
        targets.refuse_marks(y, counted, [] if classes is None else self.classes_.tolist())

    def _with_class_weights(self, weight, y, counted, may_lack):
        if self.class_weight is None:
            return weight
        if self._multilabel:
            raise ValueError(
                f"class_weight must be None if y has columns of labels, got {shown(self.class_weight)}."
            )
        codes = np.searchsorted(self.classes_, y[counted])
        weight = weight.copy()
        with may_overflow():
            counts = np.bincount(codes, minlength=len(self.classes_))
            weight[counted] *= self._class_weights(counts)[codes]
        if not (weight.any() or may_lack):
            raise ValueError("class_weight is zero for every label in y: one needs a positive weight.")
        return weight

    def _check_weights_of_classes(self, moments):
        if not self._multilabel and np.count_nonzero(moments.mean) < 2:
            raise ValueError(
                "sample_weight and class_weight leave only one class: at least 2 classes in y need a "
                "positive weight."
            )

    def _class_weights(self, counts):
        """Weight of each class, in the order of `classes_`; `counts` are their frequencies."""
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            return counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        if not isinstance(self.class_weight, dict):
            got = shown(self.class_weight)
            raise ValueError(f'class_weight must be a dict, "balanced" or None, got {got}.')
        weights = np.ones(len(self.classes_))
        labels = self.classes_.tolist()
        for label, value in self.class_weight.items():
            check_number(f"class_weight[{shown(label)}]", value, least=0)
            if label in labels:
                weights[labels.index(label)] = value
            elif isinstance(label, str) != isinstance(labels[0], str) or not any(
                known in labels for known in self.class_weight
            ):  # otherwise it may be in other folds of a cross-validation
                raise ValueError(f"class_weight has the label {shown(label)}, which is not in y: {labels}.")
        return weights

    def _as_learned(self, data):
        check_number("label_smoothing", self.label_smoothing, least=0, below=1)
        if not self.label_smoothing:
            return data
        if self.loss != "log_loss":
            raise ValueError(
                f"label_smoothing={shown(self.label_smoothing)} needs loss='log_loss', got "
                f"loss={shown(self.loss)}."
            )
        n_kinds = data.targets.shape[1] if output_activation(self) == "softmax" else 2
        targets = (1 - self.label_smoothing) * data.targets + self.label_smoothing / n_kinds
        return replace(data, targets=targets)

    def _with_weights(self, network, weights, classes=None):
        self.classes_, self._multilabel = classes, False
        return super()._with_weights(network, weights)

    def _stratifies(self):
        return not self.return_sequences and not self._multilabel

    def _answers(self, outputs):
        if self._multilabel:
            return (outputs > 0.5).astype(int)
        return self.classes_[outputs.argmax(axis=1)]

    def _probabilities(self, outputs):
        """Outputs divided by their sum; with several labels, each output is a separate probability."""
        if self._multilabel:  # strictly between 0 and 1
            return np.clip(outputs, np.finfo(outputs.dtype).tiny, 1 - np.finfo(outputs.dtype).epsneg)
        if self.network_.output_activation == "softmax":
            return outputs
        return outputs / np.maximum(outputs.sum(axis=1, keepdims=True), np.finfo(outputs.dtype).tiny)

    def _labels_to_score(self, targets, counted):
        labels = targets.natural(counted)
        targets.refuse_marks(labels, counted, self.classes_.tolist())
        return labels

    def _metric(self, y, predicted, weight):
        if weight.ndim == 1:
            return accuracy_score(y, predicted, sample_weight=weight)
        right = ((y == predicted) | (weight == 0)).all(axis=1)
        return float(np.average(right, weights=weight.max(axis=1)))

    def _validation_score(self, outputs, data):
        if self._multilabel:
            return self._metric(data.targets, self._answers(outputs), data.weight)
        right = data.targets.argmax(axis=1)
        return accuracy_score(right, outputs.argmax(axis=1), sample_weight=data.weight)
