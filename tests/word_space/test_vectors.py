"""Word vectors: read from files and from gensim, trained, and given to gensim."""

import bz2
import gzip
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec

from sklearn_crossmodal.word_space._vectors import (
    keyed_vectors,
    read_word_vectors,
    train_word_vectors,
)

WORDS = ["the", "café", "日本", "3", "1.5", "-"]
VECTORS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
OPENERS = {"": open, ".gz": gzip.open, ".bz2": bz2.open}


def rows(end="\n"):
    """Return lines as text; the shortest decimals that give the same float32."""
    lines = []
    for word, vector in zip(WORDS, VECTORS, strict=True):
        lines.append(" ".join([word, *(str(value) for value in vector)]) + end)
    return "".join(lines).encode()


def binary(end=b""):
    lines = zip(WORDS, VECTORS, strict=True)
    return b"".join(word.encode() + b" " + v.tobytes() + end for word, v in lines)


HEADER = b"6 4\n"
FORMATS = {
    "word2vec text": HEADER + rows(),
    "word2vec text, spaces at the ends": HEADER + rows(" \n"),
    "word2vec binary": HEADER + binary(),
    "word2vec binary, a line a word": HEADER + binary(b"\n"),
    "GloVe": rows(),
}


def write(path, content):
    with OPENERS.get(path.suffix, open)(path, "wb") as file:
        file.write(content)
    return path


# --- Files --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", OPENERS)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("as_type", [str, Path])
def test_files_of_any_format_are_read(tmp_path, name, suffix, as_type):
    path = write(tmp_path / f"vectors{suffix}", FORMATS[name])
    read = read_word_vectors(as_type(path), 4)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, VECTORS)
    assert read.vectors.dtype == np.float32
    assert read.outputs is None


@pytest.mark.parametrize("name", FORMATS)
def test_counts_that_a_file_does_not_tell_are_one(tmp_path, name):
    read = read_word_vectors(write(tmp_path / "vectors", FORMATS[name]), None)
    assert read.counts.tolist() == [1] * 6


@pytest.mark.parametrize("header", [b"2 6000\n", b""], ids=["word2vec", "GloVe"])
def test_very_long_rows_are_read(tmp_path, header):
    row = b" ".join([b"0.12345678901234567"] * 6000)
    path = write(tmp_path / "vectors", header + b"a " + row + b"\nb " + row + b"\n")
    read = read_word_vectors(path, 6000)
    assert read.words == ["a", "b"]
    np.testing.assert_array_equal(read.vectors, np.float32(0.12345678901234567))


@pytest.mark.parametrize("header", [b"3 2\n", b""], ids=["word2vec", "GloVe"])
def test_of_a_word_given_twice_the_first_vector_counts(tmp_path, header):
    path = write(tmp_path / "vectors", header + b"a 1 2\na 3 4\nb 5 6\n")
    read = read_word_vectors(path, None)
    assert read.words == ["a", "b"]
    np.testing.assert_array_equal(read.vectors, [[1, 2], [5, 6]])
    assert len(read.counts) == 2


def test_a_missing_file_is_named(tmp_path):
    for missing in (tmp_path / "missing.txt", str(tmp_path / "missing.txt")):
        with pytest.raises(FileNotFoundError, match=r"word_vectors.*missing\.txt"):
            read_word_vectors(missing, None)


