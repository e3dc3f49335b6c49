"""Where the tests of learning reach into the library: a trainer, without an estimator around it.

Estimators hide what these tests look at: the gradient that a solver takes its step by, single updates,
workspaces.
"""

import numpy as np

from sklstm._engine.engine import engine_of
from sklstm._engine.threads import Threads
from sklstm._learning import trainer as trainer_module
from sklstm._learning.losses import LOSSES
from sklstm._learning.settings import settings_of
from topologies import flat_sequences


def bind(engine, problem, form=np.asarray, target_weight=None, **options):
    """Sequences, targets and weights of a problem in the form of the kernel."""
    n_targets = [len(y) for y in problem.y]
    weight = np.ones(len(problem.X)) if problem.sample_weight is None else problem.sample_weight
    targets = np.concatenate(problem.y)
    weight = np.repeat(weight, n_targets) if target_weight is None else target_weight
    sequences = flat_sequences([form(x) for x in problem.X])
    return engine.bind(sequences, targets, weight, LOSSES[problem.loss], **options)


def make_trainer(problem, form=np.asarray, n_threads=1, target_weight=None, **changes):
    """A trainer of one problem, with plain gradient descent where nothing else is said."""
    plain = {
        "loss": problem.loss,
        "gradient": "full",
        "solver": "sgd",
        "learning_rate": 0.05,
        "update": "batch",
        "batch_size": len(problem.X),
    }
    settings = settings_of(**plain | changes)
    engine = engine_of(problem.net, problem.X[0].dtype)
    bound = bind(engine, problem, form, target_weight, merge=settings.merges(len(problem.X)))
    return trainer_module.Trainer(engine, bound, settings, problem.weights, executor=Threads(n_threads))
