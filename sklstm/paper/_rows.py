"""All rows that the runner knows: the tables of 1997, and the experiments of the tutorial of 2003."""

from typing import Any

from sklstm.paper._experiments import EXPERIMENTS
from sklstm.paper._trial import Guess, Trial
from sklstm.paper._tutorial import TUTORIAL
from sklstm.paper._tutorial_trials import KINDS

ROWS: dict[str, Any] = EXPERIMENTS | TUTORIAL


def trial_of(name, setting, seed):
    """Make a trial of a row."""
    row = ROWS[name]
    if name in TUTORIAL:
        return KINDS[row.trial](row, row.arguments_of(setting), seed)
    kind = Guess if setting == "guess" else Trial
    return kind(row, row.arguments_of(setting), seed)
