"""Trials of an experiment with an estimator of the caller: data, the paper's rule, the paper's row."""

import argparse
import sys
import time
from typing import Any

import numpy as np

from sklstm.paper._experiments import EXPERIMENTS
from sklstm.paper._results import sequences_of_1997, success_of_1997, wrong_of_1997
from sklstm.paper._trial import Trial


def _to_terminal():
    """Whether stdout is a terminal, where a line can be overwritten, and not a file or a pipe."""
    return sys.stdout is not None and sys.stdout.isatty()


def experiment_of(name):
    """Record of an experiment."""
    if name not in EXPERIMENTS:
        raise ValueError(f"name must be one of {list(EXPERIMENTS)}, got {name!r}.")
    return EXPERIMENTS[name]


class StudyTrial(Trial):
    """One trial of a `Study`: new sequences for an estimator until the paper's rule holds.

    Attributes
    ----------
    name : str
        Row of the paper's table.
    seed : int
        Seed of the trial, for the estimator's `random_state`.
    sequences : int
        Number of training sequences so far.
    success : bool
        Whether the paper's rule holds.
    curve : list of tuple
        For each block of sequences except the first: the number of sequences before it, and the mean and the
        largest absolute error of the outputs on the block before learning from it.
    """

    estimator: Any = None

    def __init__(self, experiment, seed, limit):
        super().__init__(experiment, experiment.arguments, seed)
        self.name, self.limit = experiment.name, limit
        self.curve = []

    def set_up(self):
        """Do nothing: the network is that of the estimator."""

    def blocks(self, estimator, n=100):
        """Draw blocks of new sequences until the rule holds, or the limit of the study is reached.

        Before a block is yielded, the errors of the estimator on it are computed, for the rules of
        Experiments 4 to 6; those of the first block, before anything is learned, count as 1. After the block,
        the rule is checked. The embedded Reber grammar has a fixed training set, from which blocks are drawn.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
            Estimator that the caller trains on each block, by `partial_fit`.
        n : int, default=100
            Number of sequences in a block.

        Yields
        ------
        X : Sequences
        y : ndarray or Sequences
            As returned by the function of `sklstm.tasks`.
        """
        self.estimator, self.every = estimator, estimator.return_sequences
        start = shown = time.perf_counter()
        between, end = (0.5, "   \r") if _to_terminal() else (60.0, "\n")  # seconds, and how a line ends
        while not self.success and self.sequences < self.limit:
            X, y = self.new_sequences(n)
            targets = self.rows(y)
            errors = np.ones(targets.shape)
            if self.sequences:
                errors = self.errors(X, targets)
                self.curve.append((self.sequences, errors.mean(), errors.max()))
            begun = time.thread_time()
            yield X, y
            self.learning += time.thread_time() - begun
            self.network = estimator.network_
            self.sequences += n
            self.steps += X.n_steps
            self.success = bool(self.holds(errors))
            if time.perf_counter() > shown + between:
                shown = time.perf_counter()
                print(
                    f"seed {self.seed}: {self.sequences:,} of at most {self.limit:,} sequences, mean error "
                    f"{errors.mean():.4f}, largest {errors.max():.2f}, {shown - start:.0f} s",
                    end=end,
                    flush=True,
                )
        self.seconds = time.perf_counter() - start

    def outputs(self, X):
        """Activations of the estimator's output units, one row per sequence or per step."""
        outputs = self.estimator.network_.forward(self.estimator.weights_, X)
        return np.concatenate(outputs) if self.every else outputs


