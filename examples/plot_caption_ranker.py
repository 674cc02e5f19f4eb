"""
==========================================
Search images by captions, and the reverse
==========================================

Images composed of real handwritten digits, each with several English captions in which
order and count matter: "a three, then a seven". `CaptionRanker` learns one space for
both from pairs alone; then either view searches the other, on digits that it has never
seen. Given a file name on the command line, the picture is saved there.
"""

# %%
# The data
# --------
# No digit image of the test set occurs in the training set. Images of the same
# sequence of digits are the same item, which `groups` says.

import sys

import matplotlib

if len(sys.argv) > 1:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklearn_crossmodal import CaptionRanker, retrieval_report
from sklearn_crossmodal.datasets import load_digit_captions

train = load_digit_captions(subset="train", random_state=0)
test = load_digit_captions(subset="test", random_state=0)
print(f"{len(train.data)} images to train on; the captions of the first:")
print("\n".join(f"  {caption}" for caption in train.captions[0]))

# %%
# Training
# --------
# One hidden layer reads the pixels. scikit-learn's progress bar counts the epochs.

ranker = CaptionRanker(
    n_components=128,
    hidden_layer_sizes=(256,),
    dropout=0.1,
    word_size=64,
    word_dropout=0.1,
    gru_size=128,
    max_epochs=30,
    random_state=0,
)
try:
    from sklearn.callback import ProgressBar

    ranker.set_callbacks(ProgressBar())
except ImportError:  # the bar needs rich
    ranker.set_params(verbose=1)
ranker.fit(train.data, train.captions, groups=train.groups)

# %%
# How well does either view find the other?
# -----------------------------------------
# Chance stands beside each figure, since recall@k depends on the gallery.

report = retrieval_report(
    ranker,
    test.data,
    test.captions,
    groups=test.groups,
    names=("image -> caption", "caption -> image"),
)
print(report)

# %%
# One picture: queries and what was retrieved, both ways
# ------------------------------------------------------
# Right answers are green.

rng = np.random.default_rng(3)
shown = rng.choice(len(test.data), 5, replace=False)
captions = [caption for row in test.captions for caption in row]
caption_groups = np.repeat(test.groups, [len(row) for row in test.captions])
ranked, scores = ranker.rank(test.data[shown], captions, n=4)
group_of = dict(zip(captions, caption_groups, strict=True))

fig, axes = plt.subplots(
    len(shown), 6, figsize=(14, 5.5), width_ratios=[1, 2.7, 1.4, 1, 1, 1]
)
for row, i in enumerate(shown):
    axes[row, 0].imshow(test.images[i], cmap="gray_r")
    for line, caption in enumerate(ranked[row]):
        right = group_of[caption] == test.groups[i]
        color = "green" if right else "firebrick"
        axes[row, 1].text(0, 0.8 - 0.25 * line, caption, color=color, fontsize=9)
queries = [test.captions[i][row % len(test.captions[i])] for row, i in enumerate(shown)]
found, scores = ranker.search(queries, test.data, n=3)
for row, i in enumerate(shown):
    words = queries[row].split()
    half = (len(words) + 1) // 2
    text = " ".join(words[:half]) + "\n" + " ".join(words[half:])
    axes[row, 2].text(1, 0.5, text, ha="right", va="center", fontsize=9)
    for column, j in enumerate(found[row]):
        right = test.groups[j] == test.groups[i]
        axes[row, 3 + column].imshow(
            test.images[j], cmap="Greens" if right else "Reds", vmin=-0.2
        )
for ax in axes.flat:
    ax.set_axis_off()
fig.tight_layout(rect=(0, 0, 1, 0.95))
titles = {
    0: "image",
    1: "captions found, best first",
    2: "caption",
    3: "images found, best first",
}
for column, title in titles.items():
    box = axes[0, column].get_position()
    right = column == 2
    fig.text(box.x1 if right else box.x0, 0.96, title, ha="right" if right else "left")
if len(sys.argv) > 1:
    fig.savefig(sys.argv[1], dpi=120)
    print(f"The picture is in {sys.argv[1]}.")
else:
    plt.show()
