"""Types of the public interface: what an editor or a type checker is told of arguments.

The choices are those of the tables that the code looks into; a test compares them.
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
        """Leave the type of a method as it is, which scikit-learn's decorator does not."""
        raise NotImplementedError

else:
    from sklearn.utils.metaestimators import available_if  # noqa: F401
