"""What a word space is worth by itself: human similarity scores, and analogies."""

import os
import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning

from ._report import format_table
from ._retrieval import check_positive_int
from ._vocabulary import keyed_vectors

_TOTAL = "Total accuracy"  # gensim's name of the sum over sections


@dataclass(frozen=True)
class WordSimilarity:
    """How similarities of word vectors go with human scores.

    Parameters
    ----------
    spearman : float
        Correlation of ranks, ties with their mean rank. NaN if all scores, of either
        kind, are equal.
    p_value : float
        Two-sided p-value of `spearman`, of no correlation.
    pearson : float
        Correlation of values.
    n_pairs : int
        The number of pairs compared.
    n_oov : int
        The number of pairs left out: a word has no vector.
    """

    spearman: float
    p_value: float
    pearson: float
    n_pairs: int
    n_oov: int


def word_similarity(
    vectors: Any, pairs: Any, *, lowercase: bool = True
) -> WordSimilarity:
    """Correlate the cosine of word vectors with human scores of similarity.

    Parameters
    ----------
    vectors : gensim KeyedVectors, dict of str to ndarray, or estimator
        Word vectors, or a fitted estimator with `word_vectors_`.
    pairs : path or list of (str, str, float)
        Pairs of words and their score. In a file, a pair is a line, with tabs or
        spaces between; lines that start with ``#`` are comments. gensim comes with
        WordSim-353 and SimLex-999, see the example.
    lowercase : bool, default=True
        Whether a word without a vector is looked up in lower case too.

    Returns
    -------
    similarity : WordSimilarity
        A result with `spearman`, `p_value`, `pearson`, `n_pairs` and `n_oov`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `vectors` holds no word vectors.
    ValueError
        If an entry is no pair with a finite score (it is named), or if fewer than two
        pairs have vectors.

    Warns
    -----
    UndefinedMetricWarning
        If all similarities or all scores are equal: correlations are NaN then.

    See Also
    --------
    analogy_accuracy : Whether differences of word vectors mean something.

    Notes
    -----
    gensim's ``evaluate_word_pairs`` gives the same correlations, but skips lines that
    it cannot read, and the share of pairs left out in place of their number.

    Examples
    --------
    >>> from sklearn_crossmodal.metrics import word_similarity
    >>> vectors = {"cat": [1, 0.2], "dog": [0.9, 0.4], "car": [-0.2, 1]}
    >>> pairs = [("cat", "dog", 7.0), ("Cat", "car", 2.5), ("dog", "car", 3.0),
    ...          ("dog", "bus", 1.5)]
    >>> result = word_similarity(vectors, pairs)
    >>> round(result.spearman, 3), result.n_pairs, result.n_oov
    (1.0, 3, 1)

    Of an estimator, with a file that comes with gensim:
    ``word_similarity(estimator, gensim.test.utils.datapath("wordsim353.tsv"))``.
    """
    keyed = keyed_vectors(vectors)
    entries = _read_pairs(pairs)
    known, scores = [], []
    for first, second, score in entries:
        keys = _key(keyed, first, lowercase), _key(keyed, second, lowercase)
        if None not in keys:
            known.append([keyed.key_to_index[key] for key in keys])
            scores.append(score)
    if len(known) < 2:
        raise ValueError(
            f"{len(known)} of {len(entries)} pairs have vectors, expected two or more."
        )
    cosines = _cosines(keyed.vectors, np.array(known))
    return WordSimilarity(
        *_correlate(cosines, np.array(scores)),
        n_pairs=len(known),
        n_oov=len(entries) - len(known),
    )


def _key(keyed: Any, word: str, lowercase: bool) -> str | None:
    for key in (word, word.lower()) if lowercase else (word,):
        if key in keyed.key_to_index:
            return key
    return None


