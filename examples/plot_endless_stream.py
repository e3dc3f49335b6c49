"""
One endless sequence: ten million steps in constant memory
==========================================================

Strings of the embedded Reber grammar follow one another without a gap, symbol by symbol, and nothing marks
their ends. The network predicts each next symbol and learns from it at once, with ``update="step"``,
the truncated gradient, and ``partial_fit(..., continued=True)``, which carries the state and the partials of
1997 from chunk to chunk. The T or P near the end of a string is that of its beginning, so the network has to
store one bit over the inner string, and to forget it afterwards: forget gates were invented for this task
(2000).
"""

# %%
# The stream, in chunks of 500 strings, about 6,000 symbols; the last symbol of a chunk is the first input of
# the next.

import argparse
import resource  # of Unix
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.tasks import REBER_SYMBOLS, make_embedded_reber, reber_successors

parser = argparse.ArgumentParser(description="One endless sequence in constant memory")
parser.add_argument("--steps", type=int, default=10_000_000, help="of the stream")
parser.add_argument("--seed", type=int, default=0, help="of the stream and the weights")
arguments = parser.parse_args()

SYMBOLS = np.array(list(REBER_SYMBOLS))


def strings(n, random_state):
    """Whole strings, one-hot: a list of arrays (n_steps, 7)."""
    X, y = make_embedded_reber(n, random_state=random_state)
    return [np.concatenate([x.toarray(), target[-1:]]) for x, target in zip(X, y)]


def stream(random_state):
    """Endless chunks of inputs (n_steps, 7) and next symbols (n_steps,)."""
    rng = np.random.default_rng(random_state)
    chunk = np.zeros((0, 7))
    while True:
        chunk = np.concatenate([chunk[-1:], *strings(500, rng)])
        yield chunk[:-1], SYMBOLS[chunk[1:].argmax(axis=1)]


def megabytes():
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


# %%
# A test stream of 200 strings is read from a state of zero. The symbol before the last E is difficult:
# a network without memory is right half of the time. The loss cannot fall below the entropy of the grammar.

test = strings(200, arguments.seed + 1_000_000)
test_input = np.concatenate(test)[:-1]
before_the_end = np.cumsum([len(string) for string in test]) - 3  # the input after which T or P is due
right = SYMBOLS[[string[-2].argmax() for string in test]]
choices = np.maximum(reber_successors(test).sum(axis=1), 1)
entropy = np.log(choices).mean()

# %%
# Learning. The learning rate decreases from chunk to chunk: it is a function of the number of chunks so far.
# Memory is measured after the first chunk, and at the end.

clf = LSTMClassifier(
    n_blocks=8,
    return_sequences=True,
    gradient="truncated",
    update="step",
    learning_rate=lambda chunk: 0.004 / (1 + chunk / 500),
    random_state=arguments.seed,
)
print(f"{'steps':>10}  {'loss [nats]':>11}  {'T or P right':>12}  {'seconds':>7}  {'MB at most':>10}")
steps, report, accuracies, at_start, start = 0, 0, [], None, time.perf_counter()
for inputs, targets in stream(arguments.seed):
    clf.partial_fit([inputs], [targets], classes=SYMBOLS, continued=True)
    steps += len(inputs)
    if steps >= report:
        foretold = clf.predict([test_input])[0][before_the_end]
        accuracies.append((steps, np.mean(foretold == right)))
        at_start = at_start or megabytes()
        spent = time.perf_counter() - start
        loss = np.mean(clf.loss_curve_[-100:])
        print(
            f"{steps:>10,}  {loss:>11.4f}  {accuracies[-1][1]:>12.3f}  {spent:>7.1f}  {megabytes():>10.1f}",
            flush=True,
        )
        report += arguments.steps / 10
    if steps >= arguments.steps:
        break
print(f"\nmemory at most: {at_start:.1f} MB at the start, {megabytes():.1f} MB after {steps:,} steps")
print(f"entropy of the grammar: {entropy:.4f} nats per symbol")

# %%
# `loss_curve_` has one value per chunk: the mean loss of the predictions, each before its answer was learned.

plt.style.use("sklstm.pictures")
figure, (above, below) = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
at = np.linspace(0, steps, len(clf.loss_curve_) + 1)[1:] / 1e6
above.plot(at, clf.loss_curve_, ".", markersize=3, label="mean of a chunk, before it is learned")
above.axhline(entropy, color="k", linestyle="--", label="entropy of the grammar")
above.set(ylabel="log loss [nats per symbol]", title="One stream, learned as it comes")
above.legend()
tested, accuracy = np.transpose(accuracies)
below.plot(tested / 1e6, accuracy, "o-", label="LSTMClassifier")
below.axhline(0.5, color="k", linestyle="--", label="without memory")
below.set(xlabel="time steps of the stream [millions]", ylabel="T or P at the end right", ylim=(0.4, 1.02))
below.legend(loc="center right")
figure.savefig("endless_stream.png")
print("figure: endless_stream.png")
