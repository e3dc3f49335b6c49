"""The parts of the docstrings that the two estimators share."""

from sklstm._learning.solvers import SOLVERS


def choices(names, default):
    """Type of a parameter that is one of these strings; the default comes first."""
    ordered = sorted(names, key=lambda name: name != default)
    quoted = ", ".join(f'"{name}"' for name in ordered)
    return f'{{{quoted}}}, default="{default}"'


PARAMETERS = {
    "both": """n_blocks : int, default=64
        Memory blocks.
    block_size : int, default=1
        Cells of a block; they share its gates.
    n_hidden_units : int, default=0
        Conventional logistic hidden units beside the blocks. With ``n_blocks=0`` they need
        ``recurrence="all"`` or "none".
    input_gate : bool, default=True
        Whether blocks have an input gate, which decides when the state takes something in.
    output_gate : bool, default=True
        Whether blocks have an output gate, which decides when the state is passed on.
    forget_gate : bool, default=True
        Whether blocks have a forget gate (2000). Without one, as in 1997, a state lasts until the sequence
        ends.
    peepholes : bool, default=False
        Weights from the states of a block to its gates (2002).
    recurrence : {"cells", "all", "gates", "none"}, default="cells"
        Which activations of the previous step the hidden layer sees: those of the cells, those of all hidden
        units, gates included (1997), or none. "gates" is as "all", but only the gates see them.
    shortcut : bool, default=False
        Connections from the inputs to the output units.
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
    output_activation : {"auto", "logistic", "softmax", "identity"}, default="auto"
        Classifier: softmax with the log loss, otherwise logistic. Regressor: logistic with the log loss,
        otherwise identity.
    return_sequences : bool, default=False
        Targets and predictions at every time step instead of one per sequence.
    n_layers : int, default=1
        Layers of memory blocks and conventional hidden units; each reads the activations of the cells and
        hidden units of the layer below, at the same step.
    n_patches : "auto", int or None, default="auto"
        For one target per sequence. With a number, several consecutive steps are read side by side as one
        input: as few as cut the longest sequence of the first `fit` into at most `n_patches` patches (see
        `SequencePatcher`); ``network_.patch_size`` is their number. None means that each step is an input.
        "auto" is 16 for sequences of more than 32 steps with the defaults ``update="batch"`` and
        ``gradient="full"``, with fewer steps per patch if a patch would have more than 256 numbers, and None
        otherwise.
    bidirectional : "auto" or bool, default="auto"
        Whether every layer exists twice, once for each direction of time (Schuster & Paliwal 1997), each
        with `n_blocks` blocks; the next layer, or the output layer, reads both. "auto" is True where
        sequences are read in patches.
    pooling : "auto", {"last", "mean", "max"} or tuple of these, default="auto"
        What the output layer reads with one target per sequence: the activations after the last step of each
        direction, their mean, or their maximum over the steps. A tuple gives several of them side by side.
        "auto" is all three where sequences are read in patches, and "last" otherwise.
    dropout : float, default=0.0
        During learning, this fraction of the inputs of each layer, the lowest included, and of the output
        layer is left out: the same inputs at all steps of a sequence, new ones for each sequence and epoch
        (Gal & Ghahramani 2016). The others are multiplied by 1 / (1 - dropout). If X has few features, much
        of it is left out.
    n_channels : int or None, default=None
        Only if X is 2-D. None: one univariate sequence per row. A number: X has the shape (n_sequences,
        n_steps * n_channels), all channels of step 0 first, and trailing steps of NaN are padding. In this
        form sequences pass scikit-learn's tools for tables.
    init_range : "auto" or float, default="auto"
        Initial weights are uniform in [-init_range, init_range]; "auto" is 1 / sqrt(number of cells
        and hidden units). With ``update="batch"``, dense channels of X whose values are far from 1 are
        divided by a power of two during learning, and initial weights are of the size that fits them.
    input_gate_bias : "auto", float, array-like of shape (n_blocks,) or None, default="auto"
        Initial biases of the input gates, one number, or one per block; None: random like other weights.
        Negative ones keep states from drifting (1997, section 4). "auto" is minus the biases of the forget
        gates where these are drawn by "auto", and None otherwise.
    output_gate_bias : float, array-like of shape (n_blocks,) or None, default=None
        The same for output gates; negative ones keep blocks from being used too early (1997).
    forget_gate_bias : "auto", float, array-like of shape (n_blocks,) or None, default="auto"
        The same for forget gates; positive ones let states last (2000). "auto" with the log loss, the full
        gradient, forget gates and one target per sequence is log(u), u uniform between 1 and the number of
        steps, or patches, of the longest sequence minus one (Tallec & Ollivier 2018), and None otherwise.""",
    "learning": f"""gradient : {{"full", "truncated"}}, default="full"
        The truncated gradient is that of 1997.
    solver : {choices(SOLVERS, "adam")}
        "sgd" with ``update="sequence"`` is the paper's on-line learning. "rprop" and "lbfgs" take all
        sequences at once ("rprop" large batches if `batch_size` says so); "lbfgs" is SciPy's. "dekf" is the
        decoupled extended Kalman filter (Puskorius & Feldkamp 1994; with LSTM Perez-Ortiz et al. 2003), which
        keeps a covariance matrix of the incoming weights of each unit: it needs few sequences, and much
        work for each. It requires ``gradient="truncated"``, ``update="step"`` or "sequence", and the squared
        error.
    learning_rate : float or callable, default=0.01
        For "rprop" the size of the first step; unused by "lbfgs" and "dekf". A callable is a schedule for
        "sgd" and "adam": it takes the number of epochs so far, starting at 0 and including those of earlier
        calls of `partial_fit` and of a warm start, and returns the rate of the next epoch.
    momentum : float, default=0.0
        For "sgd".
    alpha : "auto" or float, default="auto"
        L2 penalty: alpha / 2 times the sum of squares of all weights except biases is added to the mean
        loss. "auto" is 0.0001 for "adam" with mini-batches, and otherwise 0, as in 1997.
    clip : "auto", float or None, default="auto"
        Largest norm of the gradient; a gradient with a larger norm is scaled down. "auto" is 1 for "adam"
        with the log loss, and otherwise None, which means no bound.
    update : {{"batch", "sequence", "step"}}, default="batch"
        When weights are updated: after a mini-batch, by its mean gradient; after each sequence, by its
        summed gradient (1997); or after each time step that has a target (in real time, only with the
        truncated gradient; memory does not grow with the length).
    measurement_noise : float or callable, default=1.0
        Variance of the targets around the outputs that "dekf" assumes: the larger it is, the smaller are the
        steps. A callable takes the number of sequences learned from so far.
    process_noise : float or callable, default=0.005
        Variance that "dekf" adds to that of each weight at each update, so that learning does not stop. It
        may be a callable, as `measurement_noise`.
    initial_covariance : float, default=100.0
        Variance of each weight before "dekf" has learned anything.
    batch_size : "auto" or int, default="auto"
        Maximum number of sequences in a mini-batch; "auto" is 32, and all sequences for "rprop" and "lbfgs".
        There are as few batches as possible, and their sizes differ by one sequence at most: 33 sequences are
        16 and 17, not 32 and 1.
    max_iter : int, default=200
        Maximum number of epochs. Few sequences mean few updates per epoch, and need many epochs.
    tol : float, default=1e-4
        Learning ends when the loss (or the validation score) has not improved by `tol` in
        `n_iter_no_change` epochs; with the log loss it continues while the training loss is above a fifth of
        that of constant outputs, and in an epoch in which it is more than twice the least so far. For
        "lbfgs" it is the largest component of the gradient at which learning ends. Where a regressor
        standardises its targets, both are those of standardised targets: the scale of y does not matter.
    n_iter_no_change : int, default=20 (classifier) or 10 (regressor)
        See `tol`. With long sequences, the loss may hardly fall during the first epochs; a regressor
        over-fits sooner.
    early_stopping : bool, default=False
        Whether to hold out whole sequences, to stop when their score no longer improves, and to keep the
        weights that scored best. `fit` also takes your own validation sequences (`X_val`, `y_val`), or
        `groups` of sequences that are held out together.
    validation_fraction : float, default=0.1
        Fraction of the sequences to hold out. A class with a single sequence is not held out.
    scoring : str, callable or None, default=None
        The score of `early_stopping`: a scorer of scikit-learn, by name or as made by `make_scorer`; with
        ``return_sequences=True`` it is computed over all steps that have a target. An improvement is one by
        at least the fraction `tol` of the best value. None: accuracy or R².
    shuffle : bool, default=True
        Whether the sequences come in a new random order in each epoch.""",
    "last": """random_state : int, RandomState instance or None, default=None
        Source of the initial weights, the order of the sequences and the choice of those held out. An int
        makes `fit` reproducible.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.
    verbose : int, default=0
        1: a line of progress about every half second; 2: a line per epoch.
    n_jobs : int or None, default=None
        Number of threads for large batches and for predictions; -1 means all cores.""",
}

ATTRIBUTES = """n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.
    network_ : Network
        The topology.
    weights_ : ndarray of shape (`n_weights_`,)
        All weights, flat.
    coefs_ : dict of str to ndarray
        The same weights by name: views of `weights_`, with the shapes of ``network_.weight_shapes``.
    n_weights_ : int
        Number of weights.
    n_outputs_ : int
        Number of output units.
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean loss of each epoch, including the penalty; that of standardised targets where a regressor
        standardises them.
    validation_scores_ : list of float
        Score on the held-out sequences after each epoch; only with `early_stopping`.
    state_ : State or None
        State of the streams of `step`, one row per stream; it can be set. None before the first step."""
