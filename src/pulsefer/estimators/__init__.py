"""Estimators in the manner of scikit-learn that no healthy library has. They know only `core`."""
