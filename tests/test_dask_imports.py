"""What workers and the scheduler cannot import or unpickle is named: the fit would wait for ever."""

import importlib
import os
import subprocess
import sys
import threading
import types
from contextlib import contextmanager
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

import dask_cases
import sklstm.dask
from dask_cases import SMALL, classifier, cluster, dask, delayed, distributed, labelled

pytestmark = dask_cases.MARKS

MODULE = """
from sklstm import LSTMClassifier
from dask_cases import labelled


class Loader:
    def load(self, i):
        return labelled(i)


class Classifier(LSTMClassifier):
    pass


def load(i):
    return labelled(i)
"""
UNKNOWN = {
    "function": (lambda module: delayed(module.load, range(2)), "Partition 0, 'load',"),
    "method": (lambda module: delayed(module.Loader().load, range(2)), "Partition 0, 'load',"),
    "one of them": (
        lambda module: [*delayed(labelled, [0]), *delayed(module.load, [1])],
        "Partition 1, 'load',",
    ),
    "argument": (
        lambda module: [dask.delayed(lambda loader: loader.load(0))(module.Loader(), dask_key_name="read-0")],
        "Partition 0, 'read',",
    ),
}


@pytest.fixture
def at_client(tmp_path, monkeypatch):
    """A module that this process alone can import, and its file."""
    name = f"loaders_{tmp_path.name}".replace("-", "_")
    path = tmp_path / f"{name}.py"
    path.write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name), path
    sys.modules.pop(name, None)


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_workers_cannot_import_is_named(client, at_client, name):
    """They would leave the cluster, and the fit would wait for ever."""
    client.wait_for_workers(2, timeout=60)
    make, words = UNKNOWN[name]
    module, path = at_client
    parts = make(module)
    expected = rf"No module named '{path.stem}'.*client\.upload_file\('module\.py'\).*__main__"
    with pytest.raises(RuntimeError, match=f"{words} cannot be unpickled by a worker .*{expected}"):
        sklstm.dask.fit(classifier(), parts, client=client)
    held = f"{words} cannot".replace(",", " of validation,", 1)
    with pytest.raises(RuntimeError, match=f"{held} be unpickled .*{expected}"):
        sklstm.dask.fit(classifier(), delayed(labelled, range(2)), validation=parts, client=client)
    assert len(client.nthreads()) == 2


def test_an_estimator_that_workers_cannot_import_is_named(one_process, at_client):
    """After the file of its module has been sent, as the message says, it learns."""
    module, path = at_client
    parts = delayed(labelled, range(2))
    with pytest.raises(RuntimeError, match=f"The estimator cannot be unpickled by a worker .*'{path.stem}'"):
        sklstm.dask.fit(module.Classifier(**SMALL), parts, client=one_process)
    one_process.upload_file(str(path))  # it is imported again here, where the scheduler is
    parts = delayed(module.load, range(2))
    got = sklstm.dask.fit(module.Classifier(**SMALL), parts, client=one_process)
    assert type(got) is module.Classifier
    assert got.n_iter_ == SMALL["max_iter"]


def test_functions_of_a_script_are_sent_as_they_are(client):
    """What `__main__` defines, and functions within functions."""
    client.wait_for_workers(2, timeout=60)
    script = types.ModuleType("__main__")
    exec("def load(i):\n    from dask_cases import labelled\n    return labelled(i)", vars(script))
    got = sklstm.dask.fit(classifier(max_iter=1), delayed(script.load, range(2)), client=client)
    one = sklstm.dask.fit(classifier(max_iter=1), delayed(labelled, range(2)), client=client)
    assert_array_equal(got.weights_, one.weights_)


def test_what_cannot_be_pickled_is_named(one_worker):
    parts = [*delayed(labelled, [0]), dask.delayed(labelled)(threading.Lock())]
    with pytest.raises(TypeError, match=r"Partition 1, 'labelled', cannot be pickled.*lock.*Open files"):
        sklstm.dask.fit(classifier(), parts, client=one_worker)


@contextmanager
def started(command, *arguments, path=None):
    """Process of a command of dask after some lines of Python."""
    script = f"{command[0]}\nfrom distributed.cli.dask_{command[1]} import main\nmain()"
    folders = [str(folder) for folder in (path, Path(__file__).parent) if folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])}
    options = ["--host", "127.0.0.1", "--no-dashboard", *arguments]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", script, *options], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("import sys; sys.modules['sklstm'] = None", r"no sklstm \(.*sklstm.*\)"),
        ("import sklstm; sklstm.__version__ = '0.0.1'", r"sklstm 0\.0\.1"),
    ],
)
def test_workers_of_another_version_are_refused(before, words):
    with cluster(0, processes=False) as client:
        address = client.cluster.scheduler_address
        with started((before, "worker"), address, "--no-nanny", "--nthreads", "1"):
            client.wait_for_workers(1, timeout=60)
            expected = f"The worker tcp://.* has {words}, this process has sklstm .*: install the same"
            with pytest.raises(RuntimeError, match=expected):
                sklstm.dask.fit(classifier(), delayed(labelled, range(2)), client=client)
            assert len(client.nthreads()) == 1


def test_a_scheduler_without_the_module_of_a_loader_is_told(tmp_path, at_client):
    module, path = at_client
    file = str(tmp_path / "scheduler.json")
    worker = (("", "worker"), "--scheduler-file", file, "--no-nanny", "--nthreads", "1")
    with started(("", "scheduler"), "--port", "0", "--scheduler-file", file):
        with started(*worker, path=path.parent):
            with distributed.Client(scheduler_file=file, set_as_default=False) as client:
                client.wait_for_workers(1, timeout=60)
                with pytest.raises(RuntimeError, match="deserialization of the task graph") as caught:
                    sklstm.dask.fit(classifier(), delayed(module.load, range(2)), client=client)
    assert any("The scheduler, too, needs sklstm" in note for note in caught.value.__notes__)
