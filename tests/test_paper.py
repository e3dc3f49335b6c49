"""The experiments of 1997: records, rules, trials, the runner."""

import contextlib
import errno
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import sklstm
from children import interruptible
from generated_pages import script_of_pages
from sklstm import LSTMClassifier, LSTMRegressor, _cpu
from sklstm.paper import EXPERIMENTS, Study, StudyTrial, __main__, _records, _study, settings
from sklstm.paper._experiments import OWN, READINGS, SETTINGS, Rule
from sklstm.paper._records import FIELDS, open_to_add, read
from sklstm.paper._rows import KINDS, trial_of
from sklstm.paper._trial import Guess, Trial, network_of
from sklstm.paper._workers import records_of

TABLED = {name: row for name, row in EXPERIMENTS.items() if row.table and row.lstm}
ROWS_OF_TABLES = {1: 5, 2: 2, 3: 9, 4: 3, 5: 3, 6: 2, 7: 3, 8: 2, 9: 2}


def trial(name, setting="paper", seed=0, **changes):
    experiment = EXPERIMENTS[name].of(setting)
    return Trial(experiment, experiment.arguments | changes, seed)


def test_every_row_is_there():
    tables = [row.table for row in TABLED.values()]
    assert {table: tables.count(table) for table in tables} == ROWS_OF_TABLES
    assert len(TABLED) == 31


@pytest.mark.parametrize("setting", ["paper", "best"])
@pytest.mark.parametrize("name", TABLED)
def test_number_of_weights(name, setting):
    row = EXPERIMENTS[name].of(setting)
    assert network_of(row, row.arguments).n_weights == row.n_weights
    assert row.limit >= 5 * row.paper["sequences"]


@pytest.mark.parametrize(
    ("name", "setting", "n_weights"),
    [
        ("1-1", "elman", 435),
        ("1-1", "bptt", 435),
        ("1-6", "rtrl", 170),
        ("1-7", "rtrl", 494),
        ("1-6", "visible", 100),
        ("1-7", "visible", 361),
        ("2a", "bptt", 10404),
        ("2a", "chunker", 10404 + 10506),
        ("2a", "automatizer", 10506 + 203),
        ("2a", "chunker-fast", 10506 + 203),
        ("2a-4", "bptt", 36),
        ("2a-4-4", "rtrl", 36),
        ("2a-4-10", "reading", 36),
        ("2a-4-4", "reading-wide", 36),
        ("2a-10", "rtrl", 144),
        ("2a-10-10", "bptt", 144),
        ("2a", "reading", 10504),
        ("1-1", "reading", 264 - 8 - 4 * 12),
        ("1-5", "reading", 276 - 6 - 6 * 12),
        ("1-4", "reading-full", 264 - 4 * 12),
        ("1-5", "reading-full", 276 - 6 * 12),
        ("2c-1", "reading", 364 - 2 * 6),
        ("3a-1", "reading", 102 - 3 * 9),
        ("6a", "reading", 156 - 4 * 8),
        ("6b", "reading", 308 - 6 * 12),
    ],
)
def test_number_of_weights_of_other_systems(name, setting, n_weights):
    run = trial_of(name, setting, 0)
    run.start()
    if run.experiment.kind == "fast outputs" and run.grow_after:
        run.grow()
    assert run.n_weights == n_weights == run.experiment.n_weights


def test_settings_of_every_row():
    """Each is named, each of the names is used, and limits are not below what the paper printed."""
    used = {setting for row in EXPERIMENTS.values() for setting in row.settings}
    assert used == set(SETTINGS)
    for row in EXPERIMENTS.values():
        for setting in row.settings:
            record = row.of(setting)
            assert record.kind in KINDS
            assert record.n_trials > 0
            if setting not in (*OWN, *READINGS):  # those are found within less
                assert record.limit >= record.paper.get("sequences", 0) or record.paper["success"] == 0


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_settings_are_arguments_of_an_estimator(name):
    row = EXPERIMENTS[name]
    for setting in row.settings:
        if row.of(setting).kind not in ("network", "guess"):
            with pytest.raises(ValueError, match=f"paper run {name} --setting {setting}"):
                sklstm.paper.settings(name, setting)
            continue
        reg = LSTMRegressor(**sklstm.paper.settings(name, setting), random_state=0)
        y = np.zeros((1, row.n_outputs))
        reg.partial_fit([np.zeros((1, row.n_inputs))], [y] if reg.return_sequences else y)
        assert reg.n_outputs_ == row.n_outputs


