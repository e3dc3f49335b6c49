"""Error flow by the lag."""

from typing import Any, Self

import numpy as np
from sklearn.utils import Bunch

from sklstm._displays._shared import pyplot_of, whole_numbers
from sklstm._error_flow import error_flow
from sklstm._typing import Gradient


class ErrorFlowDisplay:
    """Error that flows back from an output, by the lag: median and spread over the sequences.

    Where the line is flat, inputs at this lag can still be learned. The slope of a straight decline gives the
    half-life. Humps show lags at which the model uses the inputs. If the line rises, errors explode; then use
    `clip` to bound the gradient.

    Parameters
    ----------
    flow : sklearn.utils.Bunch
        Result of `error_flow`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import ErrorFlowDisplay, LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(20, 5, 1))
    >>> reg = LSTMRegressor(n_blocks=2, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> ErrorFlowDisplay.from_estimator(reg, X).flow.norms.shape
    (20, 5)
    """

    def __init__(self, flow: Bunch) -> None:
        self.flow = flow

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        output: Any = None,
        at: int = -1,
        n_lags: int | None = None,
        gradient: Gradient | None = None,
        groups: bool = False,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the error flow of a fitted estimator.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        X : sequences
        output, at, n_lags, gradient
            As in `error_flow`.
        groups : bool, default=False
            Whether to draw a line for each kind of unit, too.
        name : str, default=None
            Name of the model, for the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ErrorFlowDisplay
        """
        flow = error_flow(estimator, X, output=output, at=at, n_lags=n_lags, gradient=gradient)
        return cls(flow).plot(groups=groups, name=name, ax=ax)

    def plot(self, *, groups: bool = False, name: str | None = None, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        groups : bool, default=False
            Whether to draw a line for each kind of unit, too.
        name : str, default=None
            Name of the model, for the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
        """
        if ax is None:
            ax = pyplot_of(self).subplots(layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure
        flow = self.flow
        low, median, high = (
            np.where(q > 0, q, np.nan) for q in np.nanquantile(flow.norms, [0.1, 0.5, 0.9], 0)
        )
        falls = flow.half_life < 10 * len(flow.lags)
        life = f"half-life {flow.half_life:.3g} steps" if falls else "does not fall"
        marker = "o" if len(flow.lags) == 1 else None
        (line,) = ax.plot(flow.lags, median, marker=marker, label=f"{name or 'all hidden units'}, {life}")
        ax.fill_between(flow.lags, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        if groups:
            for kind, norms in flow.groups.items():
                values = np.nanmedian(norms, axis=0)
                ax.plot(flow.lags, np.where(values > 0, values, np.nan), "--", label=kind.replace("_", " "))
        if flow.carousel is not None:
            kept = np.nanmedian(flow.carousel, axis=0)
            ax.plot(flow.lags, kept, color=line.get_color(), linewidth=0.7, label="carousel alone")
        if np.nanmax(flow.norms) > 0:
            ax.set_yscale("log")
        ax.set(xlabel="lag [time steps before the answer]", ylabel="norm of the error, 1 at the answer")
        whole_numbers(ax.xaxis)
        ax.legend(fontsize="small", frameon=False)
        return self
