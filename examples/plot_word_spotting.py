"""
===================================
Searching scanned words by typing
===================================

`WordImageEmbedder` places images of words in the space of their strings, where the
distance is about the edit distance. So a pile of scanned words is searched by typing,
also for words that training has never seen. Here the words are drawn with the fonts
that matplotlib ships. Given a file name on the command line, the picture is saved
there.
"""

# %%
# The data
# --------
# The words of Python's own manual, some of them only in the test images.

import re
import sys
from pydoc_data.topics import topics

import matplotlib

if len(sys.argv) > 1:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sklearn_crossmodal import LevenshteinStringEmbedder, WordImageEmbedder
from sklearn_crossmodal.datasets import make_word_images
from sklearn_crossmodal.metrics import edit_distance_correlation, word_spotting_report
from sklearn_crossmodal.preprocessing import PHOC

words = sorted(set(re.findall(r"\b[a-z]{2,14}\b", " ".join(topics.values()).lower())))
known, unseen = train_test_split(words, test_size=150, random_state=0)
train = make_word_images(known, n_samples=1500, random_state=0)
test = make_word_images(unseen, n_samples=450, random_state=1)
print(f"{len(train.images)} images to train,")
print(f"{len(test.images)} images of {len(unseen)} other words to search")

# %%
# A space for strings
# -------------------
# The string embedder needs no images. On words that it has not seen, distances of its
# vectors are nearly edit distances; those of a fixed description of strings are less.

strings = LevenshteinStringEmbedder(max_epochs=8, random_state=0).fit(known)
for embedder in (strings, PHOC().fit(known)):
    correlation = edit_distance_correlation(unseen, embedder)
    print(f"{type(embedder).__name__:26} Spearman {correlation.spearman:.3f}")

# %%
# Images in that space
# --------------------
# The strings are embedded already: `FrozenEstimator` keeps them from being fitted anew.
# Chance is what constant embeddings would get; the oracle is the best possible order.

spotter = WordImageEmbedder(
    FrozenEstimator(strings), lexicon=known, max_epochs=14, random_state=0
)
spotter.fit(train.images, train.strings)
print(word_spotting_report(spotter, test.images, test.strings))

# %%
# Typing
# ------
# The first images for five words that were not in the training images. What is wrong
# is spelt much the same.

queries = sorted(unseen, key=len)[len(unseen) // 2 :: len(unseen) // 10][:5]
found, _ = spotter.search(queries, test.images, n=6)
figure, axes = plt.subplots(len(queries), 6, figsize=(10, 4.2))
for query, row, images in zip(queries, axes, found, strict=True):
    for axis, image in zip(row, images, strict=True):
        right = test.strings[image] == query
        axis.imshow(test.images[image], cmap="gray", vmin=0, vmax=255, aspect="auto")
        axis.set(xticks=[], yticks=[])
        for spine in axis.spines.values():
            spine.set(color="tab:green" if right else "tab:red", linewidth=2.5)
    row[0].set_ylabel(query, rotation=0, ha="right", va="center", fontsize=11)
figure.suptitle("Typed words, unseen in training, and the first images found", y=0.98)
figure.tight_layout(w_pad=0.4, h_pad=0.6)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
else:
    plt.show()
