"""The topology of a network: connections of units, and places of the weights in one flat vector."""

from dataclasses import KW_ONLY, asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._checks import (
    MOST_WEIGHTS,
    as_real,
    check_bool,
    check_choice,
    check_gate_bias,
    check_generator,
    check_init_range,
    check_integer,
)
from sklstm._engine.engine import LINEAR, bind_weights
from sklstm._engine.layout import SQUASHING
from sklstm._engine.states import State
from sklstm._engine.streams import Stream, stream_of
from sklstm._learning.losses import loss_for
from sklstm._learning.settings import GRADIENTS
from sklstm._messages import shown
from sklstm._sequences import as_sequences, as_step_targets, check_ids, read_weights, split_steps
from sklstm._typing import Array, Gradient, LossName, OutputActivation, Pooling, Recurrence, Squashing

OUTPUT_ACTIVATIONS = ("logistic", "softmax", "identity")
RECURRENCES = ("all", "gates", "cells", "none")
MOST_LAYERS = 1000
POOLINGS = ("last", "mean", "max")
SIZES = {  # name: smallest value
    "n_inputs": 1,
    "n_outputs": 0,
    "n_blocks": 0,
    "block_size": 1,
    "n_hidden_units": 0,
    "n_layers": 1,
    "patch_size": 1,
}


