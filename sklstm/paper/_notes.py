"""What the page of results says beside the tables: titles, other systems, readings, differences and why."""

TITLES = {
    1: "Experiment 1: embedded Reber grammar",
    2: "Experiments 2a and 2b: long time lags, 100 symbols",
    3: "Experiment 2c: long time lags among distractors",
    4: "Experiment 3a: two-sequence problem, noise-free at the start",
    5: "Experiment 3b: two-sequence problem with noise on all inputs",
    6: "Experiment 3c: two-sequence problem with noisy targets",
    7: "Experiment 4: adding",
    8: "Experiment 5: multiplication",
    9: "Experiment 6: temporal order",
}

# The paper's own figures for the systems that it compares with; those of table 1 it quotes from others.
OTHER_SYSTEMS: dict[int, tuple[list[str], list[list[str]]]] = {
    1: (
        ["system", "hidden units", "weights", "learning rate", "solved", "sequences"],
        [
            ["RTRL (Smith & Zipser)", "3", "about 170", "0.05", "some", "173,000"],
            ["RTRL (Smith & Zipser)", "12", "about 494", "0.1", "some", "25,000"],
            ["Elman net (Cleeremans et al.)", "15", "about 435", "", "0 %", "more than 200,000"],
            ["recurrent cascade-correlation (Fahlman)", "7 to 9", "about 119 to 198", "", "50 %", "182,000"],
        ],
    ),
    2: (
        ["system, task 2a", "delay p", "learning rate", "weights", "solved", "sequences"],
        [
            ["RTRL", "4", "1", "36", "78 %", "1,043,000"],
            ["RTRL", "4", "4", "36", "56 %", "892,000"],
            ["RTRL", "4", "10", "36", "22 %", "254,000"],
            ["RTRL", "10", "1 to 10", "144", "0 %", "more than 5,000,000"],
            ["RTRL", "100", "1 to 10", "10,404", "0 %", "more than 5,000,000"],
            ["BPTT", "100", "1 to 10", "10,404", "0 %", "more than 5,000,000"],
            ["chunker", "100", "1", "10,506", "33 %", "32,400"],
        ],
    ),
}

NOTES: dict[int | str, str] = {
    "introduction": """
# The experiments of 1997

Every table of Hochreiter & Schmidhuber, *Long Short-Term Memory*, Neural Computation 9 (1997) 1735-1780,
with the paper's figures and ours. This page is made by

    {command}

from the records of the trials in `benchmarks/results/paper/`, a JSON line each, which are made, for the
settings paper, best, full and guess, by

    python -m sklstm.paper run all --jobs 2 --setting SETTING --json benchmarks/results/paper/SETTING.jsonl

Trial number i of a row has the seed i; the numbers of trials are the paper's. *Sequences* is the number of
training sequences when the stopping rule first holds: mean ± standard deviation over the trials that were
solved. A trial that is not solved ends at five times the paper's mean or later ("none in" says where).
*Wrong* is the mean number of wrong sequences in a test set of new ones (2560; 256 strings in table 1),
*rms* and *mae* are the root mean square and the mean absolute error of the outputs on it.

Two settings. **paper**: the paper's numbers taken literally, nothing tuned; what the paper leaves open is
read as the notes under the tables say. **best**: the same task, number of weights, stopping and success
rules, and whatever else the library offers: loss, solver, learning rate, initial weights, truncated or full
gradient, order of updates. `sklstm.paper.settings("4-1", "best")` gives the arguments.

Readings that hold for all tables: memory cells squash their input by g, a logistic function with the range
[-2, 2], and their state by h with the range [-1, 1]; the gradient is truncated as in the paper's appendix
A.1; sequences are drawn anew and learned from one by one; ranges of lengths and positions include both ends;
a rule on a test set is looked at after every 100 training sequences, one on recent errors uses the errors
that were made before each sequence was learned from.
""",
    **{number: "TODO" for number in TITLES},
    "full": "TODO",
    "guess": "TODO",
}
