"""The estimator as it is sent to workers, and how it encodes y over all partitions."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sklstm._sequences.targets import Targets

OF_X = ("n_features_in_", "feature_names_in_", "_n_columns_in")  # attributes that are set when X is read
OF_Y = ("classes_", "_multilabel", "_y_is_1d", "_quantiles", "_has_axis", "_log_link")  # when y is encoded


def plain_copy(estimator, names):
    """Copy of the estimator for workers, without callbacks and functions, with these attributes."""
    plain = type(estimator)(**estimator.get_params(deep=False))
    plain.set_params(learning_rate=1.0, scoring=None, random_state=None)
    vars(plain).update(attributes_of(estimator, names))
    return plain


def attributes_of(estimator, names):
    return {name: value for name, value in vars(estimator).items() if name in names}


def encode(estimator, about, classes, goes_on):
    """Set the attributes of the estimator that encode y, or check the labels against them."""
    known = [one.labels for one in about]
    labels: Any = known[0][:0] if goes_on or classes is not None else np.concatenate(known)
    targets = Targets(labels, name="The labels of all partitions")
    estimator._encode(targets, labels, np.ones(labels.shape, bool), classes, reset=not goes_on)


def encoder_of(estimator, about):
    """Estimator that encodes the targets of these partitions, with class weights over all of them."""
    encoder = plain_copy(estimator, OF_Y)
    if (
        about
        and is_classifier(estimator)
        and estimator.class_weight is not None
        and not estimator._multilabel
    ):
        counts = np.zeros(len(estimator.classes_))
        for one in about:
            known = np.isin(one.labels, estimator.classes_)
            counts[np.searchsorted(estimator.classes_, one.labels[known])] += one.counts[known]
        weights = estimator._class_weights(counts)
        encoder.class_weight = dict(zip(estimator.classes_.tolist(), weights.tolist(), strict=True))
    return encoder
