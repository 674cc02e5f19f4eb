"""Warnings that point at the caller's own code."""

import contextlib
import os
import sys
import warnings

import joblib
import sklearn

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# This package, and the wrappers that stand between a public method and its caller.
_BETWEEN = (
    *(
        os.path.join(folder, "")
        for folder in (_PACKAGE, *sklearn.__path__, *joblib.__path__)
    ),
    contextlib.__file__,
)


def warn_caller(message, category=UserWarning):
    """Warn, at the line from which this package was called.

    Parameters
    ----------
    message : str or Warning
        What to say.
    category : type, default=UserWarning
        Where `message` is a str.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_code.co_filename.startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


class UnknownTextWarning(UserWarning):
    """Some texts have no word that is known.

    Parameters
    ----------
    n_unknown, n_texts : int
        How many of how many.
    consequence : str
        What becomes of them.
    """

    def __init__(self, n_unknown, n_texts, consequence):
        super().__init__(
            f"{n_unknown} of {n_texts} documents have no known word; {consequence}."
        )
        self.n_unknown = n_unknown
        self.n_texts = n_texts
        self.consequence = consequence


@contextlib.contextmanager
def unknown_texts_told_once():
    """Put the warnings of unknown texts together into one, with all of them."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
    unknown = []
    for warning in told:
        if isinstance(warning.message, UnknownTextWarning):
            unknown.append(warning.message)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if unknown:
        warn_caller(
            UnknownTextWarning(
                sum(w.n_unknown for w in unknown),
                sum(w.n_texts for w in unknown),
                unknown[0].consequence,
            )
        )