def test_settings_solve_the_shape_of_the_task():
    X, y = sklstm.tasks.make_temporal_order(20, random_state=0)
    clf = LSTMClassifier(**settings("6a"), max_iter=1, random_state=0)
    clf.partial_fit(X, y, classes=["XX", "XY", "YX", "YY"])
    assert clf.n_weights_ == 156


def test_unknown_names():
    with pytest.raises(ValueError, match=r"name must be one of .*'6a'.*, got '7'"):
        settings("7")
    with pytest.raises(ValueError, match=r"setting must be one of .*, got 'good'"):
        settings("6a", "good")
    with pytest.raises(ValueError, match=r"6a has the settings \['paper', .*'reading'\], got 'guess'"):
        settings("6a", "guess")


@pytest.mark.parametrize("name", ["1-1", "2a", "2b", "2c-1", "3b-1", "3c-1", "4-1", "5-1", "6b"])
def test_a_short_trial(name):
    experiment = replace(EXPERIMENTS[name], test_size=100)
    record = Trial(experiment, experiment.arguments, 0).run(limit=400)
    assert record["sequences"] == 400
    assert not record["success"]
    assert record["n_weights"] == EXPERIMENTS[name].n_weights
    assert 0 < record["wrong"] <= record["test_size"]
    assert 0 < record["mse"] < record["mae"] < 1


def test_trials_depend_on_the_seed_alone():
    first, again, other = (trial("6a", seed=seed).run(limit=300) for seed in (0, 0, 1))
    keys = ("wrong", "mse", "mae", "steps")
    assert [first[key] for key in keys] == [again[key] for key in keys]
    assert first["mae"] != other["mae"]


def test_temporal_order_is_solved_by_the_papers_numbers():
    record = trial("6a").run()
    assert record["success"]
    assert record["sequences"] < 100_000
    assert record["wrong"] <= 3
    assert record["mae"] < 0.1


def test_rule_of_recent_errors():
    """ST3 holds for the last 2000 errors, not for fewer, and not with one that is wrong."""
    run = trial("4-1")
    small = np.full((1999, 1), 0.005)
    assert not run.holds(small)
    assert run.holds(small[:1])
    assert not run.holds(np.array([[0.04]]))
    assert not run.holds(small)
    assert run.holds(small[:1])
    assert not run.holds(np.full((2000, 1), 0.011))


def test_guessing_draws_all_weights_until_the_rule_holds():
    row = EXPERIMENTS["3a-1"].of("guess")
    run = Guess(row, row.arguments, 0)
    record = run.run(limit=20)
    assert (record["sequences"], record["success"], record["n_weights"]) == (20, False, 19)
    drawn = run.trainer.weights
    run.learn(1)
    assert np.all(run.trainer.weights != drawn)
    assert 50 < np.abs(drawn).max() <= 100
    assert [len(y) for _, y in run.test_sets()] == [4, 12, 48, 192]
    assert run.test_sets()[0][0] is run.test_sets()[0][0]


def test_both_criteria_of_experiment_3():
    run = trial("3a-1")
    run.start()
    run.sequences = 700
    run.errors = lambda X, y: np.full(y.shape, 0.1)  # none wrong, the mean too large
    assert not run.holds(None)
    assert run.first == 700
    looked_at = []
    run.errors = lambda X, y: looked_at.append(len(y)) or np.full(y.shape, 0.1)
    assert not run.holds(None)
    assert sum(looked_at) == 64  # their sum of errors is enough to say no: 6.4 of at most 2.56
    run.sequences = 900
    run.errors = lambda X, y: np.full(y.shape, 0.001)
    assert run.holds(None)
    assert run.first == 700


