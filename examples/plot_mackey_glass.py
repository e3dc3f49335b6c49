"""
Mackey-Glass: windows of time are better here
=============================================

Not every series needs a memory. The next values of the Mackey-Glass series follow from a few earlier ones,
and a network of one hidden layer that reads them through a window learns it well. "LSTM extracts basic wave;
but best FNN better", says the tutorial of 2003. Here, both have 113 weights, and LSTM reads one value per
step.
"""

# %%
# The differences are about a thousandth, so the table is printed whatever its result.

import argparse
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from sklstm import LSTMRegressor
from sklstm.tasks import make_mackey_glass

parser = argparse.ArgumentParser(description="LSTM and windows of time on the Mackey-Glass series")
parser.add_argument("--epochs", type=int, default=1500, help="of 32 parts of the series")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
LAGS, horizons = np.array([0, 6, 12, 18, 24, 30]), (1, 6, 84)
learned, tested = np.arange(30, 3000), np.arange(4800, 5300)


def nrmse(predicted, y):
    """Root mean square error on the test steps, over the spread of the targets."""
    return np.sqrt(np.mean((predicted - y[tested]) ** 2)) / y[tested].std()


# %%
# Windows: six values, six steps apart. LSTM: parts of 250 steps, four blocks with peepholes.

found = {}
print(f"{'steps ahead':>11} {'window':>8} {'LSTM':>8}")
for horizon in horizons:
    rng = np.random.default_rng(options.seed)
    X, y = make_mackey_glass(5300, horizon)
    mean, spread = X[0][:3000].mean(), X[0][:3000].std()
    x, y = (X[0] - mean) / spread, (y[0][:, 0] - mean) / spread
    mlp = MLPRegressor(hidden_layer_sizes=(14,), activation="tanh", solver="lbfgs", alpha=0,
                       max_iter=options.epochs, max_fun=10**6, tol=0, random_state=options.seed)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp.fit(x[learned[:, np.newaxis] - LAGS, 0], y[learned])
    windows = mlp.predict(x[tested[:, np.newaxis] - LAGS, 0])
    reg = LSTMRegressor(n_blocks=4, peepholes=True, return_sequences=True, batch_size=8, init_range=0.5,
                        alpha=0, clip=1.0, random_state=options.seed)  # fmt: skip
    for epoch in range(options.epochs):
        starts = rng.integers(0, 3000 - 250, 32)
        reg.set_params(learning_rate=0.01 * max(0.02, 1 - epoch / options.epochs))
        reg.partial_fit([x[at : at + 250] for at in starts], [y[at : at + 250] for at in starts])
    lstm = reg.predict([x[4500:5300]])[0][300:]
    found[horizon] = windows, lstm, y[tested]
    print(f"{horizon:11d} {nrmse(windows, y):8.4f} {nrmse(lstm, y):8.4f}", flush=True)
print('published: "LSTM extracts basic wave; but best FNN better"')

# %%
# The errors over the first 200 steps of the test.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(2, 3, figsize=(12, 5), sharex=True)
for (above, below), (horizon, (windows, lstm, truth)) in zip(axes.T, found.items()):
    above.plot(truth[:200], "k", linewidth=1, label="series")
    above.plot(lstm[:200], "C0--", linewidth=1, label="LSTM")
    above.set(title=f"{horizon} step{'s' * (horizon > 1)} ahead")
    for name, predicted, colour in (("window", windows, "C1"), ("LSTM", lstm, "C0")):
        below.semilogy(np.abs(predicted - truth)[:200] + 1e-6, colour, linewidth=1, label=name)
    below.set(xlabel="step", ylabel="absolute error")
axes[0, 0].legend()
axes[1, 0].legend()
figure.savefig("mackey_glass.png")
print("figure: mackey_glass.png")