ROW = np.ones(3, dtype=np.float32).tobytes()
MALFORMED = {
    "empty": b"",
    "prose": b"the quick brown fox\njumps over it\n",
    "words only": b"a\nb\n",
    "no dimensions": b"2 0\na\nb\n",
    "blank first line": b"\na 1 2\nb 3 4\n",
    "rows missing": b"3 2\na 1 2\nb 3 4\n",
    "binary rows missing": b"3 3\na " + ROW,
    "binary row cut": b"2 3\na " + ROW + b"b " + ROW[:5],
    "text row of one value": b"2 2\na 1 2\nb 3\n",
    "text row too short": b"2 3\na 1 2 3\nb 3 4\n",
    "text row too long": b"2 2\na 1 2\nb 3 4 5\n",
    "GloVe row of one value": b"a 1 2\nb 3\n",
    "GloVe row too short": b"a 1 2 3\nb 3 4\n",
    "GloVe row too long": b"a 1 2\nb 3 4 5\n",
    "no number in text": b"2 2\na 1 2\nb x 4\n",
    "no number in GloVe": b"a 1 2\nb 3 y\n",
    "no UTF-8": b"2 2\na 1 2\n\xff\xfe 3 4\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_named(tmp_path, name):
    path = write(tmp_path / "bad_vectors.txt", MALFORMED[name])
    with pytest.raises(ValueError, match=r"bad_vectors\.txt"):
        read_word_vectors(path, None)


def test_a_file_of_no_words_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no words"):
        read_word_vectors(write(tmp_path / "vectors", b"0 5\n"), None)


def test_a_broken_archive_is_named(tmp_path):
    path = tmp_path / "bad_vectors.gz"
    path.write_bytes(rows())
    with pytest.raises((ValueError, OSError), match=r"bad_vectors\.gz|gzip"):
        read_word_vectors(path, None)


# --- Pickles ------------------------------------------------------------------------


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("suffix", OPENERS)
def test_a_pickle_is_never_run(tmp_path, protocol, suffix):
    ran = tmp_path / "ran"
    content = pickle.dumps(Trap(ran), protocol)
    with pytest.raises(ValueError, match="format"):
        read_word_vectors(write(tmp_path / f"vectors{suffix}", content), None)
    assert not ran.exists()


def test_files_of_gensim_itself_are_to_be_loaded_by_gensim(tmp_path):
    model = Word2Vec([["a", "b"]] * 3, vector_size=4, min_count=1, epochs=1, workers=1)
    for saved in (model, model.wv):
        path = str(tmp_path / type(saved).__name__)
        saved.save(path)
        with pytest.raises(ValueError, match=r"may run code.*KeyedVectors\.load"):
            read_word_vectors(path, None)
        loaded = type(saved).load(path)
        np.testing.assert_array_equal(
            read_word_vectors(loaded, 4).vectors, model.wv.vectors
        )


# --- Objects ------------------------------------------------------------------------


def make_keyed(vectors=VECTORS, words=WORDS):
    keyed = KeyedVectors(vectors.shape[1])
    keyed.add_vectors(words, vectors)
    return keyed


def test_keyed_vectors_are_read():
    read = read_word_vectors(make_keyed(), None)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, VECTORS)
    assert read.counts.tolist() == [1] * 6
    assert read.outputs is None


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_vectors_become_float32(dtype):
    keyed = keyed_vectors(WORDS, np.ones(6), VECTORS.astype(dtype))
    read = read_word_vectors(keyed, None).vectors
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, VECTORS.astype(dtype).astype(np.float32))


def test_a_model_gives_its_counts_and_its_context_vectors():
    text = [["a", "b", "c"], ["a", "b"], ["a"]] * 2
    model = Word2Vec(text, vector_size=3, sg=1, min_count=1, epochs=2, workers=1)
    read = read_word_vectors(model, 3)
    assert read.words == ["a", "b", "c"]
    assert read.counts.tolist() == [6, 4, 2]
    np.testing.assert_array_equal(read.vectors, model.wv.vectors)
    np.testing.assert_array_equal(read.outputs, model.syn1neg)
    assert read_word_vectors(model.wv, 3).outputs is None
    assert read_word_vectors(model.wv, 3).counts.tolist() == [6, 4, 2]


def test_a_model_trained_by_hierarchical_softmax_has_no_context_vectors():
    model = Word2Vec(
        [["a", "b"]] * 2, vector_size=3, min_count=1, hs=1, negative=0, workers=1
    )
    assert read_word_vectors(model, None).outputs is None


@pytest.mark.parametrize("source", [None, 3, {"a": [1.0]}, VECTORS, [["a"]], b"path"])
def test_what_holds_no_vectors_is_refused(source):
    with pytest.raises(TypeError, match=rf"KeyedVectors.*got {type(source).__name__}"):
        read_word_vectors(source, None)


def test_vectors_of_another_dimension_are_refused(tmp_path):
    path = write(tmp_path / "vectors", rows())
    for source in (path, make_keyed()):
        with pytest.raises(ValueError, match=r"4 dimensions.*n_components=5"):
            read_word_vectors(source, 5)


