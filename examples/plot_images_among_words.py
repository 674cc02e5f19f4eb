"""
===================================
Handwritten digits among words
===================================

Word vectors come from text: "three" is near to "four" because both occur in the same
places. Here images are put among them. `Im2VecProjector` leaves the words where they
are; `ImageEnhancedSkipGram` trains them on. Then images answer to words, add and
subtract like words, and can be looked up among words that no image was shown with.
The text is what gensim ships, so nothing is downloaded. Given a file name on the
command line, the picture is saved there.
"""

# %%
# The data
# --------
# 105 articles of Wikipedia and 300 news stories, half a million words, and
# scikit-learn's digits, each with its number as a word.

import bz2
import sys

import matplotlib

if len(sys.argv) > 1:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from gensim.corpora.wikicorpus import extract_pages, filter_wiki
from gensim.models import Word2Vec
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess
from matplotlib.patheffects import withStroke
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split

from sklearn_crossmodal import Im2VecProjector, ImageEnhancedSkipGram
from sklearn_crossmodal.metrics import word_matching_report

excerpt = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
with bz2.open(datapath(excerpt)) as file:
    texts = [filter_wiki(text) for _, text, _ in extract_pages(file, ("0",))]
with open(datapath("lee_background.cor"), encoding="utf-8") as file:
    texts += file
corpus = [simple_preprocess(line) for text in texts for line in text.splitlines()]

