"""The exported network: the LSTM at the end of a pipeline, as cells that read the inputs of the pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from sklstm._estimators.nested import unwrap
from sklstm._export.cells import CellNetwork, cells_of
from sklstm._preprocessing import PerTimeStep, SequencePatcher


def source_of(model: Any, target: str) -> tuple[Any, CellNetwork]:
    """Return the LSTM of a model and its cells, with the transformers of a pipeline as part of them.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        Fitted.
    target : str
        Name of the destination in messages.

    Raises
    ------
    TypeError, ValueError
        If the network, or a transformer before it, cannot be expressed; the message says what to do.
    """
    transformers, lstm = unwrap(model)
    if getattr(lstm, "_log_link", False) or getattr(lstm, "_has_axis", False):
        raise ValueError(
            f"{target} gives the outputs, but with loss={lstm.loss!r} the predictions differ from them: they "
            "are exponentials, or several quantiles. Fit with one quantile, or another loss."
        )
    cells = cells_of(lstm.network_, lstm.weights_, target)
    for transformer in reversed(transformers):
        if isinstance(transformer, SequencePatcher) and cells.patch == 1:
            cells = replace(cells, patch=transformer.step_)
            continue
        center, factor = _scaling(transformer, target)
        ones = np.ones(cells.n_features)
        cells = cells.scaled(center * ones, factor * ones)
    return lstm, cells


def _scaling(transformer: Any, target: str) -> tuple[Any, Any]:
    """Center and factor of a transformer that gives ``(x - center) * factor``."""
    scaler = transformer.transformer_ if isinstance(transformer, PerTimeStep) else None
    if isinstance(scaler, StandardScaler):
        center = scaler.mean_ if scaler.with_mean else 0.0
        return center, 1.0 if scaler.scale_ is None else 1 / scaler.scale_
    if isinstance(scaler, MinMaxScaler) and not scaler.clip:
        return -scaler.min_ / scaler.scale_, scaler.scale_
    if isinstance(scaler, MaxAbsScaler) and not getattr(scaler, "clip", False):
        return 0.0, 1 / scaler.scale_
    if isinstance(scaler, RobustScaler):
        center = 0.0 if scaler.center_ is None else scaler.center_
        return center, 1.0 if scaler.scale_ is None else 1 / scaler.scale_
    raise TypeError(
        f"{target} can express a SequenceScaler or PerTimeStep of StandardScaler, MinMaxScaler, MaxAbsScaler "
        f"or RobustScaler (without clip) and one SequencePatcher in front of the LSTM, got {transformer!r}. "
        "Export pipeline[-1], and transform X by pipeline[:-1] beforehand."
    )
