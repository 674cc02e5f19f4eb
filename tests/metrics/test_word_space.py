"""Word similarity and analogies: by hand, and beside gensim's own evaluation."""

from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec
from gensim.test.utils import datapath
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_crossmodal.metrics import analogy_accuracy, word_similarity

WORDSIM = Path(__file__).parents[2].parent / "shared" / "data" / "wordsim"
VECTORS = {"cat": [1, 0], "dog": [4, 3], "car": [0, 2], "bus": [-1, 0]}


def close(values):
    return pytest.approx(values, abs=1e-9, nan_ok=True)


def vectors_of(words, seed=0, size=5):
    rng = np.random.default_rng(seed)
    keyed = KeyedVectors(size)
    words = list(dict.fromkeys(words))
    keyed.add_vectors(words, rng.normal(size=(len(words), size)).astype(np.float32))
    return keyed


class Fitted:
    def __init__(self, word_vectors):
        self.word_vectors_ = word_vectors

    def transform_y(self, y):
        raise AssertionError("not needed")


def cosine(a, b):
    return a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)


# --- Similarity ----------------------------------------------------------------------


def test_three_pairs():
    # Cosines .8, .6, -1.
    pairs = [("cat", "dog", 7), ("dog", "car", 9), ("cat", "bus", 1)]
    result = word_similarity(VECTORS, pairs)
    assert result.spearman == close(0.5)
    assert result.pearson == close(np.corrcoef([0.8, 0.6, -1], [7, 9, 1])[0, 1])
    assert (result.n_pairs, result.n_oov) == (3, 0)


@settings(max_examples=50)
@given(arrays(float, 6, elements=st.integers(0, 5)).filter(lambda a: np.ptp(a) > 0))
def test_ties_of_scores_have_their_mean_rank(scores):
    words = list("abcd")
    vectors = vectors_of(words)
    pairs = [(a, b) for i, a in enumerate(words) for b in words[:i]]
    entries = [(a, b, s) for (a, b), s in zip(pairs, scores, strict=True)]
    result = word_similarity(vectors, entries)
    cosines = [cosine(vectors[a], vectors[b]) for a, b in pairs]
    ranks = stats.rankdata(scores), stats.rankdata(cosines)
    assert result.spearman == close(np.corrcoef(*ranks)[0, 1])


@pytest.mark.parametrize("name", ["wordsim353.tsv", "simlex999.txt"])
def test_beside_gensim(name):
    lines = Path(datapath(name)).read_text().splitlines()
    words = [w.lower() for li in lines if li[0] != "#" for w in li.split("\t")[:2]]
    vectors = vectors_of(words[:300])
    pearson, spearman, oov = vectors.evaluate_word_pairs(datapath(name))
    result = word_similarity(vectors, datapath(name))
    assert result.spearman == close(spearman[0])
    assert result.p_value == close(spearman[1])
    assert result.pearson == pytest.approx(pearson[0], abs=1e-6)
    n = result.n_pairs + result.n_oov
    assert n == sum(line[0] != "#" for line in lines)
    assert 100 * result.n_oov / n == close(oov)
    assert result.n_oov > 0


@pytest.mark.skipif(not WORDSIM.is_dir(), reason="needs ../shared/data/wordsim")
@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("WS-353-ALL", 353),
        ("WS-353-SIM", 203),
        ("WS-353-REL", 252),
        ("SIMLEX-999", 999),
    ],
)
def test_files_of_the_benchmarks(name, n):
    path = WORDSIM / f"EN-{name}.txt"
    words = [w for line in path.read_text().splitlines() for w in line.split()[:2]]
    result = word_similarity(vectors_of(map(str.lower, words)), path)
    assert (result.n_pairs, result.n_oov) == (n, 0)


def test_order_scale_and_rotation_do_not_matter():
    words = list("abcdefgh")
    vectors = vectors_of(words)
    rng = np.random.default_rng(1)
    pairs = [(a, b, rng.random()) for i, a in enumerate(words) for b in words[:i]]
    result = word_similarity(vectors, pairs)
    turned = KeyedVectors(5)
    R = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    turned.add_vectors(words[::-1], 3 * vectors[words[::-1]] @ R)
    swapped = [(b, a, score) for a, b, score in pairs[::-1]]
    again = word_similarity(turned, swapped)
    assert again.spearman == close(result.spearman)
    assert again.pearson == pytest.approx(result.pearson, abs=1e-6)


