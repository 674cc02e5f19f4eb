"""X on disk, sparse, and in any dtype: the same numbers, never copied whole."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse


def on_disk(path, X):
    """Write X to a file and map it read-only."""
    written = np.memmap(path, dtype=X.dtype, mode="w+", shape=X.shape)
    written[:] = X
    written.flush()
    return np.memmap(path, dtype=X.dtype, mode="r", shape=X.shape)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_memmap_gives_the_bits_of_an_array(
    tiny, X, y, tmp_path, assert_same, dtype, early_stopping
):
    params = {"early_stopping": early_stopping, "validation_fraction": 0.3}
    X = (10 * X).astype(dtype)
    mapped = on_disk(tmp_path / "X", X)
    one, other = tiny(**params).fit(mapped, y), tiny(**params).fit(X, y)
    assert_same(one, other)
    np.testing.assert_array_equal(one.transform(mapped), other.transform(X))


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float64, np.int64, np.uint8, bool, object]
)
def test_any_dtype_gives_the_bits_of_float32(tiny, X, y, assert_same, dtype):
    X = (10 * X).astype(dtype)
    one, other = tiny().fit(X, y), tiny().fit(X.astype(np.float32), y)
    assert_same(one, other)
    embedded = one.transform(X)
    assert embedded.dtype == np.float32
    np.testing.assert_array_equal(embedded, other.transform(X.astype(np.float32)))


@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: X[::-1].copy()[::-1],
        lambda X: X.astype(">f4"),
        lambda X: X.tolist(),
        pd.DataFrame,
    ],
    ids=["fortran", "strided", "reversed", "big-endian", "list", "frame"],
)
def test_any_layout_gives_the_same_bits(tiny, X, y, assert_same, arrange):
    assert_same(tiny().fit(arrange(X), y), tiny().fit(X, y))


def test_read_only_arrays_do_not_warn(tiny, X, y, recwarn):
    X.flags.writeable = False
    tiny().fit(X, y).transform(X)
    assert not [w for w in recwarn if "writ" in str(w.message)]


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csr_matrix,
                                     sparse.csc_array, sparse.coo_array])  # fmt: skip
def test_sparse_gives_the_bits_of_dense(tiny, X, y, assert_same, convert):
    X[X < 0.5] = 0
    params = {"early_stopping": True, "validation_fraction": 0.3}
    one, other = tiny(**params).fit(convert(X), y), tiny(**params).fit(X, y)
    assert_same(one, other)
    np.testing.assert_array_equal(one.transform(convert(X)), other.transform(X))
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


@pytest.mark.parametrize("bad, match", [(np.nan, "X contains NaN"),
                                        (np.inf, "X contains infinity")])  # fmt: skip
@pytest.mark.parametrize("kind", ["memmap16", "memmap32", "array", "sparse"])
def test_what_is_not_finite_is_found_wherever_it_is(
    tiny, more, tmp_path, kind, bad, match
):
    X, y = more(300)
    X = np.tile(X, (1, 400))  # several blocks of validation
    X[287, 4321] = bad
    good = X[:20].copy()
    if kind == "sparse":
        X = sparse.csr_array(np.where(np.abs(X) < 0.9, 0, X))
    elif kind != "array":
        X = on_disk(tmp_path / "X", X.astype(f"float{kind[-2:]}"))
    ranker = tiny()
    with pytest.raises(ValueError, match=match):
        ranker.fit(X, y)
    assert not [name for name in vars(ranker) if name.endswith("_")]
    ranker.fit(good, y[:20])
    with pytest.raises(ValueError, match=match):
        ranker.transform(X)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_memmap_is_never_copied_whole(tiny, more, tmp_path, dtype, early_stopping):
    peaks, sizes = [], []
    for n_samples in (20, 1500, 3000):  # the first imports what is loaded lazily
        X, y = more(n_samples)
        X = on_disk(tmp_path / str(n_samples), np.tile(X.astype(dtype), (1, 250)))
        ranker = tiny(max_epochs=1, batch_size=100, store_captions=False)
        ranker.set_params(early_stopping=early_stopping)
        tracemalloc.start()
        try:
            ranker.fit(X, y).transform(X)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(X.nbytes)
    # numpy's memory is traced: twice the rows need no more than the captions do.
    assert peaks[2] - peaks[1] < (sizes[2] - sizes[1]) / 10


@pytest.mark.parametrize("value", [1e39, -1e300])
def test_numbers_too_large_for_float32_are_an_error(tiny, X, y, value):
    X = X.astype(np.float64)
    ranker = tiny().fit(X, y)
    X[3, 3] = value
    with pytest.raises(ValueError, match="too large for dtype"):
        tiny().fit(X, y)
    with pytest.raises(ValueError, match="too large for dtype"):
        ranker.transform(X)
