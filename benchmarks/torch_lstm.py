"""torch's nn.LSTM behind scikit-learn's interface, as a careful user would train it on a few sequences.

One layer, in one direction or both, one linear layer on the last activations, Adam, the norm of the gradient
clipped, mini-batches (packed where lengths differ), a fifth of the sequences held out to stop by their loss,
and the weights of the best epoch. All in float32 and one thread.
"""

import copy

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence


class Net(nn.Module):
    """Sequences -> last activations of each direction of the LSTM -> outputs."""

    def __init__(self, n_features, n_hidden, n_outputs, bidirectional=False):
        super().__init__()
        self.lstm = nn.LSTM(n_features, n_hidden, batch_first=True, bidirectional=bidirectional)
        self.output = nn.Linear(n_hidden * (1 + bidirectional), n_outputs)

    def forward(self, sequences):
        lengths = torch.tensor([len(x) for x in sequences])
        batch = pad_sequence(sequences, batch_first=True)
        if (lengths != lengths[0]).any():
            batch = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(batch)
        return self.output(torch.cat(list(last), dim=1))


class _TorchLSTM(BaseEstimator):
    """`bidirectional="chosen"` fits both and keeps the one with the smaller loss on what is held out."""

    def __init__(
        self,
        *,
        n_hidden=64,
        learning_rate=0.003,
        batch_size=32,
        max_iter=500,
        patience=50,
        validation_fraction=0.2,
        max_norm=1.0,
        bidirectional=False,
        random_state=0,
    ):
        self.n_hidden = n_hidden
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.max_norm = max_norm
        self.bidirectional = bidirectional
        self.random_state = random_state

    def _fit(self, *data):
        both = (False, True) if self.bidirectional == "chosen" else (self.bidirectional,)
        fits = [self._fitted(bidirectional, *data) for bidirectional in both]
        self.held_out_loss_, self.net_ = min(fits, key=lambda fit: fit[0])
        return self

    def _fitted(self, bidirectional, X, targets, labels, loss_of, n_outputs):
        """Least loss on the sequences held out, and the net that has it."""
        torch.set_num_threads(1)
        torch.manual_seed(self.random_state)
        train, held_out = train_test_split(
            np.arange(len(X)),
            test_size=self.validation_fraction,
            stratify=labels,
            random_state=self.random_state,
        )
        sequences = _tensors(X)
        net = Net(sequences[0].shape[1], self.n_hidden, n_outputs, bidirectional)
        adam = torch.optim.Adam(net.parameters(), self.learning_rate)
        best, best_epoch, best_weights = np.inf, 0, None
        for epoch in range(1, self.max_iter + 1):
            order = torch.from_numpy(train)[torch.randperm(len(train))]
            for batch in order.split(self.batch_size):
                adam.zero_grad()
                loss_of(net([sequences[i] for i in batch]), targets[batch]).backward()
                nn.utils.clip_grad_norm_(net.parameters(), self.max_norm)
                adam.step()
            with torch.no_grad():
                loss = float(loss_of(_outputs(net, [sequences[i] for i in held_out]), targets[held_out]))
            if loss < best:
                best, best_epoch = loss, epoch
                best_weights = copy.deepcopy(net.state_dict())
            if epoch - best_epoch >= self.patience:
                break
        net.load_state_dict(best_weights)
        return best, net


def _outputs(net, sequences):
    with torch.no_grad():
        return torch.cat([net(sequences[i : i + 256]) for i in range(0, len(sequences), 256)])


class TorchLSTMClassifier(ClassifierMixin, _TorchLSTM):
    """One output a class, cross entropy."""

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        return self._fit(X, torch.from_numpy(codes), codes, nn.functional.cross_entropy, len(self.classes_))

    def predict(self, X):
        return self.classes_[_outputs(self.net_, _tensors(X)).argmax(dim=1).numpy()]


class TorchLSTMRegressor(RegressorMixin, _TorchLSTM):
    """One output, mean squared error."""

    def fit(self, X, y):
        targets = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
        return self._fit(X, targets, None, nn.functional.mse_loss, 1)

    def predict(self, X):
        return _outputs(self.net_, _tensors(X))[:, 0].numpy()


def _tensors(X):
    return [torch.tensor(x, dtype=torch.float32) for x in X]
