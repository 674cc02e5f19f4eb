"""Tools for those who write two-view estimators."""
