"""The module that `to_torch` gives: the only file that imports torch when it is imported."""

from __future__ import annotations

from typing import Any

import torch


class LSTMModule(torch.nn.Module):
    """`torch.nn.LSTM`, a linear layer, and the activation of the output units.

    Parameters
    ----------
    n_inputs, n_cells, n_outputs : int
    activation : {"softmax", "logistic", "identity"}
        Of the output units.
    return_sequences : bool
        Whether there is an output at every step.
    shortcut : bool
        Whether the linear layer sees the inputs beside the cells.
    """

    def __init__(
        self,
        n_inputs: int,
        n_cells: int,
        n_outputs: int,
        *,
        activation: str,
        return_sequences: bool,
        shortcut: bool,
    ) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(n_inputs, n_cells, batch_first=True)
        self.output = torch.nn.Linear(n_cells + n_inputs * shortcut, n_outputs)
        self.activation = {
            "softmax": torch.nn.Softmax(dim=-1),
            "logistic": torch.nn.Sigmoid(),
            "identity": torch.nn.Identity(),
        }[activation]
        self.return_sequences, self.shortcut = return_sequences, shortcut

    def forward(self, x: Any, lengths: Any = None) -> Any:
        """Activations of the output units.

        Parameters
        ----------
        x : tensor of shape (n_sequences, n_steps, n_features)
            Shorter sequences are padded at the end, by anything: no step looks ahead.
        lengths : tensor of int of shape (n_sequences,), default=None
            Steps of each sequence; None: n_steps.

        Returns
        -------
        tensor of shape (n_sequences, n_outputs) or (n_sequences, n_steps, n_outputs)
        """
        hidden, _ = self.lstm(x)
        if self.shortcut:
            hidden = torch.cat([hidden, x], dim=-1)
        if not self.return_sequences:
            if lengths is None:
                hidden = hidden[:, -1]
            else:
                hidden = hidden[torch.arange(len(x)), lengths - 1]
        return self.activation(self.output(hidden))
