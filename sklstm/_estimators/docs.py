"""The parts of the docstrings that the two estimators share."""

from sklstm._learning.solvers import SOLVERS


def choices(names, default):
    """Type of a parameter that is one of these strings, with the default first."""
    ordered = sorted(names, key=lambda name: name != default)
    quoted = ", ".join(f'"{name}"' for name in ordered)
    return f'{{{quoted}}}, default="{default}"'


PARAMETERS = {
    "both": """n_blocks : int, default=64
        Number of memory blocks.
    block_size : int, default=1
        Number of cells of a block; they share its gates.
    n_hidden_units : int, default=0
        Number of conventional logistic hidden units in addition to the blocks. With ``n_blocks=0``, they
        need ``recurrence="all"`` or "none".
    input_gate : bool, default=True
        Whether blocks have an input gate, which controls when the input changes the state.
    output_gate : bool, default=True
        Whether blocks have an output gate, which controls when the state is passed on.
    forget_gate : bool, default=True
        Whether blocks have a forget gate (2000). Without one, as in 1997, a state lasts until the sequence
        ends.
    peepholes : bool, default=False
        Whether there are weights from the states of a block to its gates (2002).
    recurrence : {"cells", "all", "gates", "none"}, default="cells"
        Which activations of the previous step the hidden layer reads: those of the cells, those of all hidden
        units, gates included (1997), or none. With "gates", only the gates read those of all hidden units.
    shortcut : bool, default=False
        Whether the inputs are connected to the output units.
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
        Whether there is a target and a prediction at every time step, instead of one per sequence.
    n_layers : int, default=1
        Number of layers of memory blocks and conventional hidden units. Each layer reads the activations of
        the cells and hidden units of the layer below, at the same step.
    n_patches : "auto", int or None, default="auto"
        Maximum number of patches, for one target per sequence. A patch consists of several consecutive steps
        that are read as one input (see `SequencePatcher`). ``network_.patch_size`` is the number of steps per
        patch: the smallest with which the longest sequence of the first `fit` has at most `n_patches`
        patches. None means that each step is an input. "auto" is 16 for sequences of more than 32 steps with
        the defaults ``update="batch"`` and ``gradient="full"``, and None otherwise; it uses fewer steps per
        patch if a patch would have more than 256 numbers.
    bidirectional : "auto" or bool, default="auto"
        Whether every layer exists twice, once for each direction of time (Schuster & Paliwal 1997), each
        with `n_blocks` blocks; the next layer, or the output layer, reads both. "auto" is True where
        sequences are read in patches.
    pooling : "auto", {"last", "mean", "max"} or tuple of these, default="auto"
        What the output layer reads with one target per sequence: the activations after the last step of each
        direction, their mean, or their maximum over the steps. With a tuple, it reads several of these.
        "auto" is all three where sequences are read in patches, and "last" otherwise.
    dropout : float, default=0.0
        Fraction of the inputs of each layer, the lowest included, and of the output layer that is left out
        during learning. The same inputs are left out at all steps of a sequence, and other inputs for each
        sequence and epoch (Gal & Ghahramani 2016). The remaining inputs are multiplied by 1 / (1 - dropout).
        If X has few features, much of it is left out.
    n_channels : int or None, default=None
        Only if X is 2-D. None: one univariate sequence per row. A number: X has the shape (n_sequences,
        n_steps * n_channels), all channels of step 0 first, and trailing steps of NaN are padding. In this
        form, scikit-learn's tools for tables accept sequences.
    init_range : "auto" or float, default="auto"
        Initial weights are uniform in [-init_range, init_range]; "auto" is 1 / sqrt(number of cells
        and hidden units). With ``update="batch"``, dense channels of X whose values are far from 1 are
        divided by a power of two during learning, and the initial weights fit the divided values.
    input_gate_bias : "auto", float, array-like of shape (n_blocks,) or None, default="auto"
        Initial biases of the input gates, one number, or one per block; None: random like other weights.
        Negative biases keep states from drifting (1997, section 4). "auto" is minus the biases of the forget
        gates where these are drawn by "auto", and None otherwise.
    output_gate_bias : float, array-like of shape (n_blocks,) or None, default=None
        The same for output gates; negative biases keep blocks from being used too early (1997).
    forget_gate_bias : "auto", float, array-like of shape (n_blocks,) or None, default="auto"
        The same for forget gates; with positive biases, states last longer (2000). With the log loss, the
        full gradient, forget gates and one target per sequence, "auto" is log(u), where u is uniform between
        1 and the number of steps, or patches, of the longest sequence minus one (Tallec & Ollivier 2018).
        Otherwise, "auto" is None.""",
    "learning": f"""gradient : {{"full", "truncated"}}, default="full"
        The truncated gradient is that of 1997.
    solver : {choices(SOLVERS, "adam")}
        "sgd" with ``update="sequence"`` is the paper's on-line learning. "rprop" and "lbfgs" use all
        sequences for each update ("rprop" uses large batches if `batch_size` is given); "lbfgs" is SciPy's.
        "dekf" is the decoupled extended Kalman filter (Puskorius & Feldkamp 1994; with LSTM Perez-Ortiz et
        al. 2003), which keeps a covariance matrix of the incoming weights of each unit. It needs few
        sequences, and much computing time for each. It requires ``gradient="truncated"``, ``update="step"``
        or "sequence", and the squared error.
    learning_rate : float or callable, default=0.01
        Learning rate; for "rprop", the size of the first step. "lbfgs" and "dekf" do not use it. A callable
        is a schedule for "sgd" and "adam": it takes the number of epochs so far, starting at 0 and including
        those of earlier calls of `partial_fit` and of a warm start, and returns the rate of the next epoch.
    momentum : float, default=0.0
        Momentum of "sgd".
    alpha : "auto" or float, default="auto"
        L2 penalty: alpha / 2 times the sum of squares of all weights except biases is added to the mean
        loss. "auto" is 0 except for "adam" with mini-batches. There it is 0.0001 with the log loss; with
        other losses it is 0.1 divided by the number of sequences, but at least 0.0001 and at most 0.001.
    clip : "auto", float or None, default="auto"
        Largest norm of the gradient; a gradient with a larger norm is scaled down. "auto" is 1 for "adam"
        with the log loss, and otherwise None, which means no bound.
    update : {{"batch", "sequence", "step"}}, default="batch"
        When weights are updated: after a mini-batch, by its mean gradient; after each sequence, by its
        summed gradient (1997); or after each time step that has a target (in real time, only with the
        truncated gradient; memory does not grow with the length).
    measurement_noise : float or callable, default=1.0
        Variance of the targets around the outputs that "dekf" assumes: the larger it is, the smaller the
        steps are. A callable takes the number of sequences learned from so far.
    process_noise : float or callable, default=0.005
        Variance that "dekf" adds to that of each weight at each update, so that learning does not stop. It
        can be a callable, as for `measurement_noise`.
    initial_covariance : float, default=100.0
        Variance of each weight before "dekf" has learned anything.
    batch_size : "auto" or int, default="auto"
        Maximum number of sequences in a mini-batch; "auto" is 32, and all sequences for "rprop" and "lbfgs".
        There are as few batches as possible, and their sizes differ by one sequence at most: 33 sequences
        make batches of 16 and 17, not of 32 and 1.
    max_iter : int, default=200
        Maximum number of epochs. With few sequences, there are few updates per epoch, so more epochs are
        needed.
    tol : float, default=1e-4
        Learning ends when the loss (or the validation score) has not improved by `tol` in
        `n_iter_no_change` epochs. With the log loss, it continues while the training loss is above a fifth of
        that of constant outputs, and in an epoch in which the loss is more than twice the smallest so far.
        For "lbfgs", `tol` is the largest component of the gradient at which learning ends. If a regressor
        standardises its targets, loss and gradient are those of standardised targets, so the scale of y does
        not matter.
    n_iter_no_change : int, default=20 (classifier) or 10 (regressor)
        See `tol`. With long sequences, the loss may hardly fall during the first epochs. A regressor
        over-fits sooner.
    average : "auto" or bool, default="auto"
        Whether the model has a moving average of the weights of the epochs instead of the weights of the
        last epoch, if `tol` ends learning. Each epoch counts 1 - 1 / `n_iter_no_change` times as much as the
        next. If `max_iter` or a callback ends learning, and with `partial_fit`, the model has the weights of
        the last epoch; with `early_stopping`, it has those that scored best. "auto" is True for "adam" with
        mini-batches.
    early_stopping : bool, default=False
        Whether to hold out whole sequences, to stop when their score no longer improves, and to keep the
        weights that scored best. `fit` also takes your own validation sequences (`X_val`, `y_val`), or
        `groups` of sequences that are held out together.
    validation_fraction : float, default=0.1
        Fraction of the sequences to hold out. A class with a single sequence is not held out.
    scoring : str, callable or None, default=None
        The score of `early_stopping`: a scorer of scikit-learn, by name or as made by `make_scorer`. With
        ``return_sequences=True`` it is computed over all steps that have a target. A score is an improvement
        if it is better by at least the fraction `tol` of the best value. None: accuracy or R².
    shuffle : bool, default=True
        Whether each epoch has the sequences in a new random order.""",
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
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.
    network_ : Network
        The topology.
    weights_ : ndarray of shape (`n_weights_`,)
        All weights in one vector.
    coefs_ : dict of str to ndarray
        The same weights by name: views of `weights_`, with the shapes of ``network_.weight_shapes``.
    n_weights_ : int
        Number of weights.
    n_outputs_ : int
        Number of output units.
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean loss of each epoch, including the penalty. If a regressor standardises its targets, it is the
        loss of standardised targets.
    validation_scores_ : list of float
        Score on the held-out sequences after each epoch; only with `early_stopping`.
    state_ : State or None
        State of the streams of `step`, one row per stream; None before the first step. It can be set."""
