"""Explanations of an output: which output is meant, and its derivatives with respect to the inputs."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_choice, check_integer
from sklstm._input import read_X
from sklstm._messages import of_public_classes, shown
from sklstm._network import Network
from sklstm._sequences import split_steps
from sklstm._typing import Array, ResponseMethod


@of_public_classes
class ExplanationMixin:
    """`input_gradients` of the estimators."""

    network_: Network
    weights_: np.ndarray

    def input_gradients(
        self, X: Any, *, output: Any = None, at: int = -1, response_method: ResponseMethod = "auto"
    ) -> list[Array]:
        """Derivatives of an output with respect to every input of a sequence.

        The gradient is always the full one, also if the estimator learns with the truncated one. It shows the
        effect of small changes; `occlusion_importance` shows the effect of leaving out a step or a channel.

        Parameters
        ----------
        X : sequences
            As in `fit`.
        output : label or int, default=None
            The output to explain. Classifier: a label of `classes_`; None means the predicted class
            of each sequence. Regressor: the index of an output; None means the only one.
        at : int, default=-1
            With ``return_sequences=True``, the time step of the output to explain. Negative numbers count
            from the end of each sequence. Derivatives with respect to later inputs are 0.
        response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
            Function whose derivatives are computed. "auto" is `decision_function` for a classifier (with two
            classes the difference of both) and `predict` for a regressor. `predict_proba` saturates: where a
            class is almost certain, all derivatives are near 0.

        Returns
        -------
        list of ndarray of shape (n_steps, n_features)
            One array per sequence, dense even if X is sparse.

        References
        ----------
        Simonyan, K., Vedaldi, A. & Zisserman, A. (2014). Deep inside convolutional networks: visualising
        image classification models and saliency maps. ICLR workshop, section 3.

        Examples
        --------
        Here, the target is the last value:

        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 6, 1))
        >>> reg = LSTMRegressor(n_blocks=4, solver="lbfgs", random_state=0).fit(X, X[:, -1, 0])
        >>> reg.input_gradients(X[:1])[0].ravel().round(1) + 0
        array([0., 0., 0., 0., 0., 1.])
        """
        check_is_fitted(self)
        method = check_response(self, response_method)
        sequences = read_X(self, X, self.network_.n_inputs)
        rows = rows_at(self, sequences, at)
        outputs = np.concatenate(list(self.network_.forward(self.weights_, sequences)))
        outputs = outputs.reshape(-1, self.network_.n_outputs)
        index = output_index(self, output, outputs[rows])
        errors = np.zeros_like(outputs)
        errors[rows] = _slopes(self, outputs[rows], index, method)
        return np.split(self._backward(sequences, errors)["inputs"], sequences.offsets[1:-1])

    def _backward(self, sequences, errors, gradient="full"):
        """Results of a backward pass, from errors at the net inputs of the output units."""
        network = replace(self.network_, output_activation="identity")
        if network.return_sequences:
            errors = split_steps(errors, sequences.offsets)
        return network.backward(self.weights_, sequences, errors, gradient, full_output=True)[1]


def check_response(estimator, response_method):
    """Return the name of the method to explain, with "auto" resolved."""
    names = ("decision_function", "predict_proba") if hasattr(estimator, "classes_") else ("predict",)
    check_choice("response_method", response_method, ("auto", *names))
    if response_method == "auto":
        return next(name for name in names if hasattr(estimator, name))
    getattr(estimator, response_method)  # the error says why the estimator does not have it
    return response_method


def rows_at(lstm, sequences, at):
    """Row of the output to explain, for each sequence."""
    check_integer("at", at)
    if not lstm.network_.return_sequences:
        if at != -1:
            raise ValueError(
                f"at={shown(at)} needs return_sequences=True: the only output is at the last step."
            )
        return np.arange(len(sequences))
    return sequences.offsets[:-1] + steps_at(sequences.lengths, at)


def steps_at(lengths, at):
    """Index of a time step in each sequence, from its beginning; negative `at` counts from its end."""
    steps = lengths + at if at < 0 else np.full_like(lengths, at)
    beyond = (steps < 0) | (steps >= lengths)
    if beyond.any():
        i = int(beyond.argmax())
        raise ValueError(f"at={shown(at)} is outside of sequence {i}, which has {lengths[i]} steps.")
    return steps


def output_index(estimator, output, responses):
    """Column of the output to explain, for each sequence.

    Parameters
    ----------
    estimator : estimator
        With `classes_` if it is a classifier.
    output : label, int or None
    responses : ndarray of shape (n_sequences, n_outputs)
        Responses of the estimator; a larger response of a classifier means a more certain class.
    """
    n_sequences, n_outputs = responses.shape
    labels = getattr(estimator, "classes_", None)
    if labels is not None:
        if output is None:
            return responses.argmax(axis=1)
        known = np.asarray(labels).tolist()
        if output not in known:
            raise ValueError(f"output must be None or one of classes_ {shown(known)}, got {shown(output)}.")
        return np.full(n_sequences, known.index(output))
    if output is None:
        if n_outputs > 1:
            raise ValueError(
                f"output=None needs a single output: give one of the outputs 0 to {n_outputs - 1}."
            )
        output = 0
    check_integer("output", output, text="None or ")
    if not 0 <= output < n_outputs:
        raise ValueError(f"output must be None or an index from 0 to {n_outputs - 1}, got {shown(output)}.")
    return np.full(n_sequences, output)


def _slopes(lstm, y, index, method):
    """Derivatives of the response with respect to the net inputs of the output units."""
    activation, unit = lstm.network_.output_activation, np.eye(y.shape[1], dtype=y.dtype)[index]
    own = np.take_along_axis(y, index[:, np.newaxis], axis=1)
    if method == "predict_proba" and activation == "logistic":  # divided by their sum
        total = np.maximum(y.sum(axis=1, keepdims=True), np.finfo(y.dtype).tiny)
        return (unit - own / total) / total * y * (1 - y)
    if method != "decision_function":
        return {"identity": unit, "logistic": unit * y * (1 - y), "softmax": own * (unit - y)}[activation]

    def of(unit):
        return {"identity": unit, "logistic": unit * (1 - y), "softmax": unit - y}[activation]

    return of(unit) - of(1 - unit) if y.shape[1] == 2 else of(unit)
