"""
Learning to learn: functions from exemplars
===========================================

Each sequence is a new quadratic function of two variables. At each step, the network reads a point and the
value at the previous point, and predicts the value at the new one. In the test its weights are frozen: to
predict well, it has to run a learning algorithm in its activations, and gradient descent has to find this
algorithm (Hochreiter, Younger & Conwell 2001).
"""

# %%
# The tutorial of 2003 mentions about 5,000 weights, five months of training, and 30 exemplars, whereas
# back-propagation with the best learning rate needs about 1,000.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import make_functions

parser = argparse.ArgumentParser(description="A frozen LSTM learns quadratic functions")
parser.add_argument("--epochs", type=int, default=1500, help="of 512 new functions")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
rng = np.random.default_rng(options.seed)

# %%
# Each epoch has new functions. Targets are centred and multiplied by ten. The learning rate decreases
# linearly.

reg = LSTMRegressor(n_blocks=24, return_sequences=True, alpha=0, clip=1.0, random_state=options.seed)
for epoch in range(options.epochs):
    X, y = make_functions(512, 40, random_state=rng)
    reg.set_params(learning_rate=0.005 * max(0.02, 1 - epoch / options.epochs))
    reg.partial_fit(X, [10 * (f - 0.5) for f in y])
    if (epoch + 1) % 100 == 0:
        print(f"epoch {epoch + 1}: loss {reg.loss_curve_[-1]:.4f}", flush=True)

# %%
# Three learners on 200 new functions: the frozen network; least squares on the six monomials, which knows the
# family and is optimal; and a small network of one hidden layer, trained by on-line back-propagation with the
# best of four learning rates.

n_exemplars, n_functions = 60, 200
X, y = make_functions(n_functions, n_exemplars, random_state=rng)
points, f = (
    np.reshape(list(X), (n_functions, n_exemplars, 3))[..., :2],
    np.reshape(list(y), (n_functions, -1)),
)
lstm = np.reshape(list(reg.predict(X)), f.shape) / 10 + 0.5

u, v = points[..., 0], points[..., 1]
monomials = np.stack([u * u, v * v, u * v, u, v, np.ones_like(u)], axis=-1)
weights, P = np.zeros((n_functions, 6)), np.tile(np.eye(6) * 8e-4, (n_functions, 1, 1))
squares = np.empty_like(f)
for t in range(n_exemplars):
    m = monomials[:, t]
    squares[:, t] = f[:, t] - 0.5 - (weights * m).sum(axis=1)
    gain = (P @ m[..., np.newaxis])[..., 0]
    scale = 1e-12 + (m * gain).sum(axis=1, keepdims=True)
    weights += gain * squares[:, t, np.newaxis] / scale
    P -= gain[:, :, np.newaxis] * gain[:, np.newaxis, :] / scale[..., np.newaxis]

backprop = []
for rate in (0.05, 0.1, 0.2, 0.3):
    W, V = rng.uniform(-0.5, 0.5, (n_functions, 10, 3)), np.zeros((n_functions, 11))
    errors = np.empty_like(f)
    for t in range(n_exemplars):
        x = np.concatenate([points[:, t], np.ones((n_functions, 1))], axis=1)
        h = np.concatenate([np.tanh(W @ x[..., np.newaxis])[..., 0], np.ones((n_functions, 1))], axis=1)
        e = errors[:, t] = f[:, t] - 0.5 - (V * h).sum(axis=1)
        back = (e[:, np.newaxis] * V * (1 - h * h))[:, :-1]
        V += rate * e[:, np.newaxis] * h
        W += rate * back[..., np.newaxis] * x[:, np.newaxis]
    backprop.append((errors**2).mean(axis=0))

# %%
# The mean square error of the prediction of each exemplar.

curves = {"LSTM, frozen": ((lstm - f) ** 2).mean(axis=0), "least squares": (squares**2).mean(axis=0)}
curves["back-propagation"] = min(backprop, key=lambda curve: curve[-10:].mean())
plt.style.use("sklstm.pictures")
figure, axis = plt.subplots(figsize=(6, 4))
for name, curve in curves.items():
    axis.semilogy(np.arange(1, n_exemplars + 1), np.maximum(curve, 1e-12), label=name)
    print(f"{name:17} mean square error at exemplars 31 to 40: {curve[30:40].mean():.2e}")
axis.set(xlabel="exemplar", ylabel="mean square error", title="Quadratic functions", ylim=(1e-9, None))
axis.legend()
figure.savefig("learning_to_learn.png")
print("figure: learning_to_learn.png")
