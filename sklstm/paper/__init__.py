"""The experiments of Hochreiter & Schmidhuber (1997), every row of every table, and of the tutorial of 2003.

``python -m sklstm.paper list`` lists them, ``python -m sklstm.paper run 6a`` runs the trials of one of them.
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
        "paper": the paper's numbers, taken literally. "best": the best known arguments for the same task,
        number of weights and rules. "full": the setting "paper" with the full gradient. "guess": a small
        network whose weights are drawn until the rule holds. "elman", "bptt": the conventional networks
        that LSTM was compared with. "reading": details that the paper does not give are chosen so that its
        figures are reproduced; "reading-full" is the same with the full gradient; "reading-wide" has larger
        initial weights, for networks that LSTM is compared with. ``EXPERIMENTS[name].settings`` lists the
        settings of a row. It includes systems that are not networks of this library; they have no
        arguments, and `run_trial` runs them.

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
            f"`python -m sklstm.paper run {name} --setting {setting}` runs its trials."
        )
    arguments = dict(experiment.arguments)
    for key in ("grow_after", "dtype", "check_every"):
        arguments.pop(key, None)
    return arguments


def run_trial(name, setting="paper", *, seed=0, limit=None):
    """Run one trial of an experiment, in any of its settings.

    Parameters
    ----------
    name : str
        Row of a table, as in `settings`.
    setting : str, default="paper"
        One of ``EXPERIMENTS[name].settings``: those of `settings`, and "rtrl" (real-time recurrent learning),
        "visible" (the same, with the outputs set to the last symbol), "cascade" and "cascade-patient"
        (recurrent cascade-correlation), "chunker", "automatizer" and "chunker-fast" (the neural sequence
        chunker, with a rule for both of its networks, with a rule for one of them, or with outputs that learn
        faster), and "hierarchy" (temporal transition hierarchies).
    seed : int, default=0
        Seed of the trial.
    limit : int or None, default=None
        Largest number of training sequences; None: that of the row in this setting.

    Returns
    -------
    dict
        The record that ``python -m sklstm.paper run`` writes: "success", "sequences", "n_weights", "wrong",
        "mse" and "mae" on the test set, "seconds" and others.

    Raises
    ------
    ValueError
        If there is no such row, or the row does not have this setting.

    Examples
    --------
    >>> from sklstm.paper import run_trial
    >>> record = run_trial("2a-4", "hierarchy")
    >>> record["success"], record["sequences"]
    (True, 100)
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit!r}.")
    experiment_of(name)  # raises an error that lists the rows
    return trial_of(name, setting, seed).run(limit) | {"setting": setting}