def test_a_trial_that_diverges_ends_unsolved():
    record = trial("6a", learning_rate=1e200).run(limit=1000)
    assert (record["success"], record["sequences"]) == (False, 100)


class AlwaysTheFirst:
    """Random numbers that are always the smallest: of a few cases only one is drawn."""

    def integers(self, low, high=None, size=None):
        return np.full(size, 0 if high is None else low)


def test_rule_of_experiment_2a_looks_at_both_sequences():
    """A network that is right on one of the two only does not pass, whatever is drawn."""
    run = trial("2a")
    p = run.experiment.task_arguments["p"]
    run.rng = AlwaysTheFirst()
    for right in ([p - 1], [p], [p - 1, p]):

        def outputs(X, right=right):
            symbols = X.values.indices.reshape(-1, p)
            following = np.hstack([symbols[:, 1:], symbols[:, :1]])
            good = np.isin(symbols[:, :1], right) | (following < p - 1)
            return np.eye(p + 1)[following.ravel()] * good.reshape(-1, 1)

        run.outputs = outputs
        assert run.holds(None) == (len(right) == 2)


@pytest.mark.parametrize("every", [True, False])
def test_both_sequences_of_experiment_2a(every):
    """They are those of the task, and a look takes as many random numbers as one that draws twelve."""
    run, other = trial("2a"), StudyTrial(EXPERIMENTS["2a"], 0, 1)
    run.every = other.every = every
    X, targets = run.both_sequences()
    drawn, drawn_targets = other.draw(12)
    assert X.values.dtype == drawn.values.dtype
    kinds, drawn_kinds = (
        {(x.toarray().tobytes(), y.tobytes()) for x, y in zip(xs, np.split(ys, len(xs)), strict=True)}
        for xs, ys in ((X, targets), (drawn, drawn_targets))
    )
    assert kinds == drawn_kinds
    assert len(kinds) == len(X) == 2
    run.outputs = lambda X: targets
    assert run.holds(None)
    assert run.rng.bit_generator.state == other.rng.bit_generator.state


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_rule_can_miss_one_of_a_few_cases(name):
    """Rules that look at drawn sequences look at so many that a class is missing in none of 1e12 looks."""
    row = EXPERIMENTS[name]
    n_classes = row.n_outputs if row.table == 9 else 2
    n = {"legal symbols": row.test_size, "recent errors": row.rule.window}.get(row.rule.kind, row.rule.n_test)
    assert name.startswith("2a") or n_classes * (1 - 1 / n_classes) ** n < 1e-12


def test_rule_of_legal_symbols():
    run = trial("1-1")
    run.start()
    X, legal = run.strings[0], run.legal[0]
    assert run.wrong_strings(X, legal) > 200
    outputs = np.where(legal.values, 0.6, 0.1)
    outputs[X.offsets[5]] = 0.5  # one step of one string
    run.outputs = lambda X: outputs
    assert run.wrong_strings(X, legal) == 1


def test_growth_keeps_what_was_learned():
    run = trial("2a", grow_after=100)
    run.start()
    run.learn(100)
    X, targets = run.draw(4)
    before = run.network.views(run.trainer.weights)["output"]
    assert run.network.n_blocks == 0
    run.grow()
    assert run.network.n_blocks == 1
    assert run.network.n_weights == 10504
    np.testing.assert_array_equal(run.network.views(run.trainer.weights)["output"][:, 1:], before)
    assert run.errors(X, targets).shape == targets.shape


def test_rules_say_what_they_hold():
    kinds = {row.rule.kind for row in EXPERIMENTS.values()}
    assert kinds == {"legal symbols", "all below", "test set", "recent errors"}
    assert Rule("test set").max_wrong == 1