images, digits = load_digits(return_X_y=True)
numbers = np.array(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
X, X_test, y, y_test = train_test_split(
    images / 16, numbers[digits], test_size=450, stratify=digits, random_state=0
)
print(f"{sum(map(len, corpus))} words of text, {len(X)} images to train, 450 to test")

# %%
# The words
# ---------
# Skip-gram, by gensim. So little text is enough to bring the numbers together, save
# "zero", which is rare and a word of physics here.

word2vec = Word2Vec(
    corpus, vector_size=100, sg=1, window=3, epochs=10, workers=1, seed=0
)
for word in ("three", "seven", "zero"):
    near = [other for other, _ in word2vec.wv.most_similar(word, topn=6)]
    print(f"{word}, {word2vec.wv.get_vecattr(word, 'count')} times:", *near)

# %%
# Images among them
# -----------------
# A linear map of the pixels to these words. Each new image is to find its word among
# a hundred, and each word its images.

projector = Im2VecProjector(word_vectors=word2vec.wv, random_state=0).fit(X, y)
print(word_matching_report(projector, X_test, y_test))

right = np.mean(projector.predict(X_test) == y_test)
n_words = len(projector.vocabulary_)
print(f"Right among all {n_words} words: {right:.2f} (chance {1 / n_words:.4f})")

# %%
# Words that images move
# ----------------------
# Text and images in turn. Ten words share all the images, and would be torn from the
# others: so images move words slowly, by a small `image_word_lr` (chosen on a part of
# the training images).

model = ImageEnhancedSkipGram(
    word_vectors=word2vec, corpus=corpus, image_word_lr=2e-4, random_state=0
)
model.fit(X, y)
print(word_matching_report(model, X_test, y_test))
for name, words in {"before": word2vec.wv, "after": model.word_vectors_}.items():
    print(f"three, {name}:", *[word for word, _ in words.most_similar("three", topn=8)])

# %%
# An image is a vector like a word, and adds and subtracts like one: an image of five,
# minus an image of three, plus "three", should be "five".

example = {word: X_test[np.flatnonzero(y_test == word)[0]] for word in numbers}
found = model.most_similar([example["three"], "million"], topn=5)
print("[3] + million:", *[word for word, _ in found])
found = model.most_similar([example["five"], "three"], [example["three"]], topn=5)
print("[5] - [3] + three:", *[word for word, _ in found])

rng = np.random.default_rng(0)
pairs = [(i, j) for i, j in rng.integers(450, size=(400, 2)) if y_test[i] != y_test[j]]
hits = [
    model.most_similar([X_test[i], y_test[j]], [X_test[j]], topn=1)[0][0] == y_test[i]
    for i, j in pairs
]
print(f"Right of {len(hits)} such sums: {np.mean(hits):.2f} (chance {1 / n_words:.4f})")

# %%
# Words that no image was shown with
# ----------------------------------
# Two words at a time are hidden: their images are left out of training. New images of
# them are then looked up among all words that were not shown, and between the two.

nearest_unseen, shares = {}, []
print("hidden         times in text    median rank    right of the two")
for hidden in numbers.reshape(5, 2):
    shown, asked = ~np.isin(y, hidden), np.isin(y_test, hidden)
    blind = Im2VecProjector(word_vectors=word2vec.wv, random_state=0)
    blind.fit(X[shown], y[shown])
    shares.append(np.mean(blind.predict(X_test[asked], words=hidden) == y_test[asked]))

    unseen = [word for word in blind.vocabulary_ if word not in set(y[shown])]
    counts, ranks = [], []
    for word in hidden:
        found, _ = blind.rank(X_test[y_test == word], words=unseen, n=len(unseen))
        ranks.append(np.median([row.index(word) + 1 for row in found]))
        counts.append(word2vec.wv.get_vecattr(word, "count"))
        nearest_unseen[word] = found[0][:3]
    print(
        f"{' '.join(hidden):12}{counts[0]:10}{counts[1]:6}"
        f"{ranks[0]:9.0f}{ranks[1]:6.0f}{shares[-1]:20.2f}"
    )
print(f"{'mean':43}{np.mean(shares):20.2f}")
print(f"{'chance':37}{(len(unseen) + 1) / 2:6.0f}{0.5:20.2f}")

# %%
# Most hidden numbers come in the first tenth of ten thousand words: images come near to
# words of number and measure. Near to which one is no better than a guess, and can
# hardly be: no text tells what "four" looks like. Unseen words are found as far as
# what is named by words of like use looks alike, and digits do not.
#
# One picture
# -----------
# The first new image of each digit: the words nearest to it in `model`, and the nearest
# of words never shown, in the projection that its own was hidden from. To the right a
# map of the words and the new images in `model`, by t-SNE of their cosines.

figure, (table, plane) = plt.subplots(
    1, 2, figsize=(12, 5.4), width_ratios=[1.45, 1], layout="constrained"
)
shown_first, _ = model.rank(list(example.values()), n=3)
for row, word in enumerate(numbers):
    table.imshow(
        example[word].reshape(8, 8),
        cmap="gray_r",
        extent=(0.05, 0.83, row + 0.9, row),
        origin="upper",
    )
    for start, words in ((1.3, shown_first[row]), (6.8, nearest_unseen[word])):
        for column, near in enumerate(words):
            color = "tab:green" if near == word else "0.35"
            weight = "bold" if near == word else "normal"
            x = start + 1.75 * column
            table.text(x, row + 0.45, near, va="center", color=color, weight=weight)
table.text(1.3, -0.4, "its word was shown with images", weight="bold")
table.text(6.8, -0.4, "it was not: the nearest of unseen words", weight="bold")
table.set(xlim=(0, 12.2), ylim=(10, -1), aspect="auto")
table.set_axis_off()

colors = plt.get_cmap("tab10").colors
both = np.vstack([model.transform_y(numbers), model.transform(X_test)])
places = TSNE(metric="cosine", init="pca", random_state=0).fit_transform(both)
for word, place, color in zip(numbers, places[:10], colors, strict=True):
    dots = places[10:][y_test == word]
    plane.plot(*dots.T, ".", color=color, ms=4, alpha=0.7)
    plane.plot(*place, "*", color=color, mec="black", ms=13)
    label = plane.annotate(
        word, place, (8, 6), textcoords="offset points", weight="bold"
    )
    label.set_path_effects([withStroke(linewidth=3, foreground="white")])
plane.margins(0.1)
plane.set(xticks=[], yticks=[], title="Words (stars) and new images (dots)")
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
    print(f"The picture is in {sys.argv[1]}.")
else:
    plt.show()
