"""torch: `nn.LSTM` and a linear layer, eager, as its users train it; skorch for the grid search."""

from itertools import pairwise

import numpy as np
import skorch
import torch
import workloads
from jobs import CELLS, LAYERS
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from worker import Prepared

BATCHES_TO_TRY = (64, 250, 1000)


def versions():
    """Versions of what runs here."""
    return {"torch": torch.__version__, "skorch": skorch.__version__}


def prepare(job):
    """Make a job ready."""
    torch.set_num_threads(1)
    kinds = {"A": on_line, "B": batches, "C": predictions, "F": search}
    return kinds[job.workload[0]](job)


class Net(nn.Module):
    """Sequences -> activations of the LSTM -> outputs."""

    def __init__(self, n_inputs, n_cells, n_outputs, n_layers=1, bidirectional=False):
        super().__init__()
        self.lstm = nn.LSTM(n_inputs, n_cells, n_layers, batch_first=True, bidirectional=bidirectional)
        self.output = nn.Linear(n_cells * (1 + bidirectional), n_outputs)

    def set_weights(self, weights):
        """Take weights as `workloads.layer_weights` makes them; second biases are 0 and do not learn."""
        for name, own in self.lstm.named_parameters():
            if name.startswith("bias_hh"):
                own.requires_grad_(False).zero_()
        *units, wo, bo = (torch.from_numpy(np.ascontiguousarray(w.T)) for w in weights)
        with torch.no_grad():
            for own, given in zip(self._own(), [*map(_exchanged, units), wo, bo]):
                own.copy_(given)
        return self

    def weights(self):
        """Return the weights in that form."""
        *units, wo, bo = (own.detach() for own in self._own())
        return [w.numpy().T for w in [*map(_exchanged, units), wo, bo]]

    def _own(self):
        learned = [own for name, own in self.lstm.named_parameters() if not name.startswith("bias_hh")]
        return (*learned, self.output.weight, self.output.bias)

    def forward(self, x, lengths=None, packed=False):
        """Outputs at the last step."""
        n_directions = 1 + self.lstm.bidirectional
        if packed:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return self.output(torch.cat(list(self.lstm(x)[1][0][-n_directions:]), dim=1))
        h, _ = self.lstm(x)
        last = h[:, -1] if lengths is None else h[torch.arange(len(x)), lengths - 1]
        if n_directions == 2:  # the backward direction has read the whole sequence at its first step
            n = self.lstm.hidden_size
            last = torch.cat([last[:, :n], h[:, 0, n:]], dim=1)
        return self.output(last)


class LogisticNet(Net):
    """Logistic outputs at the last step or at every step."""

    def __init__(self, *sizes, every_step):
        super().__init__(*sizes)
        self.every_step = every_step

    def forward(self, x):
        """Outputs, one row per target."""
        h = self.lstm(x)[0][0]
        return torch.sigmoid(self.output(h if self.every_step else h[-1:]))


def _exchanged(units):
    """Exchange output gates and cells: torch has the order input gates, forget gates, cells, output gates."""
    i, f, third, fourth = units.chunk(4)
    return torch.cat([i, f, fourth, third])


def on_line(job):
    """An epoch, one update per sequence."""
    X, targets = workloads.on_line(job.workload, job.dtype)
    every_step = workloads.every_step(job.workload)
    rows = X.offsets if every_step else np.arange(len(X) + 1)
    dense = torch.from_numpy(workloads.as_dense(X).values)
    inputs = [dense[lo:hi][None] for lo, hi in pairwise(X.offsets)]
    goals = [torch.from_numpy(targets[lo:hi]) for lo, hi in pairwise(rows)]
    before = workloads.on_line_weights(job.workload, job.dtype)
    net = LogisticNet(X.n_features, CELLS[job.workload], targets.shape[1], every_step=every_step)
    net.set_weights(before[:5])
    solver = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], workloads.RATE)

    def run():
        for x, y in zip(inputs, goals):
            solver.zero_grad()
            (0.5 * (net(x) - y).square().sum()).backward()
            solver.step()

    run()
    return Prepared(run, X.n_steps, result=workloads.changes(before, net.weights()))


def parts_of(workload, variant):
    """Batches: inputs up to the longest sequence, lengths (None if all are alike), targets."""
    size = workloads.BATCHES[workload]
    X, lengths, y = workloads.batches(workload, variant != "fixed")
    parts = []
    for lo in range(0, len(X), size.batch_size):
        part = slice(lo, lo + size.batch_size)
        x = torch.from_numpy(np.ascontiguousarray(X[part, : lengths[part].max()]))
        n = None if variant == "fixed" else torch.from_numpy(lengths[part])
        parts.append((x, n, torch.from_numpy(y[part])))
    return parts


def learner(workload, parts, solver, rate, packed=False, shape=None):
    """Network, and a function that learns an epoch."""
    size, shape = workloads.BATCHES[workload], shape or {}
    net = Net(size.n_inputs, size.n_cells, 1, **shape).set_weights(workloads.layer_weights(workload, **shape))
    steps = solver([p for p in net.parameters() if p.requires_grad], rate)

    def epoch():
        for x, lengths, goal in parts:
            steps.zero_grad()
            (0.5 * nn.functional.mse_loss(net(x, lengths, packed), goal)).backward()
            steps.step()

    return net, epoch


def batches(job):
    """An epoch of Adam, inputs padded or packed."""
    form, _, network = job.variant.partition(", ")
    parts, more = parts_of(job.workload, form), (form == "packed", LAYERS.get(network))
    net, epoch = learner(job.workload, parts, torch.optim.SGD, workloads.RATE, *more)
    epoch()
    result = workloads.changes(
        workloads.layer_weights(job.workload, **LAYERS.get(network, {})), net.weights()
    )
    n_steps = sum(len(x) * x.shape[1] if n is None else int(n.sum()) for x, n, _ in parts)
    _, epoch = learner(job.workload, parts, torch.optim.Adam, workloads.ADAM_RATE, *more)
    return Prepared(epoch, n_steps, result=result)


def predictions(job):
    """Predictions in batches of the size that is fastest."""
    size = workloads.PREDICT
    X = torch.from_numpy(workloads.inputs_to_predict())
    net = Net(size.n_inputs, size.n_cells, 1).set_weights(workloads.prediction_weights()[:5]).eval()

    def run(batch_size):
        with torch.inference_mode():
            return torch.cat([net(x) for x in X.split(batch_size)])

    best = workloads.fastest(run, BATCHES_TO_TRY)
    return Prepared(
        lambda: run(best), X.shape[0] * X.shape[1], "step", run(best).numpy()[:, 0], f"batch {best}"
    )


class SearchNet(Net):
    """The network of F with a name that worker processes can import."""

    def __init__(self):
        super().__init__(8, workloads.SEARCH["n_cells"], 1)


def search(job):
    """Grid search over the learning rate with skorch's estimator."""
    X, y = workloads.to_search()
    size = workloads.SEARCH
    net = skorch.NeuralNetRegressor(
        SearchNet,
        optimizer=torch.optim.Adam,
        batch_size=size["batch_size"],
        max_epochs=size["epochs"],
        train_split=None,
        verbose=0,
    )
    grid = GridSearchCV(net, {"lr": size["rates"]}, cv=size["folds"], n_jobs=job.threads, refit=False)
    return Prepared(lambda: grid.fit(X, y[:, np.newaxis]), 1, "search")