def test_runner(tmp_path, capsys):
    """Trials are written as they end, and not made again; the table shows them beside the paper's."""
    path = tmp_path / "trials.jsonl"
    command = ["run", "6a", "3a-1", "6a", "--trials", "2", "--limit", "200", "--setting", "paper", "paper"]
    command += ["--jobs", "2", "--json", str(path)]
    assert __main__.main(command) == 0
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [tuple(record) for record in records] == [tuple(FIELDS)] * 4
    assert {(record["experiment"], record["trial"], record["seed"]) for record in records} == {
        ("6a", 0, 0),
        ("6a", 1, 1),
        ("3a-1", 0, 0),
        ("3a-1", 1, 1),
    }
    shown = capsys.readouterr().out
    assert "[4/4]" in shown
    assert "\r" not in shown
    path.write_text(path.read_text() + '{"experiment": "6a", "cut')
    command[command.index("--trials") + 1] = "3"
    command[command.index("--jobs") + 1] = "1"
    __main__.main(command)
    captured = capsys.readouterr()
    assert "4 of 6 trials are in" in captured.out
    assert f"{path}, line 5 is left out: it is not JSON, or not complete" in captured.err
    assert len(read(path)) == 6
    assert __main__.main(["table", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "31,390" in shown
    assert "0 of 3" in shown


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("--jobs", 0, 1), ("--trials", 0, 1), ("--limit", -1, 1), ("--seed", -1, 0)],
)
def test_runner_refuses_numbers_too_small(option, value, least, capsys):
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["run", "6a", option, str(value)])
    assert f"argument {option}: must be at least {least}, got {value}" in capsys.readouterr().err


def workers_left():
    """Processes of the runner; those of joblib, which other tests have left, are not among them."""
    return [process for process in multiprocessing.active_children() if "Loky" not in process.name]


# The first of these trials ends after 9,200 sequences, the others go on for more than 200,000: many seconds.
LONG_JOBS = [("1-4", "paper", seed) for seed in range(16, 24)]
LONG_RUN = "run 1-4 --setting paper --seed 16 --trials 8 --limit 1000000 --json".split()


def test_workers_take_trials_in_order_and_tell_of_each():
    jobs = [("6a", "paper", 3), ("3a-1", "guess", 0), ("3a-1", "guess", 1), ("4-1", "best", 0)]
    with contextlib.closing(records_of(jobs, 1, 100)) as records:
        found = [(record["experiment"], record["setting"], record["seed"]) for record in records]
    assert found == jobs
    assert not workers_left()


@pytest.mark.skipif(os.name != "posix", reason="exit codes of signals")
def test_a_record_comes_when_its_trial_ends_and_a_worker_that_is_killed_is_named():
    records = records_of(LONG_JOBS, 1, 10**5)
    assert next(records)["seed"] == 16
    (worker,) = workers_left()
    worker.kill()
    with pytest.raises(SystemExit, match=r"process of 1-4, .* ended with exit code -9"):
        next(records)


def test_a_worker_that_fails_is_named_and_the_others_end(capfd):
    records = records_of([LONG_JOBS[1], ("6a", "paper", -1)], 2, 10**5)
    with pytest.raises(SystemExit, match=r"of 6a, setting 'paper', seed -1 ended with exit code 1"):
        list(records)
    assert "ValueError: expected non-negative integer" in capfd.readouterr().err
    assert not workers_left()


