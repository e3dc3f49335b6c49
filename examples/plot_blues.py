"""
Twelve bars of blues
====================

Recurrent networks that write music by predicting the next notes tend to wander: they know which notes go
together, not where in the form they are. LSTM keeps the form (Eck & Schmidhuber 2002). Here it learns the
chords of a twelve-bar blues, eight steps per bar, and then plays alone: what it predicts is its next input.
"""

# %%
# Right in open loop says little: the chord stays the same at most steps, and a network that says so is right
# nine times of ten. In closed loop one wrong change is the end of the form.

import argparse
import wave

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import BLUES_NOTES, make_blues

parser = argparse.ArgumentParser(description="Chords of a twelve-bar blues in closed loop")
parser.add_argument("--epochs", type=int, default=8000, help="at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
X, y = make_blues(1, n_choruses=3, melody=False)
reg = LSTMRegressor(
    n_blocks=4, block_size=2, shortcut=True, return_sequences=True, output_activation="logistic",
    loss="log_loss", learning_rate=0.01, alpha=0, clip=1.0, random_state=options.seed,
)  # fmt: skip


def play(n_steps):
    """Own outputs above one half as inputs, from the first chord on."""
    reg.reset_state()
    notes, song = X[0][0], []
    for _ in range(n_steps):
        notes = (reg.step(notes) > 0.5).astype(float)
        song.append(notes)
    return np.array(song)


# %%
# Until four choruses are right from the first step to the last.

form = np.tile(y[0][:96], (4, 1))
for epoch in range(1, options.epochs + 1):
    reg.set_params(learning_rate=0.01 * max(0.05, 1 - epoch / 8000)).partial_fit(X, y)
    if epoch % 200 == 0 or epoch == options.epochs:
        right = (play(len(form)) == form).all(axis=1)
        first = len(form) if right.all() else int(right.argmin())
        print(f"epoch {epoch}: closed loop right for {first} of {len(form)} steps", flush=True)
        if right.all():
            break
print("published: the network does not drift once it has found the form")

# %%
# What it plays, as a piano roll, a Standard MIDI File and a WAV file. A note that goes on is held.

song = play(96)
plt.style.use("sklstm.pictures")
figure, axis = plt.subplots(figsize=(11, 3))
axis.imshow(song.T, origin="lower", cmap="Blues")
axis.set(yticks=range(12), yticklabels=[name.split()[1] for name in BLUES_NOTES[:12]])
axis.set(xticks=range(0, 96, 8), xticklabels=range(1, 13), xlabel="bar", title="One chorus in closed loop")
figure.savefig("blues.png")

TICKS, LOWEST = 240, 48  # of a step; the key of the first C
events, held, last = b"", np.zeros(12), 0
for step, row in enumerate([*song, np.zeros(12)]):
    for key in np.flatnonzero(row != held):
        wait = (step - last) * TICKS
        delta = bytes([wait >> 14 | 128, wait >> 7 & 127 | 128, wait & 127])
        events += delta + bytes([0x90, LOWEST + key, 80 if row[key] else 0])
        last = step
    held = row
events += b"\x00\xff\x2f\x00"
with open("blues.mid", "wb") as file:
    file.write(b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1, 480 >> 8, 480 & 255]))
    file.write(b"MTrk" + len(events).to_bytes(4, "big") + events)
t = np.arange(2000) / 8000  # a quarter of a second
tones = np.sin(2 * np.pi * 440 * 2 ** ((LOWEST + np.arange(12)[:, np.newaxis] - 69) / 12) * t)
sound = (4000 * (song @ tones) / 4 * np.minimum(1, np.minimum(t, t[::-1]) * 100)).astype("<i2")
with wave.open("blues.wav", "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
    file.writeframes(sound.tobytes())
print("figure: blues.png; music: blues.mid, blues.wav")
