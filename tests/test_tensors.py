"""Tensors of torch: taken where NumPy can have their numbers, else refused by place."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklstm import LSTMClassifier, LSTMRegressor, PerTimeStep, SequenceScaler, stack_steps
from sklstm._sequences import as_sequences

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Learning has not converged"),
    pytest.mark.filterwarnings("ignore:.*nested tensors.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning"),
]

SMALL = {"n_blocks": 2, "max_iter": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.integers(-8, 9, size=(n, 2)) / 8 for n in RNG.integers(3, 9, 12)]  # exact in bfloat16
Y = np.arange(12) % 2
TENSORS = [torch.tensor(x) for x in X]

FORMS = {
    "list": lambda: TENSORS,
    "tuple": lambda: tuple(TENSORS),
    "bfloat16": lambda: [x.bfloat16() for x in TENSORS],
    "half": lambda: [x.half() for x in TENSORS],
    "gradient": lambda: [x.clone().requires_grad_() for x in TENSORS],
    "parameters": lambda: [torch.nn.Parameter(x) for x in TENSORS],
    "packed": lambda: torch.nn.utils.rnn.pack_sequence(TENSORS, enforce_sorted=False),
    "packed, sorted": lambda: torch.nn.utils.rnn.pack_sequence(sorted(TENSORS, key=len, reverse=True)),
    "nested": lambda: torch.nested.nested_tensor(TENSORS),
    "jagged": lambda: torch.nested.nested_tensor(TENSORS, layout=torch.jagged),
    "sparse": lambda: [x.to_sparse() for x in TENSORS],
    "sparse rows": lambda: [x.to_sparse_csr() for x in TENSORS],
    "conjugate": lambda: [torch.complex(x, -x).conj().imag for x in TENSORS],
    "padded": lambda: torch.nn.utils.rnn.pad_sequence(TENSORS, batch_first=True, padding_value=torch.nan),
    "steps": lambda: [list(x) for x in TENSORS],
    "numbers": lambda: [[list(step.clone().requires_grad_()) for step in x] for x in TENSORS],
}


@pytest.mark.parametrize("form", FORMS)
def test_tensors_are_read(form):
    arrays = sorted(X, key=len, reverse=True) if form == "packed, sorted" else X
    read = as_sequences(FORMS[form]())
    assert_array_equal(read._dense(), np.concatenate(arrays))
    assert_array_equal(read.lengths, [len(x) for x in arrays])
    assert read.dtype == (np.float32 if form in ("bfloat16", "half") else np.float64)
    assert read.is_sparse == ("sparse" in form)
    clf = LSTMClassifier(**SMALL).fit(FORMS[form](), Y)
    assert clf.predict(FORMS[form]()).shape == (12,)
    if not read.is_sparse:
        scaled = as_sequences(SequenceScaler().fit_transform(FORMS[form]()))
        assert_array_equal(scaled.lengths, read.lengths)


@pytest.mark.parametrize("change", ["bfloat16", "requires_grad_", "to_sparse"])
def test_targets_and_weights(change):
    reg = LSTMRegressor(**SMALL)
    expected = clone(reg).fit(X, Y / 2.0, sample_weight=Y + 1.0).predict(X)
    y, weight = (getattr(torch.tensor(values), change)() for values in (Y / 2.0, Y + 1.0))
    assert_array_equal(clone(reg).fit(X, y, sample_weight=weight).predict(X), expected)
    steps = LSTMRegressor(return_sequences=True, **SMALL)
    targets = [getattr(torch.tensor(x[:, 0]), change)() for x in X]
    fitted = clone(steps).fit(X, targets)
    assert_array_equal(fitted.weights_, steps.fit(X, [x[:, 0] for x in X]).weights_)


@pytest.mark.parametrize("change", ["double", "bfloat16", "requires_grad_", "to_sparse"])
def test_steps_of_streams(change):
    reg = LSTMRegressor(**SMALL).fit(X, Y / 2.0)
    expected = [reg.step(x) for x in X[0]]
    reg.reset_state()
    got = [reg.step(getattr(torch.tensor(x), change)()) for x in X[0]]
    np.testing.assert_allclose(got, expected, rtol=1e-5 if change == "bfloat16" else 1e-12)


def test_what_cannot_be_read_is_refused_by_place():
    X = [*TENSORS[:3], TENSORS[3].to("meta")]
    for read in (lambda: as_sequences(X), lambda: LSTMRegressor().fit(X, np.arange(4.0))):
        with pytest.raises(
            TypeError, match=r"X\[3\] is a tensor of torch.float64 on meta that cannot be read"
        ):
            read()
    with pytest.raises(TypeError, match=r"y is a tensor of torch.float64 on meta"):
        LSTMRegressor().fit(TENSORS, torch.tensor(Y / 2.0).to("meta"))


def test_transformers_of_steps():
    from sklearn.decomposition import PCA

    result = PerTimeStep(PCA(1)).fit_transform([x.bfloat16() for x in TENSORS])
    assert result[0].shape == (len(X[0]), 1)


@pytest.mark.parametrize("change", ["bfloat16", "requires_grad_"])
def test_scores_and_stacked_steps(change):
    reg = LSTMRegressor(return_sequences=True, **SMALL).fit(X, [x[:, 0] for x in X])
    targets = [getattr(torch.tensor(x[:, 0]), change)() for x in X]
    assert reg.score(X, targets) == reg.score(X, [x[:, 0] for x in X])
    y, predicted = stack_steps(targets, targets)
    assert_array_equal(y, np.concatenate(X)[:, 0])
    assert_array_equal(predicted, y)
