"""Workers: which partitions they have, and what happens if they are lost."""

import os
import signal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dask_cases
import sklstm.dask
from dask_cases import classifier, cluster, dask, delayed, distributed, labelled, noted
from sklstm.dask._cluster import Cluster
from sklstm.dask._placement import move, plan
from sklstm.dask._trainer import ClusterTrainer

pytestmark = dask_cases.MARKS


# ------------------------------------------------------------------------------------------------
# which partitions they have


@pytest.fixture
def found(monkeypatch):
    """Dictionary that a fit fills before its first epoch: name of a partition -> workers; "shares"."""
    learn_once, found = ClusterTrainer.learn_once, {}

    def looked_and_learned(self, rng):
        if not found:
            holders = self.cluster.client.who_has(list(self.parts.values()))
            found.update({name: holders[part.key] for name, part in self.parts.items()})
            found["shares"] = self.shares
        return learn_once(self, rng)

    monkeypatch.setattr(ClusterTrainer, "learn_once", looked_and_learned)
    return found


@pytest.mark.parametrize(
    ("solver", "replicas", "n"),
    [("rprop", None, n) for n in (2, 4, 7, 8)]
    + [("adam", 1, 7), ("adam", 2, 2), ("adam", 2, 8), ("adam", 3, 8)],
)
def test_each_worker_gets_its_share_of_the_partitions(client, found, solver, replicas, n):
    """Also if all of them come from one worker."""
    client.wait_for_workers(2, timeout=60)
    workers = sorted(client.nthreads())
    parts = [client.submit(labelled, i, workers=[workers[n % 2]], pure=False) for i in range(n)]
    got = sklstm.dask.fit(classifier(solver=solver, max_iter=1), parts, replicas=replicas, client=client)
    shares = found.pop("shares")
    assert all(len(holders) == 1 for holders in found.values()), "copies are dropped"
    counts = [sum(worker in holders for holders in found.values()) for worker in workers]
    assert sorted(counts) == [n // 2, -(-n // 2)]
    if solver == "adam" and replicas == 2:  # each learns on its worker
        assert all(len({found[str(name)] for name in share}) == 1 for share in shares)
    there = sklstm.dask.fit(classifier(solver=solver, max_iter=1), parts, replicas=replicas, client=client)
    assert_array_equal(there.weights_, got.weights_)


@pytest.mark.parametrize("seed", range(20))
def test_partitions_are_planned_evenly_with_few_moves(seed):
    rng = np.random.default_rng(seed)
    n_threads = {f"worker {i}": int(n) for i, n in enumerate(rng.integers(1, 4, rng.integers(1, 6)))}
    workers, n_parts, n_all = list(n_threads), int(rng.integers(1, 40)), sum(n_threads.values())
    holders = {
        str(i): rng.choice(workers, size=min(len(workers), int(rng.integers(3))), replace=False).tolist()
        for i in range(n_parts)
    }
    planned = plan([[name] for name in holders], holders, n_threads)
    assert planned.keys() == holders.keys()
    counts = {worker: list(planned.values()).count(worker) for worker in workers}
    for worker, n in n_threads.items():
        assert n * (n_parts // n_all) <= counts[worker] <= n * -(-n_parts // n_all)
    again = plan([[name] for name in holders], {name: [planned[name]] for name in holders}, n_threads)
    assert again == planned, "nothing is moved from where it should be"
    if len(set(n_threads.values())) == 1:
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_plan_moves_no_more_than_is_too_much():
    holders = {str(i): ["a"] for i in range(5)} | {str(i): ["b"] for i in range(5, 8)}
    planned = plan([[name] for name in holders], holders, {"a": 1, "b": 1, "c": 1})
    assert [name for name, worker in planned.items() if [worker] != holders[name]] == ["3", "4"]
    planned = plan([["0", "5"], ["6", "7"]], holders, {"a": 1, "b": 1})
    assert planned == {"0": "a", "5": "a", "6": "b", "7": "b"}


def test_what_is_lost_is_not_moved(client):
    """A result that no worker has, and a worker that has left the cluster."""
    client.wait_for_workers(2, timeout=60)
    part = client.submit(labelled, 0, pure=False)
    distributed.wait(part)
    before = client.who_has([part])
    client.run_on_scheduler(move, {"lost": before[part.key][0], part.key: "tcp://127.0.0.1:1"})
    assert client.who_has([part]) == before


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_workers_that_are_killed_while_partitions_are_moved(client, monkeypatch):
    client.wait_for_workers(2, timeout=60)
    clf, parts = classifier(solver="rprop"), delayed(labelled, range(4))
    calm = sklstm.dask.fit(clf, parts, client=client)
    killed = client.run(os.getpid)

    def planned_and_killed(groups, holders, n_threads):
        for process in killed.values():
            os.kill(process, signal.SIGKILL)
        others = dict(zip(killed, reversed(killed), strict=True))
        return {name: others[worker] for name, (worker, *_) in holders.items()}

    monkeypatch.setattr("sklstm.dask._placement.plan", planned_and_killed)
    got = sklstm.dask.fit(clf, parts, client=client)
    assert_array_equal(got.weights_, calm.weights_)
    client.wait_for_workers(2, timeout=60)
    assert not set(client.run(os.getpid).values()) & set(killed.values())


# ------------------------------------------------------------------------------------------------
# workers that are lost


def kill_in_round(monkeypatch, client, number, most):
    """Kill workers in this round, between its tasks being sent and the sum of their results being asked for.

    Returns the processes that were killed. One worker: one that has partitions.
    """
    added, calls, killed = Cluster.added, [], []
    processes = client.run(os.getpid)

    def added_and_killed(self, futures):
        sum_of_round = added(self, futures)
        calls.append(len(futures))
        if len(calls) == number:
            has = client.has_what()
            for place in sorted(processes, key=lambda place: -len(has.get(place, ())))[:most]:
                os.kill(processes[place], signal.SIGKILL)
                killed.append(processes[place])
        return sum_of_round

    monkeypatch.setattr(Cluster, "added", added_and_killed)
    return killed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("solver", "most"), [("lbfgs", 1), ("lbfgs", 2), ("adam", 1), ("adam", 2)])
def test_a_killed_worker_costs_time_only(client, monkeypatch, tmp_path, solver, most):
    client.wait_for_workers(2, timeout=60)
    log, clf = tmp_path / "loaded", classifier(solver=solver, max_iter=8)
    calm = sklstm.dask.fit(clf, delayed(noted, range(4), path=str(log)), replicas=2, client=client)
    assert sorted(log.read_text().split()) == ["0", "1", "2", "3"]
    killed = kill_in_round(monkeypatch, client, number=6, most=most)
    got = sklstm.dask.fit(clf, delayed(noted, range(4), path=str(log)), replicas=2, client=client)
    assert len(killed) == most
    if most == 2:  # one worker may have copies of all that the other had
        assert len(log.read_text().split()) == 12  # lost partitions were loaded once more
    assert_array_equal(got.weights_, calm.weights_)
    assert got.loss_curve_ == calm.loss_curve_
    client.wait_for_workers(2, timeout=60)
    assert not set(client.run(os.getpid).values()) & set(killed)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_scattered_partitions_are_lost_with_their_worker(client, monkeypatch):
    client.wait_for_workers(2, timeout=60)
    parts = client.scatter([labelled(i) for i in range(4)], hash=False)
    assert "scattered `Future` cannot be loaded again" in sklstm.dask.fit.__doc__
    kill_in_round(monkeypatch, client, number=2, most=2)
    with pytest.raises(RuntimeError, match=r"was lost with its worker.*load it by dask\.delayed") as caught:
        sklstm.dask.fit(classifier(solver="lbfgs"), parts, client=client)
    assert isinstance(
        caught.value.__cause__, distributed.client.FutureCancelledError | distributed.CancelledError
    )
    client.wait_for_workers(2, timeout=60)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_partition_that_kills_workers_is_named():
    """By its number if it was alone on its worker: dask blames every task that was there."""
    parts = [dask.delayed(os._exit)(1)]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        with cluster(1) as client:
            with pytest.raises(RuntimeError, match="Partition 0 ended 1 worker, or another partition"):
                sklstm.dask.fit(classifier(), parts, client=client)


@pytest.mark.parametrize("replicas", [None, 2])
def test_a_cluster_without_workers_does_not_wait(replicas):
    with cluster(0, processes=False) as client:
        with pytest.raises(RuntimeError, match=r"no worker: client\.wait_for_workers\(n\)"):
            sklstm.dask.fit(classifier(), delayed(labelled, range(2)), replicas=replicas, client=client)