@pytest.fixture
def start():
    """Start the runner in a session of its own, of which no process is left in the end."""
    if os.name != "posix":
        pytest.skip("sessions and signals")
    started = []

    def start(*arguments, **options):
        process = subprocess.Popen(
            interruptible([sys.executable, "-P", "-m", "sklstm.paper", *map(str, arguments)]),
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_workers_and_the_lock_end_with_a_runner_that_is_killed(start, tmp_path):
    """stdout ends when every process that has it is gone; the next run finds the lock free at once."""
    path = tmp_path / "trials.jsonl"
    killed = start(*LONG_RUN, path)
    assert "[1/8] 1-4       paper        seed 16 " in killed.stdout.readline()
    with pytest.raises(SystemExit, match=r"trials.jsonl: another run writes to this file\. Wait"):
        open_to_add(path)
    killed.kill()
    killed.wait()
    open_to_add(path).close()
    killed.communicate(timeout=60)
    again = start(*LONG_RUN, path)
    assert again.stdout.readline() == f"1 of 8 trials are in {path} already\n"
    time.sleep(0.5)  # the worker imports
    os.killpg(again.pid, signal.SIGINT)
    assert again.communicate(timeout=60)[0].splitlines() == [
        "",
        f"Stopped. The trials that ended are in {path}; the same command continues.",
    ]
    assert again.returncode == 130


def test_ctrl_c_within_a_group(start, tmp_path):
    """A terminal sends it to all processes of the group."""
    path = tmp_path / "trials.jsonl"
    run = start(*LONG_RUN, path)
    run.stdout.readline()
    os.killpg(run.pid, signal.SIGINT)
    assert run.communicate(timeout=60)[0].splitlines()[1].startswith("Stopped. The trials that ended are in")
    assert run.returncode == 130
    assert [record["seed"] for record in read(path)] == [16]


@pytest.mark.parametrize("command", ["list", "table", "run"])
def test_closed_pipe(command, start, tmp_path):
    """As with `| head -1`: no traceback, no process left, and what was made is kept."""
    path = tmp_path / "trials.jsonl"
    run = "6a 4-1 --trials 2 --limit 100 --setting paper --json".split()
    arguments = {"list": [], "table": [path], "run": [*run, path]}[command]
    if command != "run":
        path.write_text(json.dumps(record_of("6a", "paper", 0)))
    reader, writer = os.pipe()
    os.close(reader)
    process = start(command, *arguments, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 1
    assert len(read(path)) == 1


def test_a_file_is_written_by_one_run(tmp_path, capsys):
    path = tmp_path / "trials.jsonl"
    with open_to_add(path), pytest.raises(SystemExit, match=r"trials.jsonl: another run writes to this file"):
        __main__.main(["run", "6a", "--trials", "1", "--limit", "100", "--json", str(path)])
    open_to_add(path).close()
    with pytest.raises(SystemExit, match=r"--json .*none.*jsonl: No such file or directory\."):
        __main__.main(["run", "6a", "--json", str(tmp_path / "none" / "trials.jsonl")])
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_locked(tmp_path, monkeypatch, capsys):
    fcntl = pytest.importorskip("fcntl")

    def flock(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with open_to_add(tmp_path / "trials.jsonl") as file:
        file.write("{}\n")
    assert "cannot be locked (No locks available); let no other run write to it" in capsys.readouterr().err
    assert (tmp_path / "trials.jsonl").read_text() == "{}\n"


def test_lock_on_windows(tmp_path, monkeypatch):
    """A byte beyond the end is locked, as no other process can read one that is; lines go to the end."""
    locked = []

    def locking(fd, mode, n_bytes):
        at = os.lseek(fd, 0, os.SEEK_CUR)
        if (mode, n_bytes, at) in locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        locked.append((mode, n_bytes, at))

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    monkeypatch.setattr(_records, "sys", SimpleNamespace(platform="win32", stderr=sys.stderr))
    path = tmp_path / "trials.jsonl"
    path.write_text("{}\n{")
    with open_to_add(path) as file:
        file.write("{}\n")
        with pytest.raises(SystemExit, match="another run writes to this file"):
            open_to_add(path)
    assert path.read_text() == "{}\n{\n{}\n"
    assert locked == [(2, 1, 2**30)]


DAMAGED = {
    b'{"experiment": "6a", "cut': "it is not JSON, or not complete",
    b"null": "it is JSON, but not a record",
    b"[]": "it is JSON, but not a record",
    b'"6a"': "it is JSON, but not a record",
    b"1e5": "it is JSON, but not a record",
    b"{}": "the record has no 'experiment'",
    b"\0\0\0\0": "it is not JSON, or not complete",
    b"{\0}\0": "it is not JSON, or not complete",
    b'{"experiment": "\xe9"}': "it is not UTF-8",
    b"\xff\xfe{\0}\0": "it is not UTF-8",
    b"[" * 100_000: "it is not JSON, or not complete",
    b"1" * 10_000: "it is not JSON, or not complete",
}
CHANGED = {
    "setting": ("good", "no setting is named 'good'"),
    "experiment": ("7", "no experiment is named '7'"),
    "seed": (True, "'seed' of the record is True"),
    "sequences": (None, "'sequences' of the record is None"),
    "success": (1, "'success' of the record is 1"),
    "mse": ("0.1", "'mse' of the record is '0.1'"),
    "first": ([1], r"'first' of the record is [1]"),
}


def damaged_lines():
    """Lines that hold no record, and why not."""
    record = record_of("6a", "paper", 0)
    yield from DAMAGED.items()
    for field in FIELDS:
        missing = {name: value for name, value in record.items() if name != field}
        yield json.dumps(missing).encode(), f"the record has no '{field}'"
    for field, (value, why) in CHANGED.items():
        yield json.dumps(record | {field: value}).encode(), why
    yield json.dumps(record).encode()[:-9], "it is not JSON, or not complete"


def test_damaged_lines_are_named_and_left_out(tmp_path, capsys):
    path = tmp_path / "trials.jsonl"
    whole = [json.dumps(record_of("6a", "paper", seed)).encode() for seed in range(3)]
    damaged = dict(damaged_lines())
    path.write_bytes(b"\n".join([whole[0], b"", *damaged, whole[1] + b"\r", whole[2]]))
    assert read(path) == read(tmp_path) == [record_of("6a", "paper", seed) for seed in range(3)]
    named = [f"{path}, line {line} is left out: {why}." for line, why in enumerate(damaged.values(), 3)]
    assert capsys.readouterr().err.splitlines() == 2 * named
    assert __main__.main(["table", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines() == named
    assert "3 of 3" in captured.out


def test_doubles_are_left_out(tmp_path, capsys):
    """Of one file or of several in a folder, the first counts, and all are named once."""
    records = [record_of("6a", setting, seed) for setting in ("paper", "best") for seed in range(2)]
    other = record_of("6a", "paper", 1, sequences=5, success=False)
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, [*records, other, records[0]])))
    assert read(tmp_path / "a.jsonl") == records
    message = "2 duplicates of a row, setting and seed are left out."
    assert capsys.readouterr().err == f"{tmp_path / 'a.jsonl'}: {message}\n"
    (tmp_path / "b.jsonl").write_text(json.dumps(other))
    assert __main__.main(["table", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"{tmp_path}: {message.replace('2', '3')}\n"
    assert captured.out.count("2 of 2") == 2


def test_list(capsys):
    assert not __main__.main(["list"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in EXPERIMENTS)


class Adder:
    """Stands for an estimator of the adding problem: all its outputs are wrong by `error`."""

    return_sequences, weights_, n_weights = False, None, 0

    def __init__(self, error):
        self.error, self.network_, self.learned = error, self, 0

    def forward(self, weights, X):
        sums = [x[x[:, 1] == 1, 0].sum() for x in X]
        return 0.5 + np.array(sums)[:, np.newaxis] / 4 + self.error

    def partial_fit(self, X, y):
        self.learned += len(y)


@pytest.mark.parametrize(("error", "success", "sequences"), [(0.005, True, 2100), (0.02, False, 3000)])
def test_study_ends_by_the_rule_or_the_limit(error, success, sequences, capsys):
    """The errors of the first block count as 1, so that the rule of 2000 errors can hold after 2100."""
    study = Study("4-1", n_trials=2, limit=3000, seed=5)
    for trial in study:
        estimator = Adder(error)
        for X, y in trial.blocks(estimator):
            estimator.partial_fit(X, y)
        assert estimator.learned == trial.sequences == sequences
        assert len(trial.curve) == sequences / 100 - 1
        np.testing.assert_allclose(np.array(trial.curve)[:, 1:], error, rtol=1e-9, atol=0)
    assert [result["seed"] for result in study.results] == [5, 6]
    for result in study.results:
        assert (result["success"], result["sequences"], result["wrong"]) == (success, sequences, 0)
        assert result["mae"] == pytest.approx(error)
        assert result["mse"] == pytest.approx(error**2)
    study.report()
    shown = capsys.readouterr().out
    assert f"{2 * success} of 2" in shown
    assert ("none was solved" in shown) is not success
    assert "74,000" in shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stdout", "lines"), [(io.StringIO, 3), (Terminal, 30)])
def test_progress_of_a_study(stdout, lines, monkeypatch):
    """30 blocks in 210 s: written over after each in a terminal; elsewhere a line a minute that stays."""
    estimator = Adder(0.02)
    clock = SimpleNamespace(perf_counter=lambda: estimator.learned * 0.07, thread_time=lambda: 0.0)
    monkeypatch.setattr(_study, "time", clock)
    monkeypatch.setattr(sys, "stdout", stdout())
    for trial in Study("4-1", n_trials=1, limit=3000):
        for X, y in trial.blocks(estimator):
            estimator.partial_fit(X, y)
    shown = sys.stdout.getvalue()
    assert shown.count(" of at most 3,000 sequences, mean error ") == lines
    if stdout is Terminal:
        assert shown.count("\r") == lines
    else:
        assert "\r" not in shown
        assert [line for line in shown.splitlines() if line != line.rstrip()] == []


def test_study_with_an_estimator():
    study = Study("6a", n_trials=1)
    for trial in study:
        clf = LSTMClassifier(**settings("6a"), random_state=trial.seed)
        for X, y in trial.blocks(clf):
            clf.partial_fit(X, y, classes=["XX", "XY", "YX", "YY"])
    (result,) = study.results
    assert result["success"]
    assert result["sequences"] < 100_000
    assert result["wrong"] <= 3
    assert clf.score(X, y) == 1


@pytest.mark.parametrize("name", ["1-5", "2b", "2c-1", "3c-1", "5-1"])
def test_study_gives_what_estimators_take(name):
    for trial in Study(name, n_trials=1, limit=40):
        reg = LSTMRegressor(**settings(name, "best"), random_state=0)
        for X, y in trial.blocks(reg, n=20):
            assert len(X) == len(y) == 20
            reg.partial_fit(X, y)
    assert reg.n_weights_ == EXPERIMENTS[name].n_weights
    assert trial.sequences == 40


def test_study_from_the_command_line(monkeypatch):
    def study(*arguments):
        monkeypatch.setattr("sys.argv", ["script", *arguments])
        return Study.from_command_line("4-1", "4-2", n_trials=3)

    plain, other = study(), study("--row", "4-2", "--full", "--limit", "500", "--seed", "7")
    assert (plain.experiment.name, plain.n_trials, plain.limit, plain.seed) == ("4-1", 3, 370_000, 0)
    assert (other.experiment.name, other.n_trials, other.limit, other.seed) == ("4-2", 10, 500, 7)
    assert study("--trials", "2").n_trials == 2
    with pytest.raises(SystemExit):
        study("--row", "6a")


def test_study_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"name must be one of .*'6a'.*, got '7'"):
        Study("7")
    with pytest.raises(ValueError, match="n_trials must be at least 1, got 0"):
        Study("6a", 0)
    with pytest.raises(ValueError, match="limit must be at least 1, got -5"):
        Study("6a", limit=-5)
    with pytest.raises(ValueError, match="No trial has ended yet: iterate over the study first"):
        Study("6a").report()


@pytest.fixture(scope="module")
def page():
    """The program that makes the page of results."""
    return script_of_pages("paper_page")


def record_of(name, setting, seed, **changes):
    row = EXPERIMENTS[name]
    plain = {"success": True, "sequences": 1000 * (seed + 1), "first": 500, "n_weights": row.n_weights}
    plain |= {"wrong": 2, "test_size": row.test_size, "mse": 0.0004, "mae": 0.01, "seconds": 3600}
    plain |= {"steps": 10**9, "ns_per_step": 120.0}
    return plain | {"experiment": name, "setting": setting, "trial": seed, "seed": seed} | changes


def test_page_of_results(page, tmp_path):
    records = [record_of("3a-1", "paper", seed) for seed in range(3)]
    records += [record_of("3a-1", "full", seed, success=seed > 0) for seed in range(3)]
    records += [record_of("3a-1", "guess", 0, sequences=1247), record_of("4-1", "best", 0, success=False)]
    template = (page.HERE / "paper_page.md").read_text()
    text = page.page(template, records)
    assert "{{" not in text
    assert "| 3a-1 | N = 3, T = 100 | 102 | 100 % | 39,850 | 0.50 | 3 of 3 | 2,000 ± 1,000 | 2.00 |" in text
    assert "| 3a-1 | 27,380 | 500 ± 0 |" in text
    assert "| 3a-1 | 3 of 3 | 2,000 ± 1,000 | 2 of 3 | 2,500 ± 707 |" in text
    assert "| 0 of 1 | none in 1,000 |" in text
    assert "1,247" in text
    assert "| paper | 3 | 3.0 | 0.10 | 3.00 | 1.50 |" in text
    assert "| RTRL | `1-7 rtrl` | 12 | 494 | 0.1 | some | 25,000 | not run | 125,000 |  |" in text
    page.figures(records, tmp_path)
    assert (tmp_path / "lag.png").stat().st_size > 10_000


def test_page_shows_other_systems_readings_and_limits(page):
    records = [record_of("2a-4", "bptt", seed, success=seed < 1, n_weights=36) for seed in range(2)]
    records += [record_of("1-1", "cascade", seed, n_weights=200 + 10 * seed) for seed in range(2)]
    records += [record_of("2c-1", "paper", 0, success=False), record_of("2c-1", "reading", 0, n_weights=352)]
    records += [record_of("2a-4", "rtrl", 0, success=False), record_of("2a-4", "reading", 1)]
    records += [record_of("xor", "full", 0, success=False)]
    text = page.page((page.HERE / "paper_page.md").read_text(), records)
    for line in (
        "| BPTT | `2a-4 bptt` | 4 | 36 | 1 | 78 % | 1,043,000 | 1 of 2 | 2,000,000 | 1,000 |",
        "| BPTT | `2a bptt` | 100 | 10,404 | 1 | 0 % | >5,000,000 | not run | 50,000 |  |",
        "| transition hierarchies | `2a hierarchy` | 100 |  | 0.0099 |  |  | not run | 20,000 |  |",
        "`1-1 cascade` | at most 15 | 200 to 210 |  | 50 % | 182,000 | 2 of 2 | 1,000,000 | 1,500 ± 707 |",
        "| 2c-1 | reading | 100 % | 30,000 | 0 of 1 | 150,000 | none in 1,000 | 1 of 1 | 150,000 | 1,000 |",
        "| 2a-4 | reading | 78 % | 1,043,000 | 0 of 1 | 2,000,000 | none in 1,000 | 1 of 1 | 5,000,000 | 2,0",
        "| xor | make_delayed_xor |  | full | 93 | 0 of 1 | 100,000 | none in 1,000 |",
        "| parity | make_parity |  | paper | 103 | not run | 100,000 |  |",
    ):
        assert line in text


def test_page_in_the_docs_is_that_of_the_records(page):
    committed = page.ROOT / "docs" / "paper" / "index.md"
    records = page.read(page.RESULTS / "paper")
    assert committed.read_text() == page.page((page.HERE / "paper_page.md").read_text(), records)


@pytest.mark.parametrize(("row", "sequences"), [("6a", 24_800), ("6b", 35_000)])
@pytest.mark.skipif(not _cpu.core(np.float64).FUSES, reason="the records are of processors with fma")
def test_the_first_trial_of_best_gives_its_record(row, sequences):
    record = sklstm.paper.run_trial(row, "best", seed=0)
    assert (record["success"], record["sequences"], record["wrong"]) == (True, sequences, 0)
