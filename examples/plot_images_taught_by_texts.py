"""
=====================================
Images taught by the text around them
=====================================

Nobody labelled these photos: people only wrote about them. `SemanticProjector` learns
where the text of a photo is among texts, so that words find photos, and photos add and
subtract with words. `DynamicLexicon` learns which topics a photo is about, and so which
words are likely in it. Flickr8k has captions of photos and features of a small image
network; the photos are not included, so found ones are shown by a caption. Given a file
name on the command line, the picture is saved there.
"""

# %%
# The data
# --------
# Five captions together are the text of a photo. The first 4,000 photos are enough to
# see how it goes; 1,000 others are searched.

import re
import sys
import textwrap

import matplotlib

if len(sys.argv) > 1:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import (
    DynamicLexicon,
    SemanticProjector,
    compose_query,
    retrieval_report,
)
from sklearn_crossmodal.datasets import fetch_flickr8k
from sklearn_crossmodal.metrics import concept_report, lexicon_report
from sklearn_crossmodal.preprocessing import LDAVectorizer

train = fetch_flickr8k(subset="train")
test = fetch_flickr8k(subset="test")
X = train.data[:4000]
y = [" ".join(captions) for captions in train.captions[:4000]]
print(f"{len(X)} photos to train on; the text of the first:")
print(textwrap.fill(y[0], 80))

# %%
# Words that find photos
# ----------------------
# By default a text is the mean of its word vectors, which are learned from these texts.

model = make_pipeline(
    StandardScaler(), SemanticProjector(batch_size=256, random_state=0)
)
model.fit(X, y)
report = retrieval_report(
    model, test.data, test.captions, names=("photo -> caption", "caption -> photo")
)
print(report)

# %%
# A photo is right for "dog beach" when its captions hold both words. Right ones are
# also among those that one of the words finds: the last columns say how many.

concepts = [
    *("dog beach", "dog snow", "dog water", "boy water", "girl grass", "man snow"),
    *("child swing", "people street", "man bike", "girl pool", "dog ball", "red car"),
]
found_by_words = concept_report(model, test.data, test.captions, concepts)
print(found_by_words)

# %%
# Sums and differences
# --------------------
# A photo, but with snow for the grass, beside the photos most like it as it is. The
# photo itself is left out.


def says(word):
    """Return which photos have a caption with a word."""
    pattern = re.compile(rf"\b{word}\b", re.IGNORECASE)
    return np.array([bool(pattern.search(" ".join(c))) for c in test.captions])


embedded = model.transform(test.data)


def most_like(query, photo, n=5):
    """Return the photos nearest to a query, without the one that it is made of."""
    order = np.argsort(-(embedded @ query))
    return order[order != photo][:n]


on_grass = np.flatnonzero(says("dog") & says("grass") & ~says("snow"))
right = says("dog") & says("snow")
before = [most_like(embedded[i], i) for i in on_grass]
after = [
    most_like(compose_query(model, [test.data[i], "snow"], ["grass"]), i)
    for i in on_grass
]
print(f"{len(on_grass)} photos of a dog and grass, - grass + snow")
print("dog and snow among the first five:")
for name, rows in {"photo": before, "photo - grass + snow": after}.items():
    print(f"  {name:22}{np.mean(right[rows]):.3f}")
print(f"  {'chance':22}{np.mean(right):.3f}")

asked = on_grass[0]
print("photo:", test.captions[asked][0])
for name, rows in {"like it": before[0], "- grass + snow": after[0]}.items():
    print(f"{name}:", *[test.captions[i][0] for i in rows[:3]], sep="\n  ")

# %%
# Topics, and words that are likely
# ---------------------------------
# Six of 30 topics of the texts, and the photos that are most about each.

lexicon = make_pipeline(
    StandardScaler(),
    DynamicLexicon(LDAVectorizer(30, min_df=3), max_epochs=10, random_state=0),
)
lexicon.fit(X, y)
top_photos, _ = lexicon[-1].top_images(lexicon[:-1].transform(test.data), n=2)
for topic, photos in list(zip(lexicon[-1].get_topics(6), top_photos, strict=True))[:6]:
    print("\n" + " ".join(word for word, _ in topic))
    print(*[f"  {test.captions[i][0]}" for i in photos], sep="\n")