def test_case():
    pairs = [("Cat", "DOG", 7), ("cat", "car", 3), ("bus", "cat", 1)]
    folded = word_similarity(VECTORS, pairs)
    assert (folded.spearman, folded.n_oov) == (close(1), 0)
    exact = word_similarity(VECTORS, pairs, lowercase=False)
    assert (exact.n_pairs, exact.n_oov) == (2, 1)
    # The word as it is written comes first.
    both = VECTORS | {"Cat": [-1.0, 0]}
    assert word_similarity(both, pairs).spearman == close(0.5)


def test_comments_tabs_and_spaces(tmp_path):
    path = tmp_path / "pairs.txt"
    text = "# a comment\ncat\tdog\t7.0\n\ndog car  3\ncat \t bus 1\nice cream\tcat\t2\n"
    path.write_text(text.replace("cat \t bus", "cat bus"))
    result = word_similarity(VECTORS | {"ice cream": [0.0, -1]}, path)
    assert (result.n_pairs, result.n_oov) == (4, 0)
    assert word_similarity(VECTORS, str(path)).n_oov == 1


def test_where_vectors_come_from():
    pairs = [("cat", "dog", 7), ("dog", "car", 9), ("cat", "bus", 1)]
    result = word_similarity(VECTORS, pairs)
    keyed = KeyedVectors(2)
    keyed.add_vectors(list(VECTORS), list(VECTORS.values()))
    for vectors in (keyed, Fitted(keyed)):
        assert word_similarity(vectors, pairs).spearman == close(result.spearman)
    model = Word2Vec([["cat", "dog", "car", "bus"]], vector_size=2, min_count=1, seed=0)
    of_model, of_vectors = (word_similarity(v, pairs) for v in (model, model.wv))
    assert of_model == of_vectors


@pytest.mark.parametrize(
    ("pairs", "error", "match"),
    [
        ([("cat", "dog", 7)], ValueError, "1 of 1 pairs have vectors"),
        ([("cat", "fish", 7)] * 3, ValueError, "0 of 3 pairs"),
        ([], ValueError, "0 of 0 pairs"),
        ([("cat", "dog", 7), ("cat", "dog")], ValueError, "Entry 1 of pairs"),
        ([("cat", "dog", "x")], ValueError, "Entry 0 of pairs"),
        ([("cat", "dog", np.nan)], ValueError, "Entry 0 of pairs"),
        ([(1, "dog", 1.0)], ValueError, "Entry 0 of pairs"),
        (3, TypeError, "pairs is 3"),
        ("no/such/file", FileNotFoundError, "no/such/file"),
    ],
)
def test_errors_of_pairs(pairs, error, match):
    with pytest.raises(error, match=match):
        word_similarity(VECTORS, pairs)


