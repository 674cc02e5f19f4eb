"""Corpora: what is one, what they yield, and how they are encoded."""

import bz2
import gc
import gzip
import lzma
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal.word_space import _corpus
from sklearn_crossmodal.word_space._corpus import (
    SENTENCE_END,
    EncodedCorpus,
    check_corpus,
)

TEXT = "the cat sat\non the mat\n\nnaïve 日本 café\n"
SENTENCES = [["the", "cat", "sat"], ["on", "the", "mat"], ["naïve", "日本", "café"]]
OPENERS = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def write(path, text):
    with OPENERS[path.suffix if path.suffix in OPENERS else ""](path, "wb") as file:
        file.write(text.encode())
    return path


class Anew:
    """Yields its sentences anew each time, and is no container."""

    def __init__(self, sentences):
        self.sentences = sentences

    def __iter__(self):
        return (sentence for sentence in self.sentences)


class Once:
    """Looks like it could be read again, but hands out one and the same generator."""

    def __init__(self, sentences):
        self.generator = (sentence for sentence in sentences)

    def __iter__(self):
        return self.generator


# --- What is a corpus ---------------------------------------------------------------


@pytest.mark.parametrize("suffix", OPENERS)
@pytest.mark.parametrize("as_type", [str, Path, lambda p: [p], lambda p: (str(p),)])
def test_the_lines_of_a_file_are_sentences_each_time(tmp_path, suffix, as_type):
    path = write(tmp_path / f"text{suffix}", TEXT)
    corpus = check_corpus(as_type(path))
    for _ in range(2):
        assert list(corpus) == SENTENCES


def test_several_files_are_read_in_order(tmp_path):
    paths = [
        write(tmp_path / name, text)
        for name, text in [("b", "1 2\n"), ("a.gz", "3"), ("c", "")]
    ]
    assert list(check_corpus(paths)) == [["1", "2"], ["3"]]
    assert list(check_corpus(paths[::-1])) == [["3"], ["1", "2"]]


@pytest.mark.parametrize("as_type", [list, tuple, Anew, lambda s: dict.fromkeys(s)])
def test_given_sentences_are_read_each_time(as_type):
    corpus = check_corpus(as_type(list(map(tuple, SENTENCES))))
    for _ in range(2):
        assert [list(sentence) for sentence in corpus] == SENTENCES


def test_words_of_a_type_derived_from_str_become_str():
    sentence = np.array(["a", "b"])
    found = list(check_corpus([sentence, ["a", sentence[1]]]))
    assert found == [["a", "b"]] * 2
    assert {type(word) for words_ in found for word in words_} == {str}


def test_an_empty_list_is_an_empty_corpus():
    assert list(check_corpus([])) == []


words = st.text(
    st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=4
)


@settings(max_examples=25)
@given(st.lists(st.lists(words, max_size=4), max_size=5), st.sampled_from("\n \t"))
def test_sentences_survive_a_file(sentences, end):
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(" ".join(sentence) + end for sentence in sentences)
        path = write(Path(folder, "text"), text)
        assert list(check_corpus(path)) == [s for s in sentences if s]


def test_no_word_of_a_very_long_line_is_lost(tmp_path):
    line = [str(i) for i in range(25_000)]
    corpus = check_corpus(write(tmp_path / "text", " ".join(line)))
    assert [word for sentence in corpus for word in sentence] == line


# --- What is none -------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: (sentence for sentence in SENTENCES),
        lambda: iter(SENTENCES),
        lambda: map(str.split, TEXT.splitlines()),
        lambda: Once(SENTENCES),
    ],
    ids=["generator", "iterator", "map", "object with one generator"],
)
def test_what_can_be_read_only_once_is_refused(make):
    corpus = make()
    with pytest.raises(TypeError, match=f"{type(corpus).__name__}.*only once.*list"):
        check_corpus(corpus)


def test_an_open_file_is_refused(tmp_path):
    with (
        write(tmp_path / "text", TEXT).open() as file,
        pytest.raises(TypeError, match=r"only once.*path"),
    ):
        check_corpus(file)


@pytest.mark.parametrize("corpus", [None, 3, b"the cat", object(), 2.5])
def test_what_is_no_corpus_is_refused(corpus):
    expected = f"path.*iterable of lists of str; got {type(corpus).__name__}"
    with pytest.raises(TypeError, match=expected):
        check_corpus(corpus)


def test_a_missing_file_is_named(tmp_path):
    there, missing = write(tmp_path / "there", TEXT), tmp_path / "missing.txt"
    for corpus in (str(missing), missing, [there, missing]):
        with pytest.raises(FileNotFoundError, match=r"corpus.*missing\.txt"):
            check_corpus(corpus)


@pytest.mark.parametrize("corpus", ["the cat sat", ["the cat sat", "on the mat"]])
def test_text_in_the_place_of_a_path_is_told_how_to_be_given(corpus):
    with pytest.raises(FileNotFoundError, match=r"'the cat sat'.*lists of words"):
        check_corpus(corpus)


@pytest.mark.parametrize("bad", ["the cat", b"the", 3, None, 2.5])
@pytest.mark.parametrize("as_type", [list, Anew])
def test_a_sentence_that_is_no_list_is_named(bad, as_type):
    corpus = check_corpus(as_type([["a"], ["b"], bad, ["c"]]))
    with pytest.raises(TypeError, match="Sentence 2 of corpus must be a list of str"):
        list(corpus)


@pytest.mark.parametrize("bad", [3, None, b"b", np.nan, ["nested"]])
def test_a_word_that_is_no_str_is_named(bad):
    with pytest.raises(TypeError) as error:
        list(check_corpus([["a"], ["a", "b", bad]]))
    assert "Sentence 1 of corpus" in str(error.value)
    assert f"{bad!r} ({type(bad).__name__})" in str(error.value)


