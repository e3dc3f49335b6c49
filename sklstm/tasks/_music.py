"""Twelve-bar blues (2002): a form of chords, and melodies over it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences import Sequences
from sklstm.tasks._shared import Array, RandomState, float_dtype, generator, integer, n_sequences_of

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# The scale of the melody: C minor pentatonic with the blue note, two octaves and the C above them.
SCALE = ("C", "D#", "F", "F#", "G", "A#")
BLUES_NOTES = (
    *(f"chord {pitch}" for pitch in PITCHES),
    *(f"{pitch}{octave}" for octave in (5, 6) for pitch in SCALE),
    "C7",
)
STEPS_PER_BAR = 8
_CHORDS = {
    "C7": "C E G A#",
    "F7": "C D# F A",
    "Fdim": "D F G# B",
    "A7": "C# E G A",
    "Dm7": "C D F A",
    "G7": "D F G B",
}
_FORM = "C7, F7, C7, C7, F7, Fdim, C7, A7, Dm7, G7, C7 A7, Dm7 G7"
# Two bars of melody for each chord with which a bar begins: one note per step.
_BARS = {
    "C7": ("C5 C5 D#5 F5 G5 G5 A#5 G5", "C6 C6 A#5 G5 F5 F#5 G5 G5"),
    "F7": ("F5 F5 G5 A#5 C6 C6 A#5 F5", "D#6 D#6 C6 C6 A#5 F5 D#5 F5"),
    "Fdim": ("F#5 F#5 F5 D#5 C5 D#5 F5 F#5", "F6 D#6 C6 A#5 G5 F#5 F5 F5"),
    "A7": ("G5 G5 F5 D#5 C5 C5 D#5 G5", "A#6 G6 F6 D#6 C6 C6 A#5 G5"),
    "Dm7": ("F5 F5 D#5 C5 F5 G5 A#5 C6", "C6 D#6 F6 F6 C6 A#5 G5 F5"),
    "G7": ("G5 A#5 C6 D#6 F6 D#6 C6 A#5", "F6 F#6 G6 F6 D#6 C6 G5 G5"),
}


def make_blues(
    n_sequences: int,
    n_choruses: int = 1,
    *,
    melody: bool = True,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences]:
    """Twelve-bar blues: predict the notes of the next step (2002).

    A chorus has 12 bars of 8 steps, which makes 96 steps. There are 25 notes. Of the 12 chord notes, those of
    the chord of the bar sound. Of the 13 melody notes, one sounds. Each chord has two bars of melody, and one
    of them is drawn for each bar, so a chorus has 2^12 possible melodies.

    Parameters
    ----------
    n_sequences : int
        Number of songs.
    n_choruses : int, default=1
        Number of choruses of each song, at least 1.
    melody : bool, default=True
        Whether there is a melody. Without it, there are only the 12 chord notes, and all songs are equal.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 for each note that sounds and 0 otherwise; 25 features named in `BLUES_NOTES`, or 12.
    y : Sequences
        Dense, the notes of the next step; after the last step, these are those of the first step of a chorus.

    Notes
    -----
    The task of Eck & Schmidhuber, "Finding temporal structure in music: blues improvisation with LSTM
    recurrent networks", IEEE Workshop on Neural Networks for Signal Processing 2002, 747-756: 12 bars, 8
    steps per bar. Chords and melodies are our own. The coding does not distinguish a note that is held from
    one that is played again.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import BLUES_NOTES, make_blues
    >>> X, y = make_blues(1, random_state=0)
    >>> X
    <Sequences: 1 of 96 to 96 steps, 25 features, float64 ndarray>
    >>> [BLUES_NOTES[i] for i in np.flatnonzero(X[0][0])]
    ['chord C', 'chord E', 'chord G', 'chord A#', 'C6']
    """
    n, n_choruses = n_sequences_of(n_sequences), integer("n_choruses", n_choruses)
    if not isinstance(melody, bool | np.bool_):
        raise TypeError(f"melody must be True or False, got {shown(melody)}.")
    rng, dtype = generator(random_state), float_dtype(dtype)
    chords = np.tile(_chord_steps(), (n * n_choruses, 1))
    bars = _melody_bars()
    if melody:
        n_bars = len(bars)
        drawn = rng.integers(0, 2, (n * n_choruses, n_bars))
        tune = bars[np.arange(n_bars), drawn].reshape(len(chords), -1)  # one bar each
        after = bars[0, rng.integers(0, 2, n), 0]  # the first step of another chorus
        notes = np.hstack([chords, tune])
        last = np.hstack([np.tile(chords[0], (n, 1)), after])
    else:
        notes, last = chords, np.tile(chords[0], (n, 1))
    songs = notes.reshape(n, -1, notes.shape[1]).astype(dtype)
    following = np.concatenate([songs[:, 1:], last[:, np.newaxis].astype(dtype)], axis=1)
    return (
        Sequences.from_lengths(songs.reshape(-1, songs.shape[2]), [songs.shape[1]] * n),
        Sequences.from_lengths(following.reshape(-1, songs.shape[2]), [songs.shape[1]] * n),
    )


def _chord_steps() -> Array:
    """The 12 chord notes of each of the 96 steps."""
    steps = []
    for bar in _FORM.split(", "):
        for chord in bar.split():
            row = [float(pitch in _CHORDS[chord].split()) for pitch in PITCHES]
            steps += [row] * (STEPS_PER_BAR // len(bar.split()))
    return np.array(steps)


def _melody_bars() -> Array:
    """The 13 melody notes of each of the 8 steps, for each bar of the form and each of two choices."""
    names = BLUES_NOTES[len(PITCHES) :]
    firsts = [bar.split()[0] for bar in _FORM.split(", ")]
    numbers = [[[names.index(note) for note in bar.split()] for bar in _BARS[chord]] for chord in firsts]
    return np.eye(len(names))[np.array(numbers)]
