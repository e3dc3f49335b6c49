"""The experiments of Hochreiter & Schmidhuber (1997), every row of every table, and of the tutorial of 2003.

``python -m sklstm.paper list`` shows them, ``python -m sklstm.paper run 6a`` makes the trials of one.
"""

from sklstm.paper._experiments import EXPERIMENTS, Experiment, Rule
from sklstm.paper._study import Study, StudyTrial, experiment_of
from sklstm.paper._tutorial import TUTORIAL, Tutorial

__all__ = ["EXPERIMENTS", "TUTORIAL", "Experiment", "Rule", "Study", "StudyTrial", "Tutorial", "settings"]


def settings(name, setting="paper"):
    """Arguments of the estimator for an experiment.

    Parameters
    ----------
    name : str
        Row of a table, for example "6a" or "4-1"; the keys of `EXPERIMENTS`.
    setting : {"paper", "best", "full", "guess"}, default="paper"
        "paper": the paper's numbers taken literally. "best": the best that is known for the same task,
        number of weights and rules. "full": as "paper", with the full gradient. "guess": a small network
        whose weights are drawn until the rule holds. Not every row has the last two.

    Returns
    -------
    dict
        Keyword arguments of `LSTMRegressor`, and of `LSTMClassifier` where the target is a class.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.paper import settings
    >>> clf = LSTMClassifier(**settings("6a"))
    >>> clf.learning_rate, clf.input_gate_bias
    (0.5, [-2.0, -4.0])
    """
    arguments = experiment_of(name).arguments_of(setting)
    for key in ("grow_after", "dtype", "check_every"):
        arguments.pop(key, None)
    return arguments
