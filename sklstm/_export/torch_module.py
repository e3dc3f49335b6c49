"""The module that `to_torch` returns. Importing this file imports torch."""

from __future__ import annotations

from typing import Any

import torch


class LSTMModule(torch.nn.Module):
    """`torch.nn.LSTM`, pooling, a linear layer, and the activation of the output units.

    Parameters
    ----------
    n_inputs, n_cells, n_outputs : int
        Inputs of the first layer, cells of a layer in one direction, output units.
    activation : {"softmax", "logistic", "identity"}
        Activation of the output units.
    n_layers : int
    bidirectional : bool
        Whether every layer reads the sequence in both directions.
    pooling : tuple of {"last", "mean", "max"}
        What the linear layer reads of the steps, in this order: the last activations of each direction, their
        mean, their maximum.
    return_sequences : bool
        Whether there is an output at every step.
    shortcut : bool
        Whether the linear layer reads the inputs in addition to the cells.
    patch : int
        Number of time steps that are joined to one before the first layer.
    """

    def __init__(
        self,
        n_inputs: int,
        n_cells: int,
        n_outputs: int,
        *,
        activation: str,
        n_layers: int,
        bidirectional: bool,
        pooling: tuple[str, ...],
        return_sequences: bool,
        shortcut: bool,
        patch: int,
    ) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(
            n_inputs, n_cells, num_layers=n_layers, bidirectional=bidirectional, batch_first=True
        )
        n_features = n_cells * (1 + bidirectional) * len(pooling)
        self.output = torch.nn.Linear(n_features + n_inputs * shortcut, n_outputs)
        self.activation = {
            "softmax": torch.nn.Softmax(dim=-1),
            "logistic": torch.nn.Sigmoid(),
            "identity": torch.nn.Identity(),
        }[activation]
        self.pooling, self.return_sequences = pooling, return_sequences
        self.shortcut, self.patch = shortcut, patch

    def forward(self, x: Any, lengths: Any = None) -> Any:
        """Activations of the output units.

        Parameters
        ----------
        x : tensor of shape (n_sequences, n_steps, n_features)
            Shorter sequences are padded at the end, by any numbers: they are not read.
        lengths : tensor of int of shape (n_sequences,), default=None
            Number of steps of each sequence; None: n_steps.

        Returns
        -------
        tensor of shape (n_sequences, n_outputs) or (n_sequences, n_steps, n_outputs)
        """
        if lengths is None:
            lengths = torch.full((x.shape[0],), x.shape[1], device=x.device)
        if self.patch > 1:
            x, lengths = self._patches(x, lengths)
        hidden = self._hidden(x, lengths)
        if self.return_sequences:
            parts = [hidden]
        else:
            parts = [getattr(self, "_" + kind)(hidden, lengths) for kind in self.pooling]
        if self.shortcut:
            parts.append(x if self.return_sequences else _step(x, lengths - 1))
        return self.activation(self.output(torch.cat(parts, dim=-1)))

    def _patches(self, x: Any, lengths: Any) -> Any:
        """Patches of several steps, and their number per sequence; the last step is repeated at the end."""
        n_patches = -(-x.shape[1] // self.patch)
        steps = torch.arange(n_patches * self.patch, device=x.device)
        steps = torch.minimum(steps, lengths[:, None].to(x.device) - 1)
        x = x[torch.arange(x.shape[0], device=x.device)[:, None], steps]
        return x.reshape(x.shape[0], n_patches, -1), (lengths + self.patch - 1) // self.patch

    def _hidden(self, x: Any, lengths: Any) -> Any:
        """Activations of the cells of the last layer; one direction alone never reads the padding."""
        if not self.lstm.bidirectional:
            return self.lstm(x)[0]
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return torch.nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=x.shape[1]
        )[0]

    def _last(self, hidden: Any, lengths: Any) -> Any:
        """Activations after the last step of each direction; the backward one ends at the first step."""
        last = _step(hidden, lengths - 1)
        if not self.lstm.bidirectional:
            return last
        n_cells = self.lstm.hidden_size
        return torch.cat([last[:, :n_cells], hidden[:, 0, n_cells:]], dim=-1)

    def _mean(self, hidden: Any, lengths: Any) -> Any:
        total = hidden.masked_fill(_padding(hidden, lengths), 0).sum(dim=1)
        return total / lengths[:, None].to(total)

    def _max(self, hidden: Any, lengths: Any) -> Any:
        return hidden.masked_fill(_padding(hidden, lengths), -torch.inf).amax(dim=1)


def _step(x: Any, index: Any) -> Any:
    """One step of each sequence."""
    return x[torch.arange(x.shape[0], device=x.device), index.to(x.device)]


def _padding(x: Any, lengths: Any) -> Any:
    """Which steps are padding, with an axis of features."""
    steps = torch.arange(x.shape[1], device=x.device)
    return (steps >= lengths[:, None].to(x.device))[:, :, None]