def test_a_line_that_is_no_pair_is_named(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("# words\ncat dog 7\ncat,dog,7\n")
    with pytest.raises(ValueError, match="Line 3 of pairs"):
        word_similarity(VECTORS, path)


@pytest.mark.parametrize("vectors", [None, 3, {}, [[1.0]], "vectors.bin"])
def test_errors_of_vectors(vectors):
    with pytest.raises((TypeError, ValueError), match="vectors"):
        word_similarity(vectors, [("cat", "dog", 7)])


def test_constants_have_no_correlation():
    pairs = [("cat", "dog", 7), ("dog", "car", 9), ("cat", "bus", 1)]
    with pytest.warns(UndefinedMetricWarning, match="same cosine, 1"):
        result = word_similarity(dict.fromkeys(VECTORS, [1.0, 0.0]), pairs)
    assert np.isnan([result.spearman, result.pearson, result.p_value]).all()
    with pytest.warns(UndefinedMetricWarning, match="same score, 5"):
        word_similarity(VECTORS, [(a, b, 5) for a, b, _ in pairs])


# --- Analogies -----------------------------------------------------------------------


def royals():
    man, woman, king, prince = np.eye(4)
    return {
        "man": man,
        "woman": woman,
        "king": man + king,
        "queen": woman + king,
        "prince": man + prince,
        "princess": woman + prince,
    }


def questions(tmp_path, text):
    path = tmp_path / "questions.txt"
    path.write_text(text)
    return path


def test_analogies(tmp_path):
    path = questions(
        tmp_path,
        ": royals\nman woman king queen\nMan Woman Prince Princess\n"
        "man woman duke duchess\n: nonsense\nman king woman man\n"
        ": none known\na b c d\n",
    )
    result = analogy_accuracy(royals(), path)
    assert result.by_section == close(
        {"royals": 1, "nonsense": 0, "none known": np.nan}
    )
    assert result.n_questions == {"royals": 2, "nonsense": 1, "none known": 0}
    assert result.n_oov == {"royals": 1, "nonsense": 0, "none known": 1}
    assert result.accuracy == close(2 / 3)
    exact = analogy_accuracy(royals(), path, lowercase=False)
    assert exact.n_oov["royals"] == 2
    # prince and princess are the last two words.
    few = analogy_accuracy(royals(), path, restrict_vocab=4)
    assert few.n_questions["royals"] == 1


def test_the_sign_of_analogies(tmp_path):
    # king - man + woman: queen. man - woman + king would be another king.
    turned = questions(tmp_path, ": turned\nwoman man king queen\n")
    assert analogy_accuracy(royals(), turned).accuracy == 0


def slow_analogies(vectors, lines):
    words = list(vectors)
    unit = {w: v / np.linalg.norm(v) for w, v in vectors.items()}
    n_right = 0
    for a, b, c, d in lines:
        target = unit[b] - unit[a] + unit[c]
        others = [w for w in words if w not in (a, b, c)]
        n_right += max(others, key=lambda w: float(unit[w] @ target)) == d  # noqa: B023
    return n_right / len(lines)


@pytest.mark.parametrize("seed", range(3))
def test_analogies_against_a_loop(tmp_path, seed):
    rng = np.random.default_rng(seed)
    words = list("abcdefg")
    vectors = dict(zip(words, rng.normal(size=(7, 3)), strict=True))
    lines = [rng.choice(words, 4, replace=False).tolist() for _ in range(60)]
    text = ": all\n" + "\n".join(map(" ".join, lines)) + "\n"
    result = analogy_accuracy(vectors, questions(tmp_path, text))
    assert result.accuracy == close(slow_analogies(vectors, lines))
    assert 0 < result.accuracy < 1


def test_the_questions_that_come_with_gensim():
    words = ["athens", "greece", "baghdad", "iraq", "boy", "girl", "king", "queen"]
    result = analogy_accuracy(vectors_of(words))
    assert sum(result.n_questions.values()) + sum(result.n_oov.values()) == 19544
    assert len(result.by_section) == 14
    # Two capitals to and fro, and one pair of family words to another.
    assert result.n_questions["capital-common-countries"] == 2
    assert result.n_questions["family"] == 2
    assert "capital-world" in str(result)


def test_the_vocabulary_is_left_alone(tmp_path):
    keyed = KeyedVectors(4)
    keyed.add_vectors(list(royals()), list(royals().values()))
    before = dict(keyed.key_to_index)
    analogy_accuracy(keyed, questions(tmp_path, ": royals\nman woman king queen\n"))
    assert keyed.key_to_index == before

    def broken(*args, **kwargs):
        raise KeyboardInterrupt

    keyed.most_similar = broken
    with pytest.raises(KeyboardInterrupt):
        analogy_accuracy(keyed, questions(tmp_path, ": royals\nman woman king queen\n"))
    assert keyed.key_to_index == before


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("man woman king queen\n", "Line 1 of"),
        (": royals\nman woman king\n", "Line 2 of"),
        (": royals\n\nman woman king queen\n", "Line 2 of"),
        (": royals\n", "holds no question"),
        ("", "holds no question"),
    ],
)
def test_errors_of_questions(tmp_path, text, match):
    with pytest.raises(ValueError, match=match):
        analogy_accuracy(royals(), questions(tmp_path, text))


def test_errors_of_analogies(tmp_path):
    with pytest.raises(FileNotFoundError):
        analogy_accuracy(royals(), tmp_path / "none.txt")
    with pytest.raises(ValueError, match="restrict_vocab is 0"):
        analogy_accuracy(royals(), restrict_vocab=0)
    with pytest.raises(TypeError, match="vectors is"):
        analogy_accuracy(object())
