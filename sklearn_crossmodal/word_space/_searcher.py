"""Words for images, images for words, and sums and differences of both."""

import warnings

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..training import NetEmbedder
from ..training._engine import embed
from ..training._pairs import take_features
from ..utils._bags import pool_rows, repeat_rows
from ..utils._containers import flatten_items
from ..utils._labels import as_labels
from ..utils._top_k import check_n, top_k
from ._pairs import PAD
from ._search import mix, nearest_rows, nearest_words
from ._vectors import keyed_vectors


class WordSearcher(NetEmbedder):
    """Base class of estimators whose second view is the words of a vocabulary."""

    @property
    def word_vectors_(self):
        """The word space: gensim `KeyedVectors`, on the memory of a net on the CPU."""
        check_is_fitted(self)
        return keyed_vectors(self.vocabulary_, self.word_counts_, self._table())

    def predict(self, X, words=None):
        """Return the nearest word for each image.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Image features.
        words : list of str, default=None
            Words to choose from; the whole vocabulary by default.

        Returns
        -------
        nearest : ndarray of shape (n_samples,)
            The word of the highest cosine, as an object; a number, if the vocabulary is
            that of a `y` of numbers.
        """
        ranked, _ = self._rank(X, words, n=1)
        return as_labels([row[0] for row in ranked], self.label_dtype_)

    def rank(self, X, words=None, n=10):
        """Return the nearest words for each image, with their cosines.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Image features.
        words : list of str, default=None
            Words to choose from; the whole vocabulary by default.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        ranked : list of lists of str
            For each image the words, nearest first.
        scores : ndarray of shape (n_samples, n), dtype float32
            Their cosines.

        Raises
        ------
        ValueError
            If none of `words` has a vector.

        Warns
        -----
        UserWarning
            If some have none: they are left out.
        """
        return self._rank(X, words, check_n(n))

    def _rank(self, X, words, n):
        X_embedded = np.asarray(self.transform(X))
        if words is None:
            words = list(self.vocabulary_)
            best, scores = nearest_rows(X_embedded, self._table(), n)
        else:
            words, gallery = self._gallery(words)
            best, scores = top_k(X_embedded, gallery, n)
        return [[words[i] for i in row] for row in best], scores

    def _gallery(self, words):
        """Return words to choose from that have a vector, and those vectors."""
        words = self._read_y(flatten_items(words, name="words")[0]).items
        if not len(words):
            raise ValueError("words is empty: there is none to choose from.")
        gallery = self._embed_items(self._transform_items(words))
        known = gallery.any(axis=1)
        if known.all():
            return words, gallery
        if not known.any():
            raise ValueError("words has no word with a vector to choose from.")
        warnings.warn(
            f"{(~known).sum()} of {len(known)} entries of words have no word with a "
            f"vector, the first is {words[known.argmin()]!r:.60}: they are left out.",
            UserWarning,
            stacklevel=4,  # who called a public method
        )
        return [words[i] for i in np.flatnonzero(known)], gallery[known]

    def search(self, words, X, n=10):
        """Return the nearest images for each word, with their cosines.

        Parameters
        ----------
        words : list of str or list of lists of str
            What to look for; several words of one entry are their mean.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features of the images to search.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        indices : ndarray of shape (n_words, n), dtype int64
            Rows of `X`, best first.
        scores : ndarray of shape (n_words, n), dtype float32
            Their cosines.
        """
        queries = np.asarray(self._embed_words(words))
        return top_k(queries, np.asarray(self.transform(X)), check_n(n))

    def most_similar(self, positive=(), negative=(), topn=10):
        r"""Return the words nearest to a sum and difference of words and images.

        .. math:: \sum_{p} v_p - \sum_{n} v_n

        of vectors as they are, before anything is normalised; an image is its
        projection, brought to the mean length of the words that it was trained on.
        "king is to man as queen is to woman" is
        ``most_similar(["king", "woman"], ["man"])``. Words that were given are not
        answers.

        Parameters
        ----------
        positive, negative : str, array-like of shape (n_features,), or list of them
            Words and rows of image features, in any mixture.
        topn : int, default=10
            How many words to return.

        Returns
        -------
        nearest : list of tuples (str, float)
            Words and their cosines, nearest first.

        Raises
        ------
        KeyError
            If a word has no vector.
        ValueError
            If nothing was given, or it cancels to zero.
        """
        check_is_fitted(self)
        table = self._table()
        query, given = mix(
            positive, negative, table, self.vocabulary_, self._project_to_scale
        )
        return nearest_words(query, table, self.vocabulary_, given, check_n(topn))

    def _project_to_scale(self, X):
        with warnings.catch_warnings():  # rows of a frame come without names
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            X = self._check_X(X, reset=False)
        return self._project(X) * self.projection_scale_

    def _coordinates_x(self, X):
        return self._project_to_scale(X)

    def _coordinates_y(self, y):
        bags = self._read_y(y)
        ids = self._transform_items(bags.items)
        known = ids != PAD
        vectors = self._table()[ids] * known[:, :, None]
        items = vectors.sum(axis=1) / np.maximum(1, known.sum(axis=1))[:, None]
        if not known.any():
            raise ValueError(f"{bags.items[0]!r:.60} has no word with a vector.")
        return pool_rows(items, repeat_rows(bags.counts), normalize=False)

    def _project(self, X, rows=None):
        return embed(self.net_, self.net_.module_.image, X, take_features, rows)

    def _table(self):
        return self.net_.module_.words.cpu().numpy()

    def transform_y(self, y):
        """Embed the second view.

        Parameters
        ----------
        y : list of str or list of lists of str
            Words.

        Returns
        -------
        embedded : ndarray of shape (n_samples, n_components), dtype float32
            The vector of the word of each row, or the mean of the vectors of its words,
            of unit length; zero, with a warning, where no word has a vector.
        """
        return self._embed_words(y)

    def _embed_words(self, y):
        embedded = super().transform_y(y)
        zero = ~np.asarray(embedded).any(axis=1)
        if zero.any():
            warnings.warn(
                f"{zero.sum()} of {len(zero)} rows of y have no word with a vector, the"
                f" first is row {zero.argmax()}: they become zero.",
                UserWarning,
                stacklevel=3,  # who called a public method
            )
        return embedded
