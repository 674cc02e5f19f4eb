"""Captions to rows of word ids."""

import re
import warnings
from collections import Counter
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..utils._containers import as_rows, holds_text
from ..utils._sklearn import Interval, StrOptions, fit_context

PAD, UNKNOWN = 0, 1
_N_SPECIAL = 2


class CaptionTokenizer(TransformerMixin, BaseEstimator):
    r"""Turn captions into rows of word ids.

    Id 0 is padding, id 1 a word outside the vocabulary; words are numbered from 2 by
    descending count. Rows that are numbers already are taken as token ids with 0 as
    padding, so that captions tokenized elsewhere pass through.

    Parameters
    ----------
    min_count : int, default=1
        Words seen less often in `fit` are outside the vocabulary.
    max_words : int, default=None
        Keep this many of the most frequent words. None keeps all.
    max_len : int, default=None
        Longer captions are cut. None keeps every word.
    lowercase : bool, default=True
        Whether to lower-case first.
    token_pattern : str, default=r"\w+"
        Regular expression of a word.
    padding : {"right", "left"}, default="right"
        Where shorter captions are filled with id 0. With ``"left"`` every row is filled
        to `max_len`, and a recurrent network reads the padding first, as in Keras.
    truncation : {"right", "left"}, default="right"
        Which end of a long caption is cut off.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Id of each word; empty when fitted on token ids.
    n_tokens_ : int
        Number of ids, the two special ones included.

    Examples
    --------
    >>> from sklearn_crossmodal.preprocessing import CaptionTokenizer
    >>> tokenizer = CaptionTokenizer().fit(["a dog runs", "a cat"])
    >>> tokenizer.transform(["A dog!", "a dog and a cat"])
    array([[2, 3, 0, 0, 0],
           [2, 3, 1, 2, 5]])
    >>> tokenizer.inverse_transform([[2, 3, 0, 0, 0]])
    ['a dog']
    """

    _parameter_constraints: dict = {
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "max_words": [Interval(Integral, 1, None, closed="left"), None],
        "max_len": [Interval(Integral, 1, None, closed="left"), None],
        "lowercase": ["boolean"],
        "token_pattern": [str],
        "padding": [StrOptions({"right", "left"})],
        "truncation": [StrOptions({"right", "left"})],
    }

    def __init__(
        self,
        *,
        min_count=1,
        max_words=None,
        max_len=None,
        lowercase=True,
        token_pattern=r"\w+",
        padding="right",
        truncation="right",
    ):
        self.min_count = min_count
        self.max_words = max_words
        self.max_len = max_len
        self.lowercase = lowercase
        self.token_pattern = token_pattern
        self.padding = padding
        self.truncation = truncation

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, captions, y=None):
        """Learn the vocabulary.

        Parameters
        ----------
        captions : list of str, or array-like of int of shape (n_captions, width)
            Captions, or rows of token ids.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : CaptionTokenizer
            Fitted transformer.

        Raises
        ------
        ValueError
            If there is no caption, or `padding` is ``"left"`` without a `max_len`.
        TypeError
            If a caption is neither text nor token ids.
        """
        if self.padding == "left" and self.max_len is None:
            raise ValueError(
                "padding='left' needs max_len, the width that rows are filled to."
            )
        captions = _check_captions(captions)
        if isinstance(captions, np.ndarray):
            self.vocabulary_ = {}
            self.n_tokens_ = int(max(captions.max(), UNKNOWN)) + 1
            return self
        counts = Counter(word for words in self._words(captions) for word in words)
        # Ties go by first occurrence: Counter keeps the order of the captions.
        kept = [w for w, n in counts.most_common(self.max_words) if n >= self.min_count]
        self.vocabulary_ = {word: id_ for id_, word in enumerate(kept, _N_SPECIAL)}
        self.n_tokens_ = len(kept) + _N_SPECIAL
        return self

    def transform(self, captions):
        """Turn captions into word ids.

        Parameters
        ----------
        captions : list of str, or array-like of int of shape (n_captions, width)
            Captions, or rows of token ids.

        Returns
        -------
        tokens : ndarray of shape (n_captions, width), dtype int64
            `width` is the longest caption's length; with left padding, `max_len`.

        Warns
        -----
        UserWarning
            If captions have no word of the vocabulary; each becomes one unknown word.
        """
        check_is_fitted(self)
        captions = _check_captions(captions)
        if isinstance(captions, np.ndarray):
            return self._transform_ids(captions)
        if not self.vocabulary_ and self.n_tokens_ > _N_SPECIAL:
            raise TypeError(
                "This CaptionTokenizer was fitted on token ids and has no vocabulary: "
                "pass token ids, or fit it on texts."
            )
        ids = self.vocabulary_
        rows = [
            self._cut([ids.get(word, UNKNOWN) for word in words]) or [UNKNOWN]
            for words in self._words(captions)
        ]
        tokens = self._pad(rows)
        unknown = np.count_nonzero((tokens <= UNKNOWN).all(axis=1))
        if unknown:
            warnings.warn(
                f"{unknown} of {len(tokens)} captions have no word of the vocabulary; "
                "each is read as one unknown word.",
                stacklevel=3,  # through the wrapper that set_output puts around
            )
        return tokens

    def inverse_transform(self, tokens):
        """Turn word ids back into captions.

        Parameters
        ----------
        tokens : array-like of int of shape (n_captions, width)
            Word ids; padding is left out, other ids without a word become ``"<unk>"``.

        Returns
        -------
        captions : list of str
            Words joined by spaces.
        """
        check_is_fitted(self)
        words = {id_: word for word, id_ in self.vocabulary_.items()}
        rows = np.asarray(tokens)
        return [
            " ".join(words.get(int(id_), "<unk>") for id_ in row if id_ != PAD)
            for row in rows
        ]

    def to_dict(self):
        """Return parameters and vocabulary as plain values, for `json.dump`.

        Returns
        -------
        state : dict
            What `from_dict` takes.
        """
        check_is_fitted(self)
        fitted = {"vocabulary": dict(self.vocabulary_), "n_tokens": self.n_tokens_}
        params = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params().items()
        }
        return {"params": params, **fitted}

    @classmethod
    def from_dict(cls, state):
        """Return the fitted tokenizer that `to_dict` was called on.

        Parameters
        ----------
        state : dict
            Result of `to_dict`.

        Returns
        -------
        tokenizer : CaptionTokenizer
            Fitted.
        """
        tokenizer = cls(**state["params"])
        tokenizer.vocabulary_ = dict(state["vocabulary"])
        tokenizer.n_tokens_ = int(state["n_tokens"])
        return tokenizer

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _words(self, captions):
        """Yield the words of each caption."""
        find = re.compile(self.token_pattern).findall
        for text in captions:
            yield find(text.lower() if self.lowercase else text)

    def _cut(self, row):
        if self.max_len is None:
            return row
        return (
            row[: self.max_len] if self.truncation == "right" else row[-self.max_len :]
        )

    def _pad(self, ids):
        left = self.padding == "left"
        width = self.max_len if left else max(map(len, ids))
        tokens = np.zeros((len(ids), width), dtype=np.int64)
        for row, caption in zip(tokens, ids, strict=True):
            if left:
                row[width - len(caption) :] = caption
            else:
                row[: len(caption)] = caption
        return tokens

    def _transform_ids(self, tokens):
        tokens = tokens if self.max_len is None else self._cut(tokens.T).T
        return np.where(tokens < self.n_tokens_, tokens, UNKNOWN)


