"""The two estimators: validation, labels, scikit-learn's contract."""
