"""The validation score, from sums over partitions."""

import numpy as np
from sklearn.base import is_classifier

from sklstm._checks import may_overflow
from sklstm._engine.engine import bind_weights
from sklstm._engine.threads import threads_of
from sklstm._learning.moments import Moments
from sklstm._learning.trainer import Diverged


def score_of(total):
    """Accuracy or R² from the sums over partitions of `score_parts`."""
    if total is None:
        raise Diverged
    if not isinstance(total[0], Moments):
        return total[0] / total[1]
    targets, errors = total
    counted = targets.total > 0
    with may_overflow():
        lost = errors.squares_about(0) * errors.unit**2
        all_of_it = targets.squares * targets.unit**2
        part = np.divide(lost, all_of_it, out=(lost > 0).astype(float), where=all_of_it > 0)
    score = float(np.mean(1 - part[counted]))
    if not np.isfinite(score):
        raise Diverged
    return score


def score_parts(examples, how, weights):
    """Terms of the accuracy or of R² to be summed over partitions; None if outputs are not finite."""
    plain, network, _ = how
    engine, w = bind_weights(network, weights, examples.dtype)
    bound = engine.bind(examples.sequences)
    outputs, _ = engine.forward(w, bound, n_threads=threads_of(plain.n_jobs))
    if not np.isfinite(outputs).all():
        return None
    weight = examples.weight
    if is_classifier(plain):
        weight = float(weight.sum() if weight.ndim == 1 else weight.max(axis=1).sum())
        return plain._validation_score(outputs, examples) * weight, weight
    if plain._log_link:
        with may_overflow():
            outputs = np.exp(outputs)
    errors = np.where(
        (weight if weight.ndim == 2 else weight[:, np.newaxis]) > 0, examples.targets - outputs, 0
    )
    return Moments.of(examples.targets, weight), Moments.of(errors, weight)