@pytest.mark.parametrize("empty", [KeyedVectors(4), Word2Vec(vector_size=4)])
def test_vectors_of_no_words_are_refused(empty):
    with pytest.raises(ValueError, match="no words"):
        read_word_vectors(empty, None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_word_whose_vector_is_not_finite_is_named(tmp_path, value):
    vectors = VECTORS.copy()
    vectors[2, 3] = value
    keyed = make_keyed(vectors)
    paths = []
    for binary in (False, True):
        paths.append(str(tmp_path / f"{binary}"))
        keyed.save_word2vec_format(paths[-1], binary=binary)
    for source in (keyed, *paths):
        with pytest.raises(ValueError, match=r"'日本'.*NaN or infinity"):
            read_word_vectors(source, None)


# --- Training -----------------------------------------------------------------------

TOPICS = [["cat", "dog", "cow", "hen"], ["car", "bus", "van", "cab"]]


def topics(n=150, seed=0):
    """Draw sentences of animals and of vehicles, with one word that is rare."""
    rng = np.random.default_rng(seed)
    sentences = [list(rng.choice(TOPICS[i % 2], size=6)) for i in range(n)]
    sentences[0].append("rare")
    return [list(map(str, sentence)) for sentence in sentences]


def train(sentences, **params):
    return train_word_vectors(
        sentences,
        **{
            "n_components": 8, "window": 3, "n_negatives": 3, "min_count": 1,
            "sample": 0.0, "epochs": 3, "n_workers": 1, "seed": 1, **params,
        },
    )  # fmt: skip


def test_one_worker_gives_the_same_bits():
    first, again, other = (train(topics(), seed=seed) for seed in (1, 1, 2))
    assert first.words == again.words
    np.testing.assert_array_equal(first.vectors, again.vectors)
    np.testing.assert_array_equal(first.outputs, again.outputs)
    assert (first.vectors != other.vectors).any()


def test_words_of_one_topic_become_near():
    trained = train(topics(), epochs=10)
    unit = trained.vectors / np.linalg.norm(trained.vectors, axis=1, keepdims=True)
    rows = {word: unit[i] for i, word in enumerate(trained.words)}
    for own, other in (TOPICS, TOPICS[::-1]):
        for word in own:
            near = min(rows[word] @ rows[mate] for mate in own)
            assert near > max(rows[word] @ rows[far] for far in other)


def test_counts_are_those_of_the_text_most_frequent_first():
    sentences = topics()
    counts = Counter(word for sentence in sentences for word in sentence)
    trained = train(sentences)
    assert dict(zip(trained.words, trained.counts, strict=True)) == counts
    assert (np.diff(trained.counts) <= 0).all()
    assert len(trained.vectors) == len(trained.outputs) == len(counts)


def test_words_below_min_count_are_left_out():
    assert "rare" not in train(topics(), min_count=2).words
    counts = Counter(word for sentence in topics() for word in sentence)
    bound = sorted(counts.values())[-3]
    trained = train(topics(), min_count=bound)
    assert set(trained.words) == {w for w, c in counts.items() if c >= bound}


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_an_empty_corpus_is_refused(sentences):
    with pytest.raises(ValueError, match="corpus is empty"):
        train(sentences)


def test_a_text_of_rare_words_is_refused():
    with pytest.raises(ValueError, match=r"of the 3 in the corpus.*min_count=5"):
        train([["a", "b"], ["c"]], min_count=5)


def test_sentences_of_one_word_are_trained_without_a_word_of_it(caplog):
    trained = train([["a"], ["b"], ["a"]])
    assert trained.words == ["a", "b"]
    assert np.isfinite(trained.vectors).all()
    assert not caplog.records


# --- For gensim ---------------------------------------------------------------------

COUNTS = np.array([60, 50, 40, 30, 20, 10])


def test_what_is_read_back_is_what_was_given():
    read = read_word_vectors(keyed_vectors(WORDS, COUNTS, VECTORS), 4)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, VECTORS)
    np.testing.assert_array_equal(read.counts, COUNTS)


@pytest.mark.parametrize("name", ["vectors", "vectors.gz"])
@pytest.mark.parametrize("binary", [False, True])
def test_files_written_by_gensim_are_read_back(tmp_path, name, binary):
    path = str(tmp_path / name)
    keyed_vectors(WORDS, COUNTS, VECTORS).save_word2vec_format(path, binary=binary)
    read = read_word_vectors(path, None)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, VECTORS)


def test_gensim_loads_what_it_saved(tmp_path):
    path = str(tmp_path / "vectors")
    keyed_vectors(WORDS, COUNTS, VECTORS).save(path)
    read = read_word_vectors(KeyedVectors.load(path), None)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.vectors, VECTORS)
    np.testing.assert_array_equal(read.counts, COUNTS)


def test_gensim_answers_from_the_vectors():
    keyed = keyed_vectors(WORDS, COUNTS, VECTORS)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    cosines = unit @ unit[0]
    order = [i for i in np.argsort(-cosines) if i != 0]
    found = keyed.most_similar("the", topn=5)
    assert [word for word, _ in found] == [WORDS[i] for i in order]
    np.testing.assert_allclose([s for _, s in found], cosines[order], atol=1e-6)
    np.testing.assert_array_equal(keyed["日本"], VECTORS[2])
    assert [keyed.get_vecattr(word, "count") for word in WORDS] == COUNTS.tolist()


def test_memory_is_shared_with_gensim():
    vectors = VECTORS.copy()
    keyed = keyed_vectors(WORDS, COUNTS, vectors)
    vectors[3] = 7
    np.testing.assert_array_equal(keyed["3"], 7)


def test_gensim_can_add_words():
    keyed = keyed_vectors(WORDS, COUNTS, VECTORS)
    keyed.add_vectors(["new"], np.full((1, 4), 9, dtype=np.float32))
    np.testing.assert_array_equal(keyed["new"], 9)
    np.testing.assert_array_equal(keyed["the"], VECTORS[0])
