"""Callbacks of scikit-learn 1.9 around epochs; older versions have none."""

import warnings
from functools import wraps

import sklearn

from sklstm._learning.solvers import SOLVERS

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replacement for scikit-learn's mixin: accepts callbacks and warns that none is called."""

        def set_callbacks(self, *callbacks):
            """Warn that callbacks need a newer scikit-learn.

            Parameters
            ----------
            *callbacks : callback instances
                None of them is called.

            Returns
            -------
            self
            """
            if callbacks:
                warnings.warn(
                    f"Callbacks need scikit-learn 1.9 or newer, this is {sklearn.__version__}: none is "
                    "called; verbose=1 shows epochs, loss, validation score and time left.",
                    stacklevel=2,
                )
            return self

    def with_callbacks(method):
        """Wrap a method in one more call, as scikit-learn does: `stacklevel` of warnings counts it."""

        @wraps(method)
        def call(*args, **kwargs):
            return method(*args, **kwargs)

        return call


class EpochTasks:
    """Reports a fit to scikit-learn's callbacks: the fit is a task, and its epochs are subtasks.

    Parameters
    ----------
    estimator : estimator
        With or without callbacks; without them nothing is done.
    X, y : as given to `fit`
        Data that the callbacks receive.
    metadata : dict or None
        Sample weights, for scores that callbacks compute.
    max_epochs : int
    attributes : callable
        Function from (weights, history) to the attributes that a fitted estimator would have now.
    resumption : Resumption or None
        State that checkpoints save in addition.

    """

    def __init__(self, estimator, X, y, metadata, max_epochs, attributes, resumption=None):
        self.estimator, self.resumption = estimator, resumption
        self.shown = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.attributes = attributes
        self.fit = self.task = None
        if getattr(estimator, "_skl_callbacks", None):
            # one more for the iteration that L-BFGS begins and does not complete
            extra = not SOLVERS[estimator.solver].in_epochs
            self.fit = estimator._init_callback_context(max_subtasks=max_epochs + extra)
            self.fit.call_on_fit_task_begin(**self.shown)

    def begin(self, learned):
        """Begin an epoch; `learned()` returns weights and history if a callback needs them."""
        if self.fit is not None:
            self.task = self.fit.subcontext(task_name="epoch")
            self.task.call_on_fit_task_begin(**self._shown(learned))

    def end(self, learned):
        """End an epoch; returns whether a callback asks to stop."""
        task, self.task = self.task, None
        return task is not None and task.call_on_fit_task_end(**self._shown(learned))

    def close(self, learned):
        """End the fit, after ending an epoch that was begun and not finished."""
        if self.task is not None:
            self.task.call_on_fit_task_end(estimator=self.estimator)
            self.task = None
        if self.fit is not None:
            self.fit.call_on_fit_task_end(**self._shown(learned))

    @property
    def keeps(self):
        """Whether there are checkpoints."""
        return self.fit is not None and self.resumption is not None

    def _shown(self, learned):
        return self.shown | {"reconstruction_attributes": lambda: self._attributes(*learned())}

    def _attributes(self, weights, history):
        attributes = self.attributes(weights, history)
        if self.keeps and history.loop_state is not None:
            attributes["_resumption"] = self.resumption.as_dict(history.loop_state)
        return attributes
