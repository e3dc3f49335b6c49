"""Tasks on a cluster, and their results."""

import uuid
from functools import reduce
from operator import add

from distributed import Client, Future

FAN_IN = 8  # number of results that one task adds


class Cluster:
    """A client, and the partitions that its workers have."""

    def __init__(self, client):
        if not isinstance(client, Client) or client.asynchronous:
            raise TypeError(
                f"client must be a distributed.Client (not asynchronous), got {type(client).__name__}."
            )
        self.client = client
        self.parts: dict[str, Future] = {}  # last result of each partition, by name

    def n_threads(self):
        """Number of threads of all workers."""
        return sum(self.client.nthreads().values())

    def computed(self, parts):
        """Futures of the partitions; the workers load them."""
        lazy = {name: part for name, part in parts.items() if not isinstance(part, Future)}
        made = dict(zip(lazy, self.client.compute(list(lazy.values())), strict=True))
        self.parts = {name: made.get(name, part) for name, part in parts.items()}
        return self.parts

    def submit(self, function, *arguments):
        """Future of a new task on any worker; nothing is bound to a worker or scattered."""
        return self.client.submit(function, *arguments, pure=False)

    def each(self, function, parts):
        """Futures of a function of each partition, by name."""
        return {name: self.submit(function, part) for name, part in parts.items()}

    def on_parts(self, function, arguments):
        """Replace each partition by the result of a function of these arguments."""
        self.parts = self.tasks(function, arguments)
        return self.parts

    def tasks(self, function, arguments):
        """Futures by name of the partition; `part_of_key` finds the partition by the key of the task."""
        return {
            name: self.client.submit(function, *each, key=_key(function, name), pure=False)
            for name, each in arguments.items()
        }

    def gather(self, futures):
        """Results by name of the partition."""
        return dict(zip(futures, self.client.gather(list(futures.values())), strict=True))

    def total(self, function, arguments):
        """Sum of the results over partitions."""
        return self.client.gather(self.added(self.tasks(function, arguments)))

    def added(self, futures):
        """Future of the sum, in a fixed order, so that its bits do not depend on where tasks run."""
        futures = list(futures.values())
        while len(futures) > 1:
            futures = [self.submit(_add, *futures[i : i + FAN_IN]) for i in range(0, len(futures), FAN_IN)]
        return futures[0]


def _key(function, name):
    """Key of a new task: function, number of the partition and "v" of validation, and letters of its own."""
    place = name.removeprefix("Partition ").replace(" of validation", "v")
    return f"sklstm_{function.__name__.removeprefix('_')}-{place}-{uuid.uuid4().hex}"


def part_of_key(key):
    """Name of the partition of a task; None if the task is of another kind."""
    if not (isinstance(key, str) and key.startswith("sklstm_")):
        return None
    place = key.split("-")[1]
    return f"Partition {place.removesuffix('v')}{' of validation' * place.endswith('v')}"


def same(value):
    """Value unchanged. The scheduler keeps it, as the argument of this task; scattered data would be lost."""
    return value


def _add(*parts):
    if any(part is None for part in parts):
        return None
    return tuple(reduce(add, column) for column in zip(*parts, strict=True))