def _cosines(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the cosine of pairs of rows; 0 with a row of zeros."""
    left, right = vectors[pairs.T].astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.einsum("ij,ij->i", left, right) / np.where(norms > 0, norms, 1)


def _correlate(cosines: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """Return Spearman's correlation, its p-value, and Pearson's."""
    for name, values in (("cosine", cosines), ("score", scores)):
        if values.min() == values.max():
            warnings.warn(
                f"All {len(values)} pairs have the same {name}, {values[0]:g}: the"
                " correlation is not defined, and NaN.",
                UndefinedMetricWarning,
                stacklevel=3,
            )
            return np.nan, np.nan, np.nan
    ranks = stats.spearmanr(cosines, scores)
    pearson = np.corrcoef(cosines, scores)[0, 1]
    return float(ranks.statistic), float(ranks.pvalue), float(pearson)


def _read_pairs(pairs: Any) -> list[tuple[str, str, float]]:
    if isinstance(pairs, str | os.PathLike):
        with open(pairs, encoding="utf-8") as file:
            lines = [(f"Line {i}", line) for i, line in enumerate(file, 1)]
        fields = [
            (place, line.split("\t") if line.count("\t") > 1 else line.split())
            for place, line in lines
            if line.strip() and not line.startswith("#")
        ]
    elif isinstance(pairs, Iterable):
        fields = [(f"Entry {i}", entry) for i, entry in enumerate(pairs)]
    else:
        raise TypeError(
            f"pairs is {pairs!r:.60}, expected a path or a list of (word, word, score)."
        )
    return [_pair(entry, place) for place, entry in fields]


def _pair(entry: Any, place: str) -> tuple[str, str, float]:
    try:
        first, second, score = entry
        value = float(score)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value) or not isinstance(first, str | np.str_):
        raise ValueError(
            f"{place} of pairs is {entry!r:.80}, expected two words and a finite score."
        )
    return first.strip(), second.strip(), value


@dataclass(frozen=True, eq=False)
class AnalogyAccuracy:
    """How many analogies word vectors solve.

    Parameters
    ----------
    accuracy : float
        The share of questions solved, of those asked. NaN without any.
    by_section : dict of str to float
        The same for each section.
    n_questions : dict of str to int
        The number of questions asked in each section.
    n_oov : dict of str to int
        The number of questions of each section skipped: a word has no vector.
    """

    accuracy: float
    by_section: dict
    n_questions: dict
    n_oov: dict

    def __str__(self):
        """Return the table as text."""
        rows = [["", "questions", "skipped", "accuracy"]]
        for name, value in self.by_section.items():
            sizes = str(self.n_questions[name]), str(self.n_oov[name])
            rows.append([name, *sizes, f"{value:.3f}"])
        sizes = str(sum(self.n_questions.values())), str(sum(self.n_oov.values()))
        return format_table([*rows, ["all", *sizes, f"{self.accuracy:.3f}"]])

    __repr__ = __str__


def analogy_accuracy(
    vectors: Any,
    questions: Any = None,
    *,
    lowercase: bool = True,
    restrict_vocab: int = 300_000,
) -> AnalogyAccuracy:
    """Count the analogies that word vectors solve: a is to b as c is to what.

    The answer is the word nearest ``b - a + c``, of unit vectors and by cosine, other
    than the three of the question: gensim's ``evaluate_word_analogies``.

    Parameters
    ----------
    vectors : gensim KeyedVectors, dict of str to ndarray, or estimator
        Word vectors, or a fitted estimator with `word_vectors_`.
    questions : path, default=None
        File of four words a line, in sections that start with ``: name``. None: the
        19,544 questions of [1]_, which come with gensim.
    lowercase : bool, default=True
        Whether case makes no difference between words.
    restrict_vocab : int, default=300000
        Only the first so many words of the vocabulary, the most frequent, are known.

    Returns
    -------
    accuracy : AnalogyAccuracy
        Prints as a table by section.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `vectors` holds no word vectors.
    ValueError
        If a line is no question (it is named), or there is none.

    See Also
    --------
    word_similarity : Whether word vectors are near each other as people say.

    References
    ----------
    .. [1] T. Mikolov, K. Chen, G. Corrado and J. Dean, "Efficient estimation of word
       representations in vector space", ICLR workshop 2013.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_crossmodal.metrics import analogy_accuracy
    >>> vectors = {"man": [1, 0, 0], "woman": [0, 1, 0], "king": [1, 0, 1],
    ...            "queen": [0, 1, 1], "prince": [1, 0.2, 2]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "questions.txt")
    ...     with open(path, "w") as file:
    ...         print(": royals", file=file)
    ...         print("man woman king queen", file=file)
    ...         print("man woman duke duchess", file=file)
    ...     analogy_accuracy(vectors, path)
            questions  skipped  accuracy
    royals          1        1     1.000
    all             1        1     1.000
    """
    check_positive_int("restrict_vocab", restrict_vocab)
    keyed = keyed_vectors(vectors)
    if questions is None:
        from gensim.test.utils import datapath

        questions = datapath("questions-words.txt")
    n_asked = _count_questions(questions)
    with _vocabulary_kept(keyed):
        _, sections = keyed.evaluate_word_analogies(
            os.fspath(questions), restrict_vocab, case_insensitive=lowercase
        )
    # Sections of one name are one section.
    correct, n_known = dict.fromkeys(n_asked, 0), dict.fromkeys(n_asked, 0)
    for section in sections[:-1]:
        correct[section["section"]] += len(section["correct"])
        n_known[section["section"]] += len(section["correct"] + section["incorrect"])
    return AnalogyAccuracy(
        _share(sum(correct.values()), sum(n_known.values())),
        {name: _share(n, n_known[name]) for name, n in correct.items()},
        n_known,
        {name: n - n_known[name] for name, n in n_asked.items()},
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


@contextmanager
def _vocabulary_kept(keyed: Any):
    """Give back the vocabulary, which gensim exchanges while it answers."""
    key_to_index = keyed.key_to_index
    try:
        yield
    finally:
        keyed.key_to_index = key_to_index


def _count_questions(path: Any) -> dict[str, int]:
    """Return the number of questions of each section, or say which line is none."""
    numbers: dict[str, int] = {}
    section = None
    with open(path, encoding="utf-8") as file:
        for i, line in enumerate(file, 1):
            if line.startswith(": "):
                section = line.lstrip(": ").strip()
                numbers.setdefault(section, 0)
            elif section is None or len(line.split()) != 4:
                raise ValueError(
                    f"Line {i} of {os.fspath(path)!r:.200} is {line!r:.80}, expected a"
                    " section such as ': capitals', and then four words in each line."
                )
            else:
                numbers[section] += 1
    if not sum(numbers.values()):
        raise ValueError(f"{os.fspath(path)!r:.200} holds no question.")
    return numbers
