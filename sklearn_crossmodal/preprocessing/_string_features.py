"""What `PHOC` and `DCToW` share: from strings to blocks of ids, and back to columns."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..utils._sklearn import StrOptions
from ..utils._strings import (
    UNKNOWN,
    check_strings,
    encode,
    fold,
    resolve_alphabet,
    warn_unknown,
)

_BLOCK_ROWS = 4096
_BLOCK_CHARACTERS = 2**18


class StringFeatures(TransformerMixin, BaseEstimator):
    """Base of transformers that describe each string by fixed columns.

    A subclass has the parameters named below, `_n_features` and `_describe`.
    """

    _parameter_constraints: dict = {
        "alphabet": [str, None],
        "lowercase": ["boolean"],
        "strip_accents": [StrOptions({"ascii", "unicode"}), None],
        "handle_unknown": [StrOptions({"warn", "ignore", "error"})],
    }

    def transform(self, strings):
        """Describe strings.

        Parameters
        ----------
        strings : list, 1-D array or Series of str of length n_strings
            Strings; an empty one becomes a row of zeros.

        Returns
        -------
        features : ndarray of shape (n_strings, n_features_out), dtype float32
            One row for each string.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If there is no string, or `handle_unknown` is ``"error"`` and a string has
            a character outside the alphabet.

        Warns
        -----
        UserWarning
            Once, with counts, if characters are outside the alphabet and
            `handle_unknown` is ``"warn"``.
        """
        check_is_fitted(self)
        strings = self._read(strings)
        features = np.zeros((len(strings), self._n_features()), dtype=np.float32)
        n_unknown = 0
        for rows, ids in blocks_of_one_length(strings, self.alphabet_):
            n_unknown += np.count_nonzero(ids == UNKNOWN)
            features[rows] = self._describe(ids)
        if n_unknown:
            self._report_unknown(strings)
        return features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _read(self, strings):
        return fold(
            check_strings(strings),
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
        )

    def _fit_alphabet(self, strings):
        self.alphabet_ = resolve_alphabet(
            self.alphabet,
            strings,
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
        )

    def _report_unknown(self, strings):
        if self.handle_unknown == "warn":
            # Past transform and the wrapper that set_output puts around it.
            warn_unknown(
                strings, self.alphabet_, meaning="they are skipped", stacklevel=5
            )
        if self.handle_unknown != "error":
            return
        known = set(self.alphabet_)
        index = next(i for i, text in enumerate(strings) if not known.issuperset(text))
        character = next(c for c in strings[index] if c not in known)
        raise ValueError(
            f"Entry {index} of strings is {strings[index]!r:.60}, whose {character!r} "
            "is outside the alphabet. Add it to alphabet, learn one with "
            "alphabet=None, fold it with lowercase and strip_accents, or skip such "
            "characters with handle_unknown='warn'."
        )


def blocks_of_one_length(strings, alphabet):
    """Yield row numbers and character ids of strings of one length, block by block.

    Empty strings are left out. Memory is bounded by the block, or by one string.
    """
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    by_length = np.argsort(lengths, kind="stable")
    values, starts = np.unique(lengths[by_length], return_index=True)
    ends = np.append(starts[1:], len(strings))
    for length, start, end in zip(values, starts, ends, strict=True):
        if length == 0:
            continue
        step = max(1, min(_BLOCK_ROWS, _BLOCK_CHARACTERS // int(length)))
        for first in range(start, end, step):
            rows = by_length[first : min(first + step, end)]
            yield rows, encode([strings[i] for i in rows], alphabet, length)[0]