@dataclass(frozen=True)
class Network:
    """Topology of an LSTM network and, for given weights, its outputs and gradients.

    The network is that of Hochreiter & Schmidhuber (1997, section 4), optionally with forget gates (Gers,
    Schmidhuber & Cummins 2000) and peepholes (Gers, Schraudolph & Schmidhuber 2002). A `Network` holds no
    weights: its methods take them as one flat vector.

    Parameters
    ----------
    n_inputs : int
        Number of features of a time step.
    n_outputs : int
        Number of output units. With 0, the network is a layer for your own networks: its outputs are the
        activations of the cells and of the conventional hidden units.
    n_blocks : int, default=1
        Number of memory blocks. The cells of a block share its gates.
    block_size : int, default=1
        Number of cells of a block.
    n_hidden_units : int, default=0
        Number of conventional logistic hidden units in addition to the memory blocks. With ``n_blocks=0``,
        they need ``recurrence="all"`` or "none".
    input_gate : bool, default=True
        Whether a block has an input gate.
    output_gate : bool, default=True
        Whether a block has an output gate.
    forget_gate : bool, default=True
        Whether a block has a forget gate. Without one, the cell state has a self-weight of 1.
    peepholes : bool, default=False
        Whether there are weights from the cell states of a block to its gates.
    recurrence : {"all", "gates", "cells", "none"}, default="cells"
        Which activations of step t - 1 the hidden layer reads at step t: those of all hidden units, gates
        included (the "fully connected hidden layer" of 1997), those of the cells, or none. With "gates", the
        gates read those of all hidden units, and cells and conventional hidden units read the inputs only.
    shortcut : bool, default=False
        Whether there are connections from the inputs to the output units.
    cell_bias : bool, default=True
        Whether cells and conventional hidden units have a bias.
    gate_bias : bool, default=True
        Whether gates have a bias.
    output_bias : bool, default=True
        Whether output units have a bias.
    cell_input_activation : str, default="tanh"
        g: "logistic[-2,2]" (1997), "logistic[-1,1]", "logistic", "tanh" or "identity".
    cell_output_activation : str, default="tanh"
        h: one of the same; "logistic[-1,1]" in 1997.
    output_activation : {"logistic", "softmax", "identity"}, default="identity"
        f of the output units.
    return_sequences : bool, default=False
        Whether there are outputs, targets and errors at every step instead of the last one only.
    n_layers : int, default=1
        Number of layers of memory blocks and conventional hidden units. Each layer reads the activations of
        the cells and of the hidden units of the layer below, at the same step.
    bidirectional : bool, default=False
        Whether every layer exists twice, once for each direction of time (Schuster & Paliwal 1997); the next
        layer, or the output layer, reads both.
    pooling : {"last", "mean", "max"} or tuple of these, default="last"
        What the output units read with one target per sequence: the activations after the last step of each
        direction, their mean, or their maximum over the steps. With a tuple, they read several of these.
    patch_size : int, default=1
        Number of time steps per patch: the lowest layer reads a patch as one input. For one target per
        sequence. A sequence of T steps has ceil(T / patch_size) patches; the last step is repeated to fill
        the last patch.

    Raises
    ------
    ValueError, TypeError
        If an argument is not valid, or if two arguments exclude each other; the message names them.

    Examples
    --------
    The network of Experiment 6a of 1997, and a step of gradient descent:

    >>> import numpy as np
    >>> from sklstm import Network
    >>> net = Network(8, 4, n_blocks=2, block_size=2, forget_gate=False, recurrence="all",
    ...               cell_input_activation="logistic[-2,2]", cell_output_activation="logistic[-1,1]",
    ...               output_activation="logistic")
    >>> net.n_weights
    156
    >>> w = net.init_weights(random_state=0)
    >>> X = [np.eye(8)[[0, 6, 2, 7, 1]], np.eye(8)[[0, 7, 7, 1]]]
    >>> loss, gradient = net.loss_and_gradient(w, X, np.eye(4)[[1, 3]])
    >>> w -= 0.5 * gradient
    >>> net.forward(w, X).shape
    (2, 4)
    """

    n_inputs: int
    n_outputs: int
    _: KW_ONLY
    n_blocks: int = 1
    block_size: int = 1
    n_hidden_units: int = 0
    input_gate: bool = True
    output_gate: bool = True
    forget_gate: bool = True
    peepholes: bool = False
    recurrence: Recurrence = "cells"
    shortcut: bool = False
    cell_bias: bool = True
    gate_bias: bool = True
    output_bias: bool = True
    cell_input_activation: Squashing = "tanh"
    cell_output_activation: Squashing = "tanh"
    output_activation: OutputActivation = "identity"
    return_sequences: bool = False
    n_layers: int = 1
    bidirectional: bool = False
    pooling: Pooling | tuple[Pooling, ...] = "last"
    patch_size: int = 1

    def __post_init__(self):
        for name, least in SIZES.items():
            value = getattr(self, name)
            check_integer(name, value, least)
            object.__setattr__(self, name, int(value))
        for field in fields(self):
            if field.type is bool:
                value = getattr(self, field.name)
                check_bool(field.name, value)
                object.__setattr__(self, field.name, bool(value))
        for name, choices in {
            "recurrence": RECURRENCES,
            "cell_input_activation": tuple(SQUASHING),
            "cell_output_activation": tuple(SQUASHING),
            "output_activation": OUTPUT_ACTIVATIONS,
        }.items():
            check_choice(name, getattr(self, name), choices)
        self._check_composition()
        if not (self.n_blocks or self.n_hidden_units or self.shortcut):
            raise ValueError("n_blocks=0 leaves nothing to learn: it needs n_hidden_units or shortcut=True.")
        if self.n_outputs == 0:
            if self.shortcut or not (self.n_blocks or self.n_hidden_units):
                raise ValueError(
                    "n_outputs=0 leaves no output units: it needs hidden units and shortcut=False."
                )
            if self.output_activation != "identity":
                raise ValueError(
                    "n_outputs=0 leaves no output units: output_activation must be 'identity', got "
                    f"{self.output_activation!r}."
                )
        if self.n_hidden_units and not self.n_blocks and self.recurrence == "cells":
            raise ValueError(
                f"n_blocks=0 leaves no cells for recurrence='cells': the {self.n_hidden_units} hidden units "
                "would have no memory of earlier steps. Give recurrence='all', with which they recur, or "
                "recurrence='none' if no memory is meant."
            )
        if self.recurrence == "gates" and not self._gates:
            lacking = "n_blocks=0 leaves" if self.n_blocks == 0 else "the blocks have"
            raise ValueError(
                f"recurrence='gates' connects the gates alone with earlier steps, but {lacking} no gates. "
                "Give recurrence='all' or 'none'."
            )
        if self.peepholes and not (self.input_gate or self.forget_gate or self.output_gate):
            raise ValueError("peepholes=True needs at least one gate, but the blocks have none.")
        sizes = {name: getattr(self, name) for name in SIZES}
        if max(self.n_weights, *sizes.values()) > MOST_WEIGHTS:
            name = max(sizes, key=sizes.__getitem__)
            found = f"{name}={sizes[name]} makes a network of more than {MOST_WEIGHTS} weights"
            raise ValueError(f"{found}, which no memory holds.")

    def __repr__(self) -> str:
        """Show the arguments that differ from the defaults, as Python code."""
        named = [f for f in fields(self) if f.kw_only and getattr(self, f.name) != f.default]
        changed = [f"{f.name}={getattr(self, f.name)!r}" for f in named]
        return f"Network({', '.join([str(self.n_inputs), str(self.n_outputs), *changed])})"

    def _check_composition(self):
        """Refuse an unknown pooling, and layers without hidden units."""
        if self.n_layers > MOST_LAYERS:
            raise ValueError(f"n_layers must be at most {MOST_LAYERS}, got {self.n_layers}.")
        poolings = (self.pooling,) if isinstance(self.pooling, str) else self.pooling
        valid = isinstance(poolings, tuple | list) and len(poolings) > 0
        if not valid or not all(name in POOLINGS for name in map(str, poolings)):
            raise ValueError(
                f"pooling must be one of {list(POOLINGS)} or a tuple of them, got {shown(self.pooling)}."
            )
        if len(set(poolings)) < len(poolings):
            raise ValueError(f"pooling must have each kind once, got {shown(self.pooling)}.")
        object.__setattr__(self, "pooling", poolings[0] if len(poolings) == 1 else tuple(poolings))
        if self.return_sequences and self.pooling != "last":
            raise ValueError(
                "pooling is over the steps of a sequence with one target: with return_sequences=True leave "
                f"pooling='last', got {shown(self.pooling)}."
            )
        if self.return_sequences and self.patch_size > 1:
            raise ValueError(
                "patch_size is for one target per sequence: with return_sequences=True leave patch_size=1, "
                f"got {self.patch_size}."
            )
        if self._is_composed and not (self.n_blocks or self.n_hidden_units):
            raise ValueError(
                "n_layers, bidirectional, pooling and patch_size need hidden units: n_blocks=0 and "
                "n_hidden_units=0 leave none."
            )

    def __reduce__(self):  # through the constructor, which checks the content of a damaged file
        return _from_fields, (asdict(self),)

    # ------------------------------------------------------------------------------------------
    # sizes and shapes

    @property
    def n_cells(self) -> int:
        """Number of memory cells, of one layer in one direction."""
        return self.n_blocks * self.block_size

    @cached_property
    def _gates(self):
        """Names of the gates that a block has, in the order of columns and rows."""
        gates = ("input_gate", "forget_gate", "output_gate")
        return [name for name in gates if self.n_blocks and getattr(self, name)]

    @property
    def _n_recurrent(self):
        every = self.n_cells + len(self._gates) * self.n_blocks + self.n_hidden_units
        return {"all": every, "gates": every, "cells": self.n_cells, "none": 0}[self.recurrence]

    @property
    def _output_width(self):
        """Number of values that `forward` returns for each target."""
        return self.n_outputs or self._n_features

    @property
    def _is_composed(self):
        """Whether the network has several layers, two directions, pooling or patches."""
        return self.n_layers > 1 or self._needs_whole_sequences

    @property
    def _needs_whole_sequences(self):
        """Whether the outputs need the whole sequence."""
        return self.bidirectional or self.pooling != "last" or self.patch_size > 1

    @property
    def _input_width(self):
        """Number of inputs of the lowest layer, over all steps of a patch."""
        return self.n_inputs * self.patch_size

    @property
    def _poolings(self):
        return (self.pooling,) if isinstance(self.pooling, str) else self.pooling

    @property
    def _n_features(self):
        """Number of activations of hidden units that the output units read."""
        width = self.n_cells + self.n_hidden_units
        return width * (1 + self.bidirectional) * len(self._poolings)

    @cached_property
    def _parts(self):
        """Layers in their directions, the lowest first: (prefix of names, index of the layer, `Network`)."""
        directions = ("forward.", "backward.") if self.bidirectional else ("",)
        width = (self.n_cells + self.n_hidden_units) * len(directions)
        parts = []
        for layer in range(self.n_layers):
            is_last = layer == self.n_layers - 1
            net = replace(
                self,
                n_inputs=width if layer else self._input_width,
                n_outputs=0,
                shortcut=False,
                output_bias=True,
                output_activation="identity",
                return_sequences=self.return_sequences or not is_last or self.pooling != "last",
                n_layers=1,
                bidirectional=False,
                pooling="last",
                patch_size=1,
            )
            name = f"layer_{layer}." if self.n_layers > 1 else ""
            parts += [(name + direction, layer, net) for direction in directions]
        return parts

    def _last_layer(self):
        """Prefix of each direction of the last layer, and whether it reads backwards."""
        layers = [(prefix, layer) for prefix, layer, _ in self._parts]
        return [
            (prefix, prefix.endswith("backward.")) for prefix, layer in layers if layer == self.n_layers - 1
        ]

    def _views_of_inputs(self, weights):
        """Views of the weights of connections from the inputs, of shape (n_units, patch_size, n_inputs)."""
        width, shape = self._input_width, (-1, self.patch_size, self.n_inputs)
        views = self.views(weights)
        lowest = [prefix for prefix, layer, _ in self._parts if layer == 0] if self._n_features else []
        for name, part in views.items():
            if name == "output":
                if self.shortcut:
                    yield part[:, self._n_features : self._n_features + width].reshape(shape)
            elif not name.endswith("_peephole") and any(name.startswith(prefix) for prefix in lowest):
                yield part[:, :width].reshape(shape)

    @cached_property
    def weight_shapes(self) -> dict[str, tuple[int, int]]:
        """Shapes of the arrays that `views` returns, in their order in the flat vector.

        Rows are units. The columns of hidden units are their sources: inputs, recurrent cells, input gates,
        forget gates, output gates and conventional hidden units (if they recur), bias. The columns of output
        units are cells and conventional hidden units, for one pooling and direction after another, then
        inputs (shortcut) and bias. With several layers, the names begin with "layer_0.", "layer_1." and so
        on, the lowest layer first; with two directions, with "forward." and "backward.". The inputs of an
        upper layer are the cells and conventional hidden units of the layer below, of both directions. The
        inputs of a patch begin with all features of its first step.
        """
        if self._is_composed:
            shapes = {
                prefix + name: shape
                for prefix, _, net in self._parts
                for name, shape in net.weight_shapes.items()
            }
            if self.n_outputs:
                n_sources = self._n_features + self.shortcut * self._input_width + self.output_bias
                shapes["output"] = (self.n_outputs, n_sources)
            return shapes
        sources = self.n_inputs + self._n_recurrent
        others = (self.n_inputs if self.recurrence == "gates" else sources) + self.cell_bias  # not gates
        shapes = {}
        if self.n_blocks:
            shapes["cell"] = (self.n_cells, others)
        for gate in self._gates:
            shapes[gate] = (self.n_blocks, sources + self.gate_bias)
        if self.n_hidden_units:
            shapes["hidden"] = (self.n_hidden_units, others)
        if self.peepholes:
            for gate in self._gates:
                shapes[gate + "_peephole"] = (self.n_blocks, self.block_size)
        if self.n_outputs:
            shapes["output"] = (
                self.n_outputs,
                self.n_cells + self.n_hidden_units + self.shortcut * self.n_inputs + self.output_bias,
            )
        return shapes

    @cached_property
    def n_weights(self) -> int:
        """Number of weights, biases included."""
        return sum(rows * columns for rows, columns in self.weight_shapes.values())

    def views(self, weights: npt.ArrayLike) -> dict[str, Array]:
        """Return the parts of the flat vector of weights by name.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
            Contiguous vector of weights.

        Returns
        -------
        dict of str to ndarray
            Views, not copies, with the keys and shapes of `weight_shapes`.
        """
        weights = np.asarray(weights)
        if weights.shape != (self.n_weights,):
            raise ValueError(f"weights must have the shape ({self.n_weights},), got {weights.shape}.")
        parts, at = {}, 0
        for name, (rows, columns) in self.weight_shapes.items():
            parts[name] = weights[at : at + rows * columns].reshape(rows, columns)
            at += rows * columns
        return parts

    def init_weights(
        self,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        *,
        init_range: float = 0.1,
        input_gate_bias: npt.ArrayLike | None = None,
        forget_gate_bias: npt.ArrayLike | None = None,
        output_gate_bias: npt.ArrayLike | None = None,
    ) -> Array:
        """Draw initial weights, uniform in [-init_range, init_range] except for given gate biases.

        Parameters
        ----------
        random_state : int, Generator, RandomState or None
            Source of random numbers.
        init_range : float, default=0.1
            Range of the weights; 0.1 or 0.2 in the experiments of 1997.
        input_gate_bias, forget_gate_bias, output_gate_bias : float, array of shape (n_blocks,) or None
            Initial biases, one number for all blocks or one per block, the same in all layers and directions.
            With None, they are random. Negative biases of output gates keep blocks from being used too early,
            and those of input gates keep states from drifting (1997, section 4).

        Returns
        -------
        ndarray of shape (n_weights,)
        """
        check_init_range(init_range)
        rng = check_generator(random_state)
        biases = self._gate_biases(input_gate_bias, forget_gate_bias, output_gate_bias)
        weights = rng.uniform(-float(init_range), float(init_range), self.n_weights)
        views = self.views(weights)
        for name, part in views.items():
            gate = name.rpartition(".")[2]
            if gate in biases:
                part[:, -1] = biases[gate]
        return weights

    def _gate_biases(self, input_gate_bias, forget_gate_bias, output_gate_bias):
        """Checked initial biases of the gates for which they are given."""
        biases = {}
        for gate, bias in {
            "input_gate": input_gate_bias,
            "forget_gate": forget_gate_bias,
            "output_gate": output_gate_bias,
        }.items():
            if bias is None:
                continue
            if gate not in self._gates or not self.gate_bias:
                lacking = "gate_bias=False" if gate in self._gates else f"{gate}=False"
                raise ValueError(f"{gate}_bias={shown(bias)} is given, but the network has {lacking}.")
            biases[gate] = check_gate_bias(f"{gate}_bias", bias, self.n_blocks)
        return biases

    # ------------------------------------------------------------------------------------------
    # outputs and gradients

    def forward(
        self, weights: Any, X: Any, *, initial_state: State | None = None, full_output: bool = False
    ) -> Any:
        """Outputs of the network.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
        X : sequences
            Any container that the estimators take, with time first; float32 is computed in float32.
        initial_state : State or None
            State before the first step of each sequence; None means zeros (1997).
        full_output : bool, default=False
            Whether to return the final state, too.

        Returns
        -------
        outputs : ndarray of shape (n_sequences, n_outputs)
            With `return_sequences`: object array of n_sequences arrays of shape (n_steps, n_outputs).
        info : dict
            Only with `full_output`: "final_state", a `State`.
        """
        sequences = as_sequences(X, n_features=self.n_inputs, reference="n_inputs")
        engine, w = bind_weights(self, weights, sequences.dtype)
        outputs, state = engine.forward(w, engine.bind(sequences), initial_state)
        if self.return_sequences:
            outputs = split_steps(outputs, sequences.offsets)
        return (outputs, {"final_state": state}) if full_output else outputs

    def loss_and_gradient(
        self,
        weights: Any,
        X: Any,
        y: Any,
        loss: LossName = "squared_error",
        gradient: Gradient = "full",
        *,
        sample_weight: Any = None,
        initial_state: State | None = None,
        full_output: bool = False,
    ) -> Any:
        """Loss and its gradient, summed over sequences and steps.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
        X : sequences
            As in `forward`.
        y : array of shape (n_sequences, n_outputs)
            Targets; with `return_sequences` a list of arrays of shape (n_steps, n_outputs).
        loss : str, default="squared_error"
            As in the estimators: "squared_error" is 1/2 sum of squares (with the gradient of 1997, A.1),
            "log_loss" is in nats, "huber" has an epsilon of 1.35, and "quantile" is that of the median.
        gradient : {"full", "truncated"}
            "truncated" (1997): no error flows back through the net inputs of gates and cells, nor through
            peepholes (2002). "full" is the exact gradient.
        sample_weight : array of shape (n_sequences,) or None
            Weight of each target, or of each output of each target, of shape (n_sequences, n_outputs). With
            `return_sequences`, a list of arrays of shape (n_steps,) or (n_steps, n_outputs). Targets of
            weight 0 do not count.
        initial_state : State or None
        full_output : bool, default=False
            Whether to return also the gradients with respect to inputs and initial state, the final state and
            the deltas.

        Returns
        -------
        loss : float
        gradient : ndarray of shape (n_weights,)
        info : dict
            Only with `full_output`: "inputs" is the gradient with respect to the inputs, one row per time
            step, one sequence after another; "initial_state" is the gradient with respect to the initial
            state, a `State`; "final_state" is a `State`; "deltas" are the derivatives of the loss with
            respect to the net inputs, with the names of `weight_shapes`: one column per unit, and one row per
            time step or patch (for "output", one row per target).
        """
        learned = loss_for(loss, self.output_activation)
        check_choice("gradient", gradient, GRADIENTS)
        sequences = as_sequences(X, n_features=self.n_inputs, reference="n_inputs")
        targets = self._targets(y, sequences)
        learned.check_targets(targets)
        engine, w = bind_weights(self, weights, sequences.dtype)
        check_ids(sample_weight, sequences, "sample_weight")
        target_weight = read_weights(
            sample_weight, sequences.lengths, self.return_sequences, self._output_width
        )
        bound = engine.bind(sequences, targets, target_weight, learned)
        value, grad, info = engine.loss_and_gradient(
            w, bound, gradient == "full", initial_state=initial_state, full_output=full_output
        )
        grad = engine.flat(grad)
        return (value, grad, info) if full_output else (value, grad)

    def backward(
        self,
        weights: Any,
        X: Any,
        errors: Any,
        gradient: Gradient = "full",
        *,
        initial_state: State | None = None,
        full_output: bool = False,
    ) -> Any:
        """Gradient from errors at the outputs, for your own losses and for networks on top of this one.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
        X : sequences
            As in `forward`.
        errors : array of shape (n_sequences, n_outputs)
            Derivatives of the loss with respect to the outputs; with `return_sequences` a list of arrays of
            shape (n_steps, n_outputs).
        gradient : {"full", "truncated"}
            As in `loss_and_gradient`.
        initial_state : State or None
        full_output : bool, default=False
            Whether to return also the gradients with respect to inputs and initial state, the final state and
            the deltas.

        Returns
        -------
        gradient : ndarray of shape (n_weights,)
            Summed over sequences and steps.
        info : dict
            Only with `full_output`: as in `loss_and_gradient`.

        Examples
        --------
        REINFORCE (Williams 1992) with a softmax policy: the error of an action is minus its return divided
        by its probability.

        >>> import numpy as np
        >>> from sklstm import Network
        >>> policy = Network(2, 3, n_blocks=4, output_activation="softmax", return_sequences=True)
        >>> w = policy.init_weights(random_state=0)
        >>> X, actions, returns = [np.ones((5, 2))], np.array([0, 2, 1, 1, 0]), np.arange(5.0)
        >>> p = policy.forward(w, X)[0]
        >>> errors = np.zeros_like(p)
        >>> errors[np.arange(5), actions] = -returns / p[np.arange(5), actions]
        >>> w -= 0.1 * policy.backward(w, X, [errors])
        """
        check_choice("gradient", gradient, GRADIENTS)
        sequences = as_sequences(X, n_features=self.n_inputs, reference="n_inputs")
        targets = self._targets(errors, sequences, "errors")
        engine, w = bind_weights(self, weights, sequences.dtype)
        bound = engine.bind(sequences, targets, np.ones(len(targets)), LINEAR)
        _, grad, info = engine.loss_and_gradient(
            w, bound, gradient == "full", initial_state=initial_state, full_output=full_output
        )
        grad = engine.flat(grad)
        return (grad, info) if full_output else grad

    def stream(
        self, weights: Any, n_streams: int = 1, *, partials: bool = False, dtype: npt.DTypeLike | None = None
    ) -> Stream:
        """Return a `Stream`, which takes time steps one by one.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
            Changes in place take effect at the next step.
        n_streams : int, default=1
            Number of sequences that are read in parallel.
        partials : bool, default=False
            Whether to compute derivatives forwards in time, for `Stream.gradient` and `Stream.jacobian`.
        dtype : float32, float64 or None
            Type of the computation; None means float32 for float32 weights, otherwise float64.

        Returns
        -------
        Stream
            It has ``step(x)``, ``state``, ``reset()``, ``gradient(v)`` and ``jacobian()``.
        """
        return stream_of(self, weights, n_streams, partials, dtype)

    def _targets(self, y, sequences, name="y"):
        """Return y as an array with one row per sequence, or per step with `return_sequences`."""
        width = self._output_width
        try:
            flat = as_real(as_step_targets(y, sequences, name) if self.return_sequences else y, name)
        except ValueError as error:
            raise ValueError(f"{name} must be an array with {width} columns: {error}") from None
        targets = flat[:, np.newaxis] if flat.ndim == 1 else flat
        n_targets = sequences.n_steps if self.return_sequences else len(sequences)
        if targets.shape != (n_targets, width):
            raise ValueError(
                f"{name} must have {n_targets} rows of {width} {'targets' if name == 'y' else name}, got the "
                f"shape {targets.shape}."
            )
        if not np.isfinite(targets).all():
            raise ValueError(f"{name} must be finite, it contains NaN or infinity.")
        return targets


def _from_fields(values):
    """Make the network of a pickle."""
    return Network(**values)


ARCHITECTURE = tuple(f.name for f in fields(Network) if f.name not in ("n_inputs", "n_outputs"))
