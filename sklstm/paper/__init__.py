"""The experiments of Hochreiter & Schmidhuber (1997), every row of every table, and of the tutorial of 2003.

``python -m sklstm.paper list`` shows them, ``python -m sklstm.paper run 6a`` makes the trials of one.
"""

from sklstm.paper._experiments import EXPERIMENTS, Experiment, Rule
from sklstm.paper._rows import trial_of
from sklstm.paper._study import Study, StudyTrial, experiment_of
from sklstm.paper._tutorial import TUTORIAL, Tutorial

__all__ = [
    "EXPERIMENTS",
    "TUTORIAL",
    "Experiment",
    "Rule",
    "Study",
    "StudyTrial",
    "Tutorial",
    "run_trial",
    "settings",
]


def settings(name, setting="paper"):
    """Arguments of the estimator for an experiment.

    Parameters
    ----------
    name : str
        Row of a table, for example "6a" or "4-1"; the keys of `EXPERIMENTS`.
    setting : {"paper", "best", "full", "guess", "elman", "bptt", "reading", "reading-full", \
            "reading-wide"}, default="paper"
        "paper": the paper's numbers taken literally. "best": the best that is known for the same task,
        number of weights and rules. "full": as "paper", with the full gradient. "guess": a small network
        whose weights are drawn until the rule holds. "elman", "bptt": the conventional networks that LSTM
        was compared with. "reading", "reading-full", "reading-wide": what the paper does not say, chosen so
        that its figures come back; the second with the full gradient, the third for nets that LSTM is
        compared with, from larger initial weights. A row has those that its record names in
        ``EXPERIMENTS[name].settings``; the others are systems that are no network of this library, which
        ``python -m sklstm.paper run`` knows.

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
    experiment = experiment_of(name).of(setting)
    if experiment.kind not in ("network", "guess"):
        raise ValueError(
            f"{name} in the setting {setting!r} has no arguments of an estimator: "
            f"`python -m sklstm.paper run {name} --setting {setting}` makes its trials."
        )
    arguments = dict(experiment.arguments)
    for key in ("grow_after", "dtype", "check_every"):
        arguments.pop(key, None)
    return arguments


def run_trial(name, setting="paper", *, seed=0, limit=None):
    """Make one trial of an experiment, in any setting that it has.

    Parameters
    ----------
    name : str
        Row of a table, as of `settings`.
    setting : str, default="paper"
        One of ``EXPERIMENTS[name].settings``: those of `settings`, and "rtrl" (real-time recurrent learning),
        "visible" (the same, its outputs set to the symbol that comes), "cascade" and "cascade-patient"
        (recurrent cascade-correlation), "chunker", "automatizer" and "chunker-fast" (the neural sequence
        chunker, judged by both of its nets, by one, or with fast outputs), "hierarchy" (temporal transition
        hierarchies).
    seed : int, default=0
    limit : int or None, default=None
        Training sequences at most; None: those of the row in this setting.

    Returns
    -------
    dict
        "success", "sequences", "n_weights", on the test set "wrong", "mse" and "mae", "seconds" and others:
        the record that ``python -m sklstm.paper run`` writes.

    Raises
    ------
    ValueError
        If there is no such row, or it has no such setting.

    Examples
    --------
    >>> from sklstm.paper import run_trial
    >>> record = run_trial("2a-4", "hierarchy")
    >>> record["success"], record["sequences"]
    (True, 100)
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit!r}.")
    experiment_of(name)  # or an error that names the rows
    return trial_of(name, setting, seed).run(limit) | {"setting": setting}
