"""Pyramidal histograms of characters."""

from collections import Counter
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..utils._sklearn import Interval, fit_context
from ..utils._strings import ALPHANUMERIC, N_SPECIAL, UNKNOWN
from ._string_features import StringFeatures, blocks_of_one_length


class PHOC(StringFeatures):
    r"""Describe strings by which characters occur in which of their parts.

    A pyramidal histogram of characters (PHOC) splits the string evenly into 2, 3, 4 and
    5 regions and has one bit for each character of the alphabet in each region, and for
    each frequent bigram in each half. Character :math:`k` of :math:`n` occupies
    :math:`[k/n, (k+1)/n]`, a bigram that starts there :math:`[k/n, (k+2)/n]`, and
    region :math:`r` of level :math:`L` is :math:`[r/L, (r+1)/L]`. The bit is set if at
    least half of what the character or bigram occupies lies in the region. Halves are
    compared as integers: the middle letter of a word of odd length is in both halves.

    Parameters
    ----------
    levels : sequence of int, default=(2, 3, 4, 5)
        How many regions the string is split into; each gives its own bits.
    alphabet : str, default="abcdefghijklmnopqrstuvwxyz0123456789"
        Characters that have bits. None learns those of the training strings.
    n_bigrams : int, default=50
        How many of the most frequent bigrams of the training strings have bits: all, if
        there are fewer. Only bigrams of characters of the alphabet count; ties go by
        alphabetical order.
    bigram_levels : sequence of int, default=(2,)
        As `levels`, for bigrams.
    lowercase : bool, default=True
        Whether to lower-case first.
    strip_accents : {"ascii", "unicode"}, default=None
        Whether to take accents off first, as in scikit-learn's `CountVectorizer`.
    handle_unknown : {"warn", "ignore", "error"}, default="warn"
        What to do with characters outside the alphabet. Unless they are an error, they
        have no bits but take their place in the string.

    Attributes
    ----------
    alphabet_ : str
        The characters that have bits.
    bigrams_ : list of str
        The bigrams that have bits, most frequent first.

    See Also
    --------
    DCToW : Cosine transforms of where the characters are.

    Notes
    -----
    Columns go by level, region and character, then by bigram level, region and bigram;
    504 and 100 of them by default when the training strings have 50 bigrams.

    References
    ----------
    .. [1] J. Almazan, A. Gordo, A. Fornes and E. Valveny (2014). "Word spotting and
       recognition with embedded attributes". IEEE TPAMI 36(12).
    .. [2] S. Sudholt and G. A. Fink (2016). "PHOCNet: a deep convolutional neural
       network for word spotting in handwritten documents". ICFHR.

    Examples
    --------
    >>> from sklearn_crossmodal.preprocessing import PHOC
    >>> phoc = PHOC(levels=(2,), alphabet="aet", n_bigrams=1).fit(["tea", "eat", "ate"])
    >>> phoc.get_feature_names_out()
    array(['a_1/2', 'e_1/2', 't_1/2', 'a_2/2', 'e_2/2', 't_2/2', 'at_1/2',
           'at_2/2'], dtype=object)
    >>> phoc.transform(["tea", "ate"])
    array([[0., 1., 1., 1., 1., 0., 0., 0.],
           [1., 0., 1., 0., 1., 1., 1., 0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        **StringFeatures._parameter_constraints,
        "levels": ["array-like"],
        "n_bigrams": [Interval(Integral, 0, None, closed="left")],
        "bigram_levels": ["array-like"],
    }

    def __init__(
        self,
        *,
        levels=(2, 3, 4, 5),
        alphabet=ALPHANUMERIC,
        n_bigrams=50,
        bigram_levels=(2,),
        lowercase=True,
        strip_accents=None,
        handle_unknown="warn",
    ):
        self.levels = levels
        self.alphabet = alphabet
        self.n_bigrams = n_bigrams
        self.bigram_levels = bigram_levels
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.handle_unknown = handle_unknown

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, strings, y=None):
        """Learn the bigrams, and the alphabet if it is None.

        Parameters
        ----------
        strings : list, 1-D array or Series of str
            Training strings.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : PHOC
            Fitted transformer.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If there is no string, or a parameter is not valid.
        """
        _check_levels(self.levels, "levels")
        _check_levels(self.bigram_levels, "bigram_levels")
        strings = self._read(strings)
        self._fit_alphabet(strings)
        self.bigrams_ = _frequent_bigrams(strings, self.alphabet_, self.n_bigrams)
        return self

    def get_feature_names_out(self, input_features=None):
        """Return the columns' names: character or bigram, region and level.

        Parameters
        ----------
        input_features : ignored
            For use in pipelines.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype object
            Such as ``"th_1/2"``: the bigram *th* in the first of two halves.
        """
        check_is_fitted(self)
        return np.array(
            [
                f"{symbol}_{region}/{level}"
                for levels, symbols in self._pyramids()
                for level in levels
                for region in range(1, level + 1)
                for symbol in symbols
            ],
            dtype=object,
        )

    def _pyramids(self):
        return (self.levels, self.alphabet_), (self.bigram_levels, self.bigrams_)

    def _n_features(self):
        return sum(int(np.sum(levels)) * len(s) for levels, s in self._pyramids())

    def _describe(self, ids):
        characters = _histogram(ids - UNKNOWN, len(self.alphabet_), 1, self.levels)
        if not self.bigrams_ or ids.shape[1] < 2:
            n_rest = self._n_features() - characters.shape[1]
            return np.pad(characters, ((0, 0), (0, n_rest)))
        pairs = _number_bigrams(ids, self.bigrams_, self.alphabet_)
        bigrams = _histogram(pairs, len(self.bigrams_), 2, self.bigram_levels)
        return np.hstack([characters, bigrams])


def _check_levels(levels, name):
    values = list(levels)
    if (
        not values
        or not all(isinstance(v, Integral) and v >= 1 for v in values)
        or len(set(values)) < len(values)
    ):
        raise ValueError(
            f"{name} is {levels!r:.60}; expected one or more distinct integers of at "
            "least 1: how many regions the string is split into."
        )


def _histogram(ids, n_symbols, span, levels):
    """Return the bits of symbols that occupy `span` characters each.

    Symbols are numbered from 1; 0 stands for any that has no bits. `ids` is of shape
    (n_strings, n_characters - span + 1).
    """
    n_characters = ids.shape[1] + span - 1
    inside = np.hstack([_inside(n_characters, span, level) for level in levels])
    symbols, regions = np.nonzero(inside)
    bits = np.zeros((len(ids), inside.shape[1], n_symbols + 1), dtype=np.uint8)
    bits[np.arange(len(ids))[:, None], regions, ids[:, symbols]] = 1
    return bits[:, :, 1:].reshape(len(ids), -1)


def _inside(n_characters, span, level):
    """Return which symbols, in rows, have half of their extent in which regions.

    In units of 1 / (n_characters * level), every bound is an integer.
    """
    start = np.arange(n_characters - span + 1)[:, None] * level
    region = np.arange(level) * n_characters
    end = np.minimum(start + span * level, region + n_characters)
    return 2 * (end - np.maximum(start, region)) >= span * level


def _bigram_codes(ids, alphabet):
    """Return one number for each pair of neighbours; -1 if one of them is unknown."""
    ids = ids.astype(np.int64) - N_SPECIAL
    first, second = ids[:, :-1], ids[:, 1:]
    return np.where((first < 0) | (second < 0), -1, first * len(alphabet) + second)


def _frequent_bigrams(strings, alphabet, n_bigrams):
    """Return the most frequent bigrams, most frequent first, then alphabetically."""
    counts = Counter()
    for _, ids in blocks_of_one_length(strings, alphabet):
        codes, n = np.unique(_bigram_codes(ids, alphabet), return_counts=True)
        counts.update(dict(zip(codes.tolist(), n.tolist(), strict=True)))
    del counts[-1]
    named = {
        alphabet[code // len(alphabet)] + alphabet[code % len(alphabet)]: count
        for code, count in counts.items()
    }
    return sorted(named, key=lambda bigram: (-named[bigram], bigram))[:n_bigrams]


def _number_bigrams(ids, bigrams, alphabet):
    """Return the number of each pair of neighbours in `bigrams`, from 1; 0 for none."""
    place = {character: i for i, character in enumerate(alphabet)}
    known = np.array([place[a] * len(alphabet) + place[b] for a, b in bigrams])
    by_code = np.argsort(known)
    codes = _bigram_codes(ids, alphabet)
    found = np.searchsorted(known, codes, sorter=by_code)
    number = by_code[np.minimum(found, len(known) - 1)]
    return np.where(known[number] == codes, number + 1, 0)