# %%
# How far down is a word that the fifth caption has, and the other four have not? The
# lexicon is ordered by how frequent words are, by the photo, and by the topics of those
# four captions: the oracle, from which topics need not be guessed.


def words_of(captions):
    """Return the words of captions, without those that mean little."""
    found = re.findall(r"\b\w\w+\b", " ".join(captions).lower())
    return set(found) - ENGLISH_STOP_WORDS


held_out = [sorted(words_of(row[4:]) - words_of(row[:4])) for row in test.captions]
others = [" ".join(row[:4]) for row in test.captions]
print(lexicon_report(lexicon, test.data, others, held_out))

# %%
# The likely words of three photos, drawn at random.

shown = np.random.default_rng(0).choice(len(test.data), 3, replace=False)
likely, shares = lexicon[-1].top(lexicon[:-1].transform(test.data[shown]), n=6)
for row, words in zip(shown, likely, strict=True):
    print(f"{test.captions[row][0]} {', '.join(words)}")

# %%
# One picture
# -----------
# Left: concepts, and one of their words with its first 50 photos shuffled. Middle: the
# likely words of three photos; those that its captions have are green. Right: a sum and
# difference; photos of a dog and snow are green.

GREEN, GREY, LIGHT_GREEN, LIGHT_GREY = "#2a9d5c", "#b8bec7", "#d5efdf", "#eef0f2"


def caption(row, width):
    """Return the first caption of a photo, as lines."""
    text = test.captions[row][0].strip(" .")
    return textwrap.fill(text[0].upper() + text[1:], width)


figure = plt.figure(figsize=(15, 6.4), layout="constrained")
left, middle, right_side = figure.subfigures(1, 3, width_ratios=[1, 0.9, 1.2])

axes = left.subplots()
places = np.arange(len(concepts))
axes.barh(places - 0.2, found_by_words.precision, 0.4, color=GREEN, label="both words")
axes.barh(places + 0.2, found_by_words.reranked, 0.4, color=GREY, label="one word")
axes.plot(found_by_words.chance, places, "k|", ms=14, label="chance")
axes.set_yticks(places, [" ".join(words) for words in found_by_words.concepts])
axes.set(xlim=(0, 1.02), ylim=(len(places) - 0.4, -0.6))
axes.legend(loc="lower right", frameon=False)
axes.spines[["top", "right"]].set_visible(False)
left.suptitle("Right among the first five photos", weight="bold")

for axes, row, words, share in zip(
    middle.subplots(3, 1), shown, likely, shares, strict=True
):
    said = words_of(test.captions[row])
    colors = [GREEN if word in said else GREY for word in words]
    axes.barh(np.arange(len(words)), share, 0.7, color=colors)
    axes.set_yticks(np.arange(len(words)), words)
    axes.locator_params(axis="x", nbins=4)
    axes.invert_yaxis()
    axes.set_title(caption(row, 54), loc="left", fontsize=9.5, style="italic")
    axes.spines[["top", "right"]].set_visible(False)
axes.set_xlabel("probability")
middle.suptitle("Likely words of three photos", weight="bold")

axes = right_side.subplots()
axes.set(xlim=(0, 1), ylim=(0, 1))
axes.set_axis_off()


def box(x, y, text, color, **options):
    """Write text in a box."""
    style = {"boxstyle": "round,pad=0.5", "facecolor": color, "edgecolor": "none"}
    axes.text(x, y, text, bbox=style, va="center", ha="center", **options)


box(0.3, 0.92, caption(asked, 32), "#dbe7f6", style="italic")
box(0.7, 0.92, "\N{MINUS SIGN} grass", "#f6dcd8", weight="bold")
box(0.88, 0.92, "+ snow", LIGHT_GREEN, weight="bold")
for x, rows, name in ((0.25, before[0], "like the photo"), (0.76, after[0], "found")):
    axes.text(x, 0.76, name, ha="center", weight="bold")
    for place, row in enumerate(rows):
        color = LIGHT_GREEN if right[row] else LIGHT_GREY
        box(x, 0.67 - 0.15 * place, caption(row, 30), color, fontsize=9.5)
right_side.suptitle("A photo, a word taken away, a word added", weight="bold")

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
    print(f"The picture is in {sys.argv[1]}.")
else:
    plt.show()
