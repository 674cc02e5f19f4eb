"""
=====================================
Learning words from what one sees
=====================================

A scene shows three handwritten digits, and one speaker names them, in no order. No
scene says which word is whose. `CosCosEmbedder` finds out from many scenes: what often
occurs together ends up close. It is tested on digits that it has not seen, said by
speakers that it has not heard. Given a file name on the command line, the picture is
saved there.
"""

# %%
# The data
# --------
# Real digits on either side: scikit-learn's images, and the recordings of the Free
# Spoken Digit Dataset as log-mel spectra.

import sys

import matplotlib

if len(sys.argv) > 1:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import CosCosEmbedder, embed_y
from sklearn_crossmodal.datasets import fetch_fsdd, make_scenes
from sklearn_crossmodal.metrics import retrieval_metrics, word_learning_report
from sklearn_crossmodal.preprocessing import BagTransformer, LogMelStacker

images, digits = load_digits(return_X_y=True)
spoken = fetch_fsdd()
words = LogMelStacker(sample_rate=spoken.sample_rate, center="energy").fit_transform(
    spoken.data
)

seen, unseen = train_test_split(
    np.arange(len(images)), test_size=450, stratify=digits, random_state=0
)
heard = ~np.isin(spoken.speaker, ["jackson", "lucas"])
scenes = make_scenes(
    images[seen],
    words[heard],
    digits[seen],
    spoken.target[heard],
    speakers=spoken.speaker[heard],
    n_scenes=2000,
    n_objects=3,
    random_state=0,
)
print(f"{len(scenes.data)} scenes; three digits of the first: {scenes.data[0].shape},")
print(f"three words, in another order: {scenes.words[0].shape}")

# %%
# Training
# --------
# Every image of a scene is *same* with every word of it, and different from the words
# of other scenes. The words are reduced to 150 principal components first.

word_features = make_pipeline(
    StandardScaler(), PCA(150, random_state=0), StandardScaler(with_std=False)
)
model = make_pipeline(
    BagTransformer(StandardScaler()),
    CosCosEmbedder(y_transformer=word_features, max_epochs=25, random_state=0),
)
model.fit(scenes.data, scenes.words)

# %%
# Does it know the words?
# -----------------------
# Single images and single words, of new hands and new voices. Right is a word of that
# digit, or an image of it.

X_embedded = model.transform(images[unseen])
y_embedded = embed_y(model, words[~heard])
for direction, name in {"x_to_y": "image -> word", "y_to_x": "word -> image"}.items():
    found = retrieval_metrics(
        X_embedded,
        y_embedded,
        ["recall@1"],
        direction=direction,
        labels=digits[unseen],
        y_labels=spoken.target[~heard],
    )
    print(f"{name}: recall@1 {found['recall@1']:.2f} (chance .10)")

# %%
# The evaluation of the paper that the method comes from, on scenes of these:

test_scenes = make_scenes(
    images[unseen],
    words[~heard],
    digits[unseen],
    spoken.target[~heard],
    speakers=spoken.speaker[~heard],
    n_scenes=100,
    n_objects=3,
    random_state=1,
)
print(
    word_learning_report(
        model,
        test_scenes.data,
        test_scenes.words,
        types=test_scenes.types,
        tokens=test_scenes.token_index,
    )
)

# %%
# One picture: what is heard, and what comes to mind
# --------------------------------------------------
# Each row is a word as log-mel spectrum and the images nearest to it; right ones are
# green.

rng = np.random.default_rng(0)
new_words, said = words[~heard], spoken.target[~heard]
shown = [rng.choice(np.flatnonzero(said == digit)) for digit in range(10)]
nearest = np.argsort(-y_embedded[shown] @ X_embedded.T, axis=1)[:, :6]

fig, axes = plt.subplots(
    5, 15, figsize=(14, 5), width_ratios=[2.2, *[1] * 6, 0.5, 2.2, *[1] * 6]
)
for place, word in enumerate(shown):
    row = axes[place % 5, :7] if place < 5 else axes[place % 5, 8:]
    spectrum = new_words[word].reshape(71, 40).T
    row[0].imshow(spectrum, origin="lower", aspect="auto", cmap="magma")
    row[0].set_title(f'"{spoken.target_names[said[word]]}"', fontsize=9, pad=2)
    for ax, image in zip(row[1:], nearest[place], strict=True):
        right = digits[unseen][image] == said[word]
        pixels = images[unseen][image].reshape(8, 8)
        ax.imshow(pixels, cmap="Greens" if right else "Reds", vmin=-4)
for ax in axes.flat:
    ax.set_axis_off()
fig.suptitle("Words of unheard speakers, and the unseen images nearest to each")
fig.tight_layout()
if len(sys.argv) > 1:
    fig.savefig(sys.argv[1], dpi=120)
    print(f"The picture is in {sys.argv[1]}.")
else:
    plt.show()
