"""All rows of the runner: those of the tables of 1997, and the experiments of the tutorial of 2003."""

from typing import Any

from sklstm.paper._experiments import EXPERIMENTS
from sklstm.paper._rivals import Cascade, Chunker, Hierarchy, RealTime
from sklstm.paper._trial import FastOutputs, Guess, Trial
from sklstm.paper._tutorial import TUTORIAL
from sklstm.paper._tutorial_trials import KINDS as OF_TUTORIAL

ROWS: dict[str, Any] = EXPERIMENTS | TUTORIAL
KINDS = {
    "network": Trial,
    "guess": Guess,
    "fast outputs": FastOutputs,
    "real time": RealTime,
    "cascade": Cascade,
    "chunker": Chunker,
    "hierarchy": Hierarchy,
}


def row_in(name, setting):
    """Record of a row in a setting."""
    return TUTORIAL[name] if name in TUTORIAL else EXPERIMENTS[name].of(setting)


def trial_of(name, setting, seed):
    """Make a trial of a row."""
    row = row_in(name, setting)
    if name in TUTORIAL:
        arguments = row.arguments_of(setting)
        return OF_TUTORIAL[arguments.get("trial", row.trial)](row, arguments, seed)
    return trial_of_1997(row, seed)


def trial_of_1997(row, seed):
    """Make a trial of a record of `Experiment.of`."""
    return KINDS[row.kind](row, row.arguments, seed)
