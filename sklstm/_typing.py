"""Types of the public interface, for editors and type checkers.

A test checks that the choices are those of the tables in the code.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

Auto = Literal["auto"]
Gradient = Literal["full", "truncated"]
LossName = Literal["squared_error", "absolute_error", "huber", "quantile", "poisson", "log_loss"]
LossOfClasses = Literal["squared_error", "log_loss"]
OutputActivation = Literal["logistic", "softmax", "identity"]
Pooling = Literal["last", "mean", "max"]
RandomState = int | np.random.RandomState | None
Recurrence = Literal["cells", "all", "gates", "none"]
ResponseMethod = Literal["auto", "decision_function", "predict_proba", "predict"]
SolverName = Literal["adam", "sgd", "rprop", "lbfgs", "dekf"]
Squashing = Literal["logistic[-2,2]", "logistic[-1,1]", "logistic", "tanh", "identity"]
Update = Literal["batch", "sequence", "step"]

Array = npt.NDArray[Any]
GateBias = float | npt.ArrayLike | None

if TYPE_CHECKING:
    Method = TypeVar("Method", bound=Callable[..., Any])

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
        """Keep the type of a method; the decorator of scikit-learn changes it."""
        raise NotImplementedError

else:
    from sklearn.utils.metaestimators import available_if  # noqa: F401
