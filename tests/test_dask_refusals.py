"""Partitions and arguments that are refused, or warned of."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import dask_cases
import sklstm.dask
from dask_cases import SMALL, classifier, dask, delayed, labelled, missing, one_class
from sklstm import LSTMRegressor, Sequences

pytestmark = dask_cases.MARKS


def repeated(x, y):
    return [np.asarray(x, float)] * len(y), y


FINE = repeated([[1, 2], [3, 4]], [0, 1, 2])
BAD = {
    "NaN": ((np.full((3, 5, 2), np.nan), [0, 1, 2]), ValueError, "Partition 2: .*NaN"),
    "length of y": ((FINE[0], [0, 1]), ValueError, "Partition 2: X and y must have the same number"),
    "type": (3, TypeError, r"Partition 2: expected \(X, y\) or \(X, y, sample_weight\), got int"),
    "one thing": ((FINE[0],), TypeError, "Partition 2: expected .* got tuple of 1"),
    "features": (repeated([[1, 2, 3]], [0, 1]), ValueError, "Partition 2 has 3 features, Partition 0 has 2"),
    "table": ((np.ones((3, 7)), [0, 1, 2]), ValueError, "Partition 2 has 7 features, Partition 0 has 2"),
    "text": (
        (FINE[0], ["a", "b", "c"]),
        ValueError,
        "Partition 2 has labels that are text, Partition 0 numbers",
    ),
    "columns": ((FINE[0], np.eye(3)), ValueError, "Partition 2 has 3 columns of targets, Partition 0 has 1"),
    "weights": ((*FINE, [1, 2, -1]), ValueError, "Partition 2: .*negative"),
    "continuous": ((FINE[0], [0.5, 1, 2]), ValueError, "Partition 2: Unknown label type"),
    "no y": ((FINE[0], None), ValueError, "Partition 2: LSTMClassifier requires y"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_partition_is_named(one_worker, name):
    bad, error, words = BAD[name]
    clf, parts = classifier(), [*delayed(labelled, range(2)), dask.delayed(bad, traverse=False, pure=False)]
    with pytest.raises(error, match=words) as caught:
        sklstm.dask.fit(clf, parts, client=one_worker)
    assert str(caught.value).startswith("Partition 2")
    held = parts[:1] + parts[2:]
    with pytest.raises(error, match="Partition 1 of validation"):
        sklstm.dask.fit(clf, parts[:2], validation=held, client=one_worker)
    assert not hasattr(clf, "weights_")


def test_labels_that_are_not_announced(one_worker):
    for options in ({}, {"class_weight": "balanced"}):
        with pytest.raises(
            ValueError, match=r"Partition [01]: y contains labels that are not in classes_.*2"
        ):
            sklstm.dask.fit(
                classifier(**options), delayed(labelled, range(2)), classes=[0, 1], client=one_worker
            )
    parts, held = [dask.delayed(repeated([[1, 2]], [0, 1] * 3), traverse=False)], delayed(labelled, [1])
    with pytest.raises(ValueError, match="Partition 0 of validation: y contains labels"):
        sklstm.dask.fit(classifier(), parts, validation=held, client=one_worker)


def test_an_error_of_what_loads_a_partition_is_told(one_worker):
    with pytest.raises(FileNotFoundError, match=r"day-3\.parquet") as caught:
        sklstm.dask.fit(
            classifier(), [*delayed(labelled, [0]), dask.delayed(missing)("day-3.parquet")], client=one_worker
        )
    assert caught.value.__notes__ == ["raised in Partition 1"]


@pytest.mark.parametrize(
    ("parts", "options", "error", "words"),
    [
        ([], {}, ValueError, "parts is empty; expected a list of Delayed"),
        (
            [FINE],
            {},
            TypeError,
            r"parts=\[dask.delayed\(load\)\(path\) for path in paths\].*parts\[0\] is a tuple",
        ),
        (Sequences([[1.0]], [0, 1]), {}, TypeError, "parts must be a list .*; got a Sequences"),
        (None, {}, TypeError, "parts must be a list"),
        (..., {"update": "sequence"}, ValueError, "update must be 'batch', got 'sequence'"),
        (..., {"early_stopping": True}, ValueError, "give validation="),
        (
            ...,
            {"solver": "rprop", "batch_size": 10},
            ValueError,
            "leave batch_size='auto', got batch_size=10",
        ),
        (..., {"n_blocks": 0.5}, TypeError, "n_blocks"),
    ],
)
def test_bad_arguments(one_worker, parts, options, error, words):
    parts = delayed(labelled, range(2)) if parts is ... else parts
    with pytest.raises(error, match=words):
        sklstm.dask.fit(classifier(**options), parts, client=one_worker)


def test_more_bad_arguments(one_worker):
    parts = delayed(labelled, range(2))
    with pytest.raises(TypeError, match="replicas must be None or an integer, got '2'"):
        sklstm.dask.fit(classifier(), parts, replicas="2", client=one_worker)
    with pytest.raises(ValueError, match="scoring='f1_macro' needs all predictions"):
        sklstm.dask.fit(classifier(scoring="f1_macro"), parts, validation=parts, client=one_worker)
    with pytest.raises(ValueError, match="validation= needs solver='sgd', 'adam', 'rprop'"):
        sklstm.dask.fit(classifier(solver="lbfgs"), parts, validation=parts, client=one_worker)
    with pytest.raises(ValueError, match="needs the quantiles of all targets"):
        sklstm.dask.fit(LSTMRegressor(loss="quantile", **SMALL), parts, validation=parts, client=one_worker)
    with pytest.raises(ValueError, match="classes= is for classifiers"):
        sklstm.dask.fit(LSTMRegressor(**SMALL), parts, classes=[0, 1], client=one_worker)
    with pytest.raises(TypeError, match=r"got LogisticRegression\. Apply the transformers"):
        sklstm.dask.fit(LogisticRegression(), parts, client=one_worker)
    with pytest.raises(TypeError, match=r"client must be a distributed.Client .*, got str"):
        sklstm.dask.fit(classifier(), parts, client="127.0.0.1:8786")
    with pytest.raises(ValueError, match="at least 2 classes"):
        sklstm.dask.fit(classifier(), delayed(one_class, [1]), client=one_worker)
    with pytest.raises(ValueError, match="class_weight is zero for every label in parts"):
        sklstm.dask.fit(classifier(class_weight={0: 0, 1: 0, 2: 0}), parts, client=one_worker)
    nothing = [dask.delayed((*FINE, np.zeros(3)), traverse=False)]
    with pytest.raises(ValueError, match="sample_weight is zero for every sequence in validation"):
        sklstm.dask.fit(classifier(), parts, validation=nothing, client=one_worker)


def test_partitions_that_averages_learn_badly_from(one_worker):
    clf, parts = classifier(max_iter=1), [*delayed(labelled, [0]), *delayed(one_class, [1])]
    with pytest.warns(
        UserWarning, match="1 of 2 partitions, the first is Partition 1, lack classes"
    ) as caught:
        sklstm.dask.fit(clf, parts, replicas=2, client=one_worker)
    texts = [str(warning.message) for warning in caught]
    assert any(
        "2 of 2 partitions have fewer than 3200 sequences, Partition 0 has 40" in text for text in texts
    )
    assert all(warning.filename == __file__ for warning in caught)
    for options, replicas in (({}, 1), ({"solver": "rprop"}, 2)):
        with pytest.warns(ConvergenceWarning) as caught:
            sklstm.dask.fit(clf.set_params(**options), parts, replicas=replicas, client=one_worker)
        assert len(caught) == 1
