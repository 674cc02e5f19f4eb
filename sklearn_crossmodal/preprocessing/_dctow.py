"""Discrete cosine transforms of words."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..utils._sklearn import Interval, fit_context
from ..utils._strings import ALPHANUMERIC, UNKNOWN
from ._string_features import StringFeatures


class DCToW(StringFeatures):
    r"""Describe strings by slow waves of where each character occurs.

    The discrete cosine transform of words (DCToW) writes a string of :math:`n`
    characters as a 0/1 matrix with a row for each character of the alphabet and a
    column for each place, and keeps of every row :math:`x` the first coefficients of
    its unnormalised transform (DCT-II),

    .. math:: c_j = 2 \sum_{k=0}^{n-1} x_k
        \cos \frac{\pi j (2k + 1)}{2n}, \qquad j < \min(m, n)

    with `n_coefficients` :math:`m`; those from :math:`n` on are zero.

    Parameters
    ----------
    n_coefficients : int, default=3
        How many coefficients to keep for each character.
    alphabet : str, default="abcdefghijklmnopqrstuvwxyz0123456789"
        Characters that have coefficients. None learns those of the training strings.
    lowercase : bool, default=True
        Whether to lower-case first.
    strip_accents : {"ascii", "unicode"}, default=None
        Whether to take accents off first, as in scikit-learn's `CountVectorizer`.
    handle_unknown : {"warn", "ignore", "error"}, default="warn"
        What to do with characters outside the alphabet. Unless they are an error, they
        are a column of zeros in the matrix.

    Attributes
    ----------
    alphabet_ : str
        The characters that have coefficients.

    See Also
    --------
    PHOC : Which characters occur in which part of the string.

    Notes
    -----
    Columns go by character and then by coefficient: 108 by default.

    References
    ----------
    .. [1] T. Wilkinson and A. Brun (2016). "Semantic and verbatim word spotting using
       deep neural networks". ICFHR.

    Examples
    --------
    >>> from sklearn_crossmodal.preprocessing import DCToW
    >>> dctow = DCToW(n_coefficients=2, alphabet="ab").fit(["ab"])
    >>> dctow.get_feature_names_out()
    array(['a_0', 'a_1', 'b_0', 'b_1'], dtype=object)
    >>> dctow.transform(["ab", "bb", "a", ""]).round(3)
    array([[ 2.   ,  1.414,  2.   , -1.414],
           [ 0.   ,  0.   ,  4.   ,  0.   ],
           [ 2.   ,  0.   ,  0.   ,  0.   ],
           [ 0.   ,  0.   ,  0.   ,  0.   ]], dtype=float32)
    """

    _parameter_constraints: dict = {
        **StringFeatures._parameter_constraints,
        "n_coefficients": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        n_coefficients=3,
        alphabet=ALPHANUMERIC,
        lowercase=True,
        strip_accents=None,
        handle_unknown="warn",
    ):
        self.n_coefficients = n_coefficients
        self.alphabet = alphabet
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.handle_unknown = handle_unknown

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, strings, y=None):
        """Check the strings, and learn the alphabet if it is None.

        Parameters
        ----------
        strings : list, 1-D array or Series of str
            Training strings.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : DCToW
            Fitted transformer.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If there is no string, or a parameter is not valid.
        """
        self._fit_alphabet(self._read(strings))
        return self

    def get_feature_names_out(self, input_features=None):
        """Return the columns' names: character and coefficient.

        Parameters
        ----------
        input_features : ignored
            For use in pipelines.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype object
            Such as ``"a_0"``: the first coefficient of *a*.
        """
        check_is_fitted(self)
        return np.array(
            [f"{c}_{j}" for c in self.alphabet_ for j in range(self.n_coefficients)],
            dtype=object,
        )

    def _n_features(self):
        return len(self.alphabet_) * self.n_coefficients

    def _describe(self, ids):
        n_strings, length = ids.shape
        n_symbols = len(self.alphabet_) + 1  # the unknown ones first
        # Row k: what a character in place k adds to its coefficients.
        orders = np.arange(min(self.n_coefficients, length))
        places = 2 * np.arange(length)[:, None] + 1
        waves = 2 * np.cos(np.pi / (2 * length) * orders * places)
        cells = np.arange(n_strings)[:, None] * n_symbols + (ids - UNKNOWN)
        features = np.zeros((n_strings, n_symbols, self.n_coefficients))
        for j in orders:
            weights = np.broadcast_to(waves[:, j], cells.shape)
            sums = np.bincount(cells.ravel(), weights.ravel(), n_strings * n_symbols)
            features[:, :, j] = sums.reshape(n_strings, n_symbols)
        return features[:, 1:].reshape(n_strings, -1)