def _check_captions(captions):
    """Return a list of str or a 2-D array of ids, or say what is wrong with which."""
    captions = as_rows(captions)
    if sparse.issparse(captions):
        raise TypeError("Token ids must be a dense array; call toarray() first.")
    if len(captions) == 0:
        raise ValueError("Expected at least one caption; got none.")
    if not holds_text(captions):
        return _check_ids(captions)
    for index, caption in enumerate(captions):
        if not isinstance(caption, str):
            raise TypeError(
                f"Caption {index} must be a str; got {caption!r:.60} "
                f"({type(caption).__name__}). Rows of several captions are taken apart "
                "with flatten_items first."
            )
    return list(captions)


def _check_ids(tokens):
    try:
        tokens = np.asarray(tokens)
        with np.errstate(invalid="ignore"):  # NaN: told apart below
            ids = tokens.astype(np.int64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "Rows of token ids must have one length; pad them with 0."
        ) from error
    if tokens.dtype.kind == "c" or tokens.ndim not in (1, 2):
        raise ValueError(
            "Token ids must be real numbers in 1 or 2 dimensions; got shape "
            f"{tokens.shape}, dtype {tokens.dtype}. Complex data not supported."
        )
    if ids.size == 0:
        raise ValueError("Rows of token ids need at least one id; got empty rows.")
    if (ids != tokens).any() or (ids < 0).any():
        bad = np.argmax(((ids != tokens) | (ids < 0)).reshape(len(ids), -1).any(axis=1))
        raise ValueError(
            "Numbers in y are read as token ids, which are non-negative integers; row "
            f"{bad} is {tokens[bad]!r:.60}. Captions are given as str."
        )
    return ids.reshape(len(ids), -1)
