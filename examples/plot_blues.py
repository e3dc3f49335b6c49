"""
Twelve bars of blues
====================

Recurrent networks that compose music by predicting the next notes tend to lose the form: they learn which
notes go together, but not where in the form they are. LSTM keeps the form (Eck & Schmidhuber 2002). One
network learns the chords, eight steps per bar, another one the melodies. Then both read their own notes.
"""

# %%
# At most steps the chord stays the same, so a network that always predicts this is right nine times out of
# ten in open loop. In closed loop, one wrong change loses the form.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.io import wavfile

from sklstm import LSTMRegressor
from sklstm.tasks import BLUES_NOTES, make_blues

parser = argparse.ArgumentParser(description="Chords and melody of a twelve-bar blues in closed loop")
parser.add_argument("--epochs", type=int, default=8000, help="for the chords, at most")
parser.add_argument("--songs", type=int, default=20_000, help="for the melody, at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
rng, common = np.random.default_rng(options.seed), {"return_sequences": True, "loss": "log_loss"}
common |= {"output_activation": "logistic", "alpha": 0, "clip": 1.0, "random_state": options.seed}
chords = LSTMRegressor(n_blocks=4, block_size=2, shortcut=True, learning_rate=0.01, **common)
melody = LSTMRegressor(n_blocks=12, block_size=2, batch_size=8, **common)
X, y = make_blues(1, n_choruses=4, melody=False)
form = X[0]
for epoch in range(1, options.epochs + 1):
    chords.set_params(learning_rate=0.01 * max(0.05, 1 - epoch / 8000))
    chords.partial_fit([form[:288]], [y[0][:288]])
    if epoch % 200 and epoch < options.epochs:
        continue
    stream, song, cells = chords.network_.stream(chords.weights_), [form[0]], []
    for _ in form:
        cells.append(stream.state.activations[0])
        song.append((stream.step(song[-1]) > 0.5).astype(float))
    n_right = int(np.append((song[:-1] != form).any(axis=1), True).argmax())
    print(f"epoch {epoch}: closed loop right for {n_right} of {len(form)} steps", flush=True)
    if n_right == len(form):
        break

# %%
# The network of the melody reads its own notes and the cells of the chords. A bar may begin with one of two
# notes: one is drawn from those whose outputs are at least half of the largest output.

tunes = np.reshape([song[:, 12:] for song in make_blues(64, 1, random_state=0)[0]], (64, 12, -1))
for n_songs in range(8, options.songs + 1, 8):
    X, y = make_blues(8, 3, random_state=rng)
    melody.set_params(learning_rate=0.01 * max(0.02, 1 - n_songs / 40_000))
    melody.partial_fit([np.hstack([x[:, 12:], cells[:288]]) for x in X], [x[:, 12:] for x in y])
    if n_songs % 400 and n_songs < options.songs - 7:
        continue
    stream, tune = melody.network_.stream(melody.weights_), [X[0][0, 12:]]
    for before in cells[:-1]:
        outputs = stream.step(np.append(tune[-1], before))
        odds = outputs * (outputs >= outputs.max() / 2)
        tune.append(np.eye(13)[rng.choice(13, p=odds / odds.sum())])
    is_known = (np.reshape(tune, (4, 1, 12, -1)) == tunes).all(axis=3).any(axis=1)
    print(f"{n_songs} songs: {is_known.sum()} of 48 bars as in a song", flush=True)
    if is_known.all():
        break
print("published: the network does not drift once it has found the form")

# %%
# The music as a piano roll, a Standard MIDI File and a WAV file. A repeated note is held.

song = np.hstack([song[:-1], tune])[:96]
plt.style.use("sklstm.pictures")
figure, axis = plt.subplots(figsize=(11, 4))
axis.imshow(song.T, origin="lower", cmap="Blues", aspect="auto")
axis.set(xticks=range(0, 96, 8), xticklabels=range(1, 13), yticks=range(25), yticklabels=BLUES_NOTES)
axis.set(xlabel="bar", title="One chorus in closed loop")
figure.savefig("blues.png")
pitches = [name.split()[1] for name in BLUES_NOTES[:12]]
keys = [*range(48, 60), *(12 * int(name[-1]) + 12 + pitches.index(name[:-1]) for name in BLUES_NOTES[12:])]
events, held, last = b"", np.zeros(25), 0
for step, row in enumerate([*song, np.zeros(25)]):
    for note in np.flatnonzero(row != held):
        ticks, last = 240 * (step - last), step
        events += bytes([ticks >> 14 | 128, ticks >> 7 & 127 | 128, ticks & 127, 0x90])
        events += bytes([keys[note], 80 if row[note] else 0])
    held = row
events += b"\x00\xff\x2f\x00"
with open("blues.mid", "wb") as file:
    file.write(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0")  # one track, 480 ticks per quarter note
    file.write(b"MTrk" + len(events).to_bytes(4, "big") + events)
t = np.arange(2000) / 8000  # seconds of a step
tones = np.sin(2 * np.pi * 440 * 2 ** ((np.array(keys)[:, np.newaxis] - 69) / 12) * t)
sound = 4000 * (song @ tones) / 5 * np.minimum(1, np.minimum(t, t[::-1]) * 100)
wavfile.write("blues.wav", 8000, sound.ravel().astype(np.int16))
print("figure: blues.png; music: blues.mid, blues.wav")
