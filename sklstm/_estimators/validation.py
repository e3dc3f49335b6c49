"""Early stopping: sequences held out, and the score on them."""

import numpy as np
from sklearn.model_selection import train_test_split

from sklstm._checks import may_overflow
from sklstm._learning.trainer import Diverged


def hold_out(estimator, engine, sequences, y, targets, target_weight, rng):
    """Split off whole sequences; returns those to train on and weights -> score on the others."""
    labels = y if estimator._stratifies() else None
    try:
        train, held = train_test_split(
            np.arange(len(sequences)),
            test_size=float(estimator.validation_fraction),
            random_state=rng,
            stratify=labels,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={estimator.validation_fraction} of "
            f"{len(sequences)} sequences: {error}"
        ) from error
    train, held = np.sort(train), np.sort(held)
    rows = [train, held]
    if estimator.return_sequences:
        sequence_of_step = np.repeat(np.arange(len(sequences)), sequences.lengths)
        rows = [np.flatnonzero(np.isin(sequence_of_step, part)) for part in rows]
    if any(np.count_nonzero(target_weight[part]) < 2 for part in rows):
        raise ValueError(
            f"early_stopping=True holds out {len(held)} of {len(sequences)} sequences, "
            "but to learn and to score needs two targets with a positive sample_weight on each side."
        )
    bound = engine.bind(sequences[held])
    held_targets, held_weight = targets[rows[1]], target_weight[rows[1]]

    def validate(weights):
        outputs, _ = engine.forward(engine.pad(weights), bound)
        if not np.isfinite(outputs).all():
            raise Diverged
        with may_overflow():
            score = estimator._validation_score(outputs, held_targets, held_weight)
        if not np.isfinite(score):
            raise Diverged
        return score

    return train, validate