def test_a_bad_sentence_is_named_when_it_is_encoded():
    with pytest.raises(TypeError, match="Sentence 1 of corpus"):
        EncodedCorpus(check_corpus([["a"], "b"]), {"a": 0})


# --- Encoding -----------------------------------------------------------------------

LETTERS = "abcdef"
VOCABULARY = {word: i for i, word in enumerate("dbfa")}
texts = st.lists(st.lists(st.sampled_from(LETTERS), max_size=6), max_size=8)
blocks = st.integers(1, 9)


def encode(sentences, block):
    """Encode with small blocks, so that sentences and words meet their borders."""
    with mock.patch.object(_corpus, "_BLOCK_TOKENS", block):
        return EncodedCorpus(sentences, VOCABULARY)


def slow_ids(sentences):
    ids = []
    for sentence in sentences:
        ids += [VOCABULARY[word] for word in sentence if word in VOCABULARY]
        ids.append(SENTENCE_END)
    return ids


@settings(max_examples=60)
@given(texts, blocks)
def test_known_words_become_ids_and_sentences_end(sentences, block):
    text = encode(sentences, block)
    assert text.ids.tolist() == slow_ids(sentences)
    assert text.ids.dtype == np.int32
    counts = Counter(word for sentence in sentences for word in sentence)
    assert text.counts.tolist() == [counts[word] for word in VOCABULARY]


@settings(max_examples=40)
@given(texts, st.integers(1, 12))
def test_parts_make_up_the_whole_and_are_alike(sentences, n):
    text = encode(sentences, 5)
    parts = [text.part(i, n) for i in range(n)]
    assert np.concatenate(parts).tolist() == text.ids.tolist()
    lengths = list(map(len, parts))
    assert max(lengths) - min(lengths) <= 1


@settings(max_examples=60)
@given(
    texts,
    blocks,
    st.sets(st.integers(0, len(VOCABULARY) - 1)),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_occurrences_are_places_of_the_word(sentences, block, wanted, most, random):
    text = encode(sentences, block)
    wanted = random.sample(sorted(wanted), len(wanted))  # in any order
    rng = np.random.default_rng(random.randrange(2**32))
    with mock.patch.object(_corpus, "_BLOCK_TOKENS", block):
        places = text.occurrences(np.array(wanted, dtype=np.int64), most, rng)
    assert set(places) == set(wanted)
    ids = slow_ids(sentences)
    for word, found in places.items():
        everywhere = [i for i, id_ in enumerate(ids) if id_ == word]
        assert len(found) == min(most, len(everywhere))
        assert sorted(set(found)) == list(found)
        assert set(found) <= set(everywhere)


def test_each_place_of_a_frequent_word_is_as_likely_as_another():
    text = encode([["a", "d", "c"]] * 20, 7)
    kept, n_draws, most = Counter(), 500, 5
    rng = np.random.default_rng(0)
    with mock.patch.object(_corpus, "_BLOCK_TOKENS", 7):
        for _ in range(n_draws):
            kept.update(text.occurrences([3], most, rng)[3].tolist())
    share = most / 20
    assert sum(kept.values()) == n_draws * most
    assert sorted(kept) == np.flatnonzero(text.ids == 3).tolist()
    deviation = np.sqrt(n_draws * share * (1 - share))
    assert np.abs(np.array(list(kept.values())) - n_draws * share).max() < 5 * deviation


def test_a_seed_gives_the_same_places():
    text = encode([list("abcd")] * 30, 11)
    draws = [
        text.occurrences([0, 1], 4, np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    first, again, other = ({w: p.tolist() for w, p in d.items()} for d in draws)
    assert first == again
    assert first != other


def test_an_empty_corpus_has_no_ids():
    for vocabulary in (VOCABULARY, {}):
        text = EncodedCorpus([], vocabulary)
        assert text.ids.tolist() == []
        assert text.counts.tolist() == [0] * len(vocabulary)
        assert text.part(0, 3).tolist() == []
    found = EncodedCorpus([], VOCABULARY).occurrences([2], 5, np.random.default_rng(0))
    assert found[2].tolist() == []


def test_the_temporary_file_goes(tmp_path):
    with mock.patch.object(tempfile, "tempdir", str(tmp_path)):
        text = EncodedCorpus([["a"]] * 5, VOCABULARY)
    assert text.ids.tolist() == [3, -1] * 5
    del text
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_the_stream_is_not_written_to():
    text = EncodedCorpus([["a"]], VOCABULARY)
    with pytest.raises(ValueError, match="read-only"):
        text.ids[0] = 1


def test_sentences_that_can_be_read_only_once_are_refused():
    sentences = [["a", "b"], map(str.lower, ["A", "B"])]
    with pytest.raises(TypeError, match="Sentence 1 of corpus must be a list.*map"):
        list(check_corpus(sentences))


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("caf\xe9\n".encode("latin-1"))
    with pytest.raises(ValueError, match="latin.txt.*not UTF-8"):
        list(check_corpus(path))


class Endless:
    """So many sentences, made as they are read."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return (["a", "b", "d"] * 5 for _ in range(self.n))


def test_memory_does_not_grow_with_the_text(monkeypatch):
    monkeypatch.setattr(_corpus, "_BLOCK_TOKENS", 1 << 10)
    peaks = []
    for n in (1_000, 10_000):
        tracemalloc.start()
        text = EncodedCorpus(check_corpus(Endless(n)), VOCABULARY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert text.counts.sum() == 15 * n
    assert peaks[1] < 1.2 * peaks[0] + 10_000  # the text itself is 9 times as large