class Study:
    """Trials of one experiment of 1997 with an estimator, compared with the row of the paper.

    Iteration yields one `StudyTrial` per trial, and prints a line when it has ended; `report` prints the row
    of the paper and that of the trials. `python -m sklstm.paper` runs trials without an estimator, in
    parallel.

    Parameters
    ----------
    name : str
        Row of a table, for example "6a" or "4-1"; the keys of `EXPERIMENTS`.
    n_trials : int or None, default=None
        Number of trials; None: that of the paper.
    seed : int, default=0
        Seed of the first trial; those of the next trials follow.
    limit : int or None, default=None
        Largest number of training sequences of a trial; None: that of the record, which is at least five
        times the paper's mean.

    Attributes
    ----------
    experiment : Experiment
        The record of the row.
    results : list of dict
        Record of each trial that has ended, with the fields of `python -m sklstm.paper`: "seed", "success",
        "sequences", "n_weights", "wrong", "mse" and "mae" on the test set, "seconds" and others.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.paper import Study, settings
    >>> study = Study("6a", n_trials=1, limit=200)
    >>> for trial in study:  # doctest: +ELLIPSIS
    ...     clf = LSTMClassifier(**settings("6a"), random_state=trial.seed)
    ...     for X, y in trial.blocks(clf):
    ...         _ = clf.partial_fit(X, y, classes=["XX", "XY", "YX", "YY"])
    seed ...
    >>> study.report()  # doctest: +ELLIPSIS
    <BLANKLINE>
    6a        solved  sequences, mean   spread  wrong of 2560  rms error
    1997       100 %           31,390 ...
    """

    def __init__(self, name, n_trials=None, *, seed=0, limit=None):
        self.experiment = experiment_of(name)
        self.n_trials = self.experiment.n_trials if n_trials is None else n_trials
        self.seed = seed
        self.limit = self.experiment.limit if limit is None else limit
        for argument, value in {"n_trials": self.n_trials, "limit": self.limit}.items():
            if value < 1:
                raise ValueError(f"{argument} must be at least 1, got {value!r}.")
        self.results = []

    @classmethod
    def from_command_line(cls, *names, n_trials, description=None):
        """Make the study that the command line of a script asks for.

        Parameters
        ----------
        *names : str
            Rows that ``--row`` can select; the first one is the default.
        n_trials : int
            Number of trials by default; ``--trials N`` changes it, ``--full`` is the number of the paper.
        description : str or None, default=None
            First text of ``--help``.

        Returns
        -------
        Study
        """
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--row", choices=names, default=names[0], help="row of the paper's table")
        parser.add_argument(
            "--trials", type=int, default=n_trials, help=f"number of trials, by default {n_trials}"
        )
        parser.add_argument("--full", action="store_true", help="run as many trials as the paper")
        parser.add_argument("--limit", type=int, help="largest number of training sequences of a trial")
        parser.add_argument("--seed", type=int, default=0, help="seed of the first trial")
        options = parser.parse_args()
        n_trials = None if options.full else options.trials
        return cls(options.row, n_trials, seed=options.seed, limit=options.limit)

    def __iter__(self):
        experiment = self.experiment
        print(f"{'seed':>4} {'solved':>7} {'sequences':>10} {f'wrong of {experiment.test_size}':>14}", end="")
        print(f" {'mean |error|':>13} {'seconds':>8}")
        for seed in range(self.seed, self.seed + self.n_trials):
            trial = StudyTrial(experiment, seed, self.limit)
            yield trial
            result = trial.result()
            self.results.append(result)
            over = 20 * " " if _to_terminal() else ""  # overwrites the rest of a longer line
            print(
                f"{seed:4d} {'yes' if trial.success else 'no':>7} {trial.sequences:10,d} "
                f"{result['wrong']:14d} {result['mae']:13.4f} {trial.seconds:8.1f}{over}"
            )

    def report(self):
        """Print the row of the paper and that of the trials: means and spread over the solved trials."""
        experiment, solved = self.experiment, [result for result in self.results if result["success"]]
        counted = solved or self.results
        if not counted:
            raise ValueError("No trial has ended yet: iterate over the study first.")
        sequences, wrong, mse = (
            np.array([result[key] for result in counted]) for key in ("sequences", "wrong", "mse")
        )
        share = f"{len(solved)} of {len(self.results)}"
        print(f"\n{experiment.name:6}{'solved':>10} {'sequences, mean':>16} {'spread':>8}", end="")
        print(f" {f'wrong of {experiment.test_size}':>14} {'rms error':>10}")
        if experiment.paper:
            print(f"{'1997':6}{success_of_1997(experiment):>10} {sequences_of_1997(experiment):>16}", end="")
            print(f" {'':8} {wrong_of_1997(experiment):>14} {experiment.paper.get('rmse') or '':>10}")
        print(f"{'here':6}{share:>10} {sequences.mean():16,.0f} {sequences.std():8,.0f}", end="")
        print(f" {wrong.mean():14.2f} {np.sqrt(mse).mean():10.4f}")
        if not solved:
            print(f"none was solved: the numbers are those at the end, after {self.limit:,} sequences")
