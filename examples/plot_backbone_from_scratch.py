"""
=======================================
A backbone trained by text, from pixels
=======================================

A convolutional net that has seen nothing yet gets images and what is said of them:
rows of real handwritten digits, and captions such as "a three, then two sevens". No
image has a class. Topics are found in the captions, `SemanticProjector` trains the net
to tell the topics of an image, and on the way it learns features. With those, a few
labels are enough to tell single digits. Nothing is downloaded. Given a file name on the
command line, the picture is saved there.
"""

# %%
# The data
# --------
# The captions of an image, five, are one text. No handwritten digit of the test images
# is in a training image.

import sys
import textwrap

import matplotlib

if len(sys.argv) > 1:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_crossmodal import SemanticProjector, retrieval_report
from sklearn_crossmodal.datasets import load_digit_captions
from sklearn_crossmodal.metrics import transfer_report
from sklearn_crossmodal.preprocessing import LDAVectorizer

train = load_digit_captions(subset="train", random_state=0)
test = load_digit_captions(subset="test", random_state=0)
X, X_test = train.images[:, None], test.images[:, None]  # one channel
y, y_test = (
    [". ".join(captions) for captions in part.captions] for part in (train, test)
)
print(f"{len(X)} images to train on, of shape {X.shape[1:]}; the text of the first:")
print(textwrap.fill(y[0], 80))

# %%
# The backbone
# ------------
# Three layers. What is seen anywhere in an image counts: images may be of any size.


def convolution(n_in, n_out):
    """Return a layer of 3 x 3 kernels."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )


torch.manual_seed(0)
backbone = nn.Sequential(
    convolution(1, 16),
    convolution(16, 32),
    nn.MaxPool2d(2),
    convolution(32, 64),
    nn.AdaptiveMaxPool2d(1),
    nn.Flatten(),
)

# %%
# Training
# --------
# Topics of words and numerals alike. Words of order are left out, since topics know of
# none. Nobody says that topics are digits; ten come out as such here, and with other
# seeds two digits may share one.

order = (
    "a an and by digit digits else followed from its left nothing of on only right "
    "single the then to"
)
topics = LDAVectorizer(
    10,
    stop_words=order.split(),
    token_pattern=r"\w+",
    doc_topic_prior=0.3,
    random_state=0,
)
projector = SemanticProjector(
    topics,
    loss="softmax_cross_entropy",
    image_module=backbone,
    hidden_layer_sizes=(),
    dropout=0,
    batch_size=64,
    random_state=0,
)
projector.fit(X, y)
names = [" ".join(word for word, _ in topic) for topic in projector.get_topics(2)]
print("the first words of each topic:", ", ".join(names))

# %%
# Images and texts find each other
# --------------------------------
# As far as topics go: an image of a three and a seven, and one of a seven and a three,
# are about the same.

report = retrieval_report(
    projector,
    X_test,
    y_test,
    groups=test.groups,
    names=("image -> text", "text -> image"),
)
print(report)

# %%
# What the backbone learned
# -------------------------
# `hidden_features` are what it makes of an image, of single digits here. Linear
# classifiers get few labels of each digit, and have to tell digits that neither they
# nor the backbone have seen. Beside them: the same on pixels, and on the backbone as it
# was before.

pixels, digits = load_digits(return_X_y=True)
single = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
with torch.inference_mode():
    untrained = backbone.eval()(torch.from_numpy(single)).numpy()
features = {
    "pixels": pixels,
    "untrained backbone": untrained,
    "taught by text": projector.hidden_features(single),
}
known, new = np.split(np.arange(len(digits)), [1347])  # training images and others
rng = np.random.default_rng(0)


def transfer(n_labels):
    """Report how well digits are told when `n_labels` of each have a label."""
    labelled = np.concatenate(
        [rng.choice(known[digits[known] == d], n_labels, False) for d in range(10)]
    )
    return transfer_report(
        {name: rows[labelled] for name, rows in features.items()},
        digits[labelled],
        {name: rows[new] for name, rows in features.items()},
        digits[new],
        C=10.0 ** np.arange(-5, 0),
    )


reports = {n: [transfer(n) for _ in range(5)] for n in (2, 5, 20)}
print(reports[5][0])

means = {
    name: [
        np.mean([report.map[name] for report in drawn]) for drawn in reports.values()
    ]
    for name in features
}
chance = reports[5][0].chance.mean()
print("\nmAP, the mean of 5 draws of labels")
print(f"{'labels of each digit':22}" + "".join(f"{n:7}" for n in reports))
for name, row in [*means.items(), ("chance", [chance] * len(reports))]:
    print(f"{name:22}" + "".join(f"{mean:7.3f}" for mean in row))

# %%
# One picture
# -----------
# The test images with the most of each topic; the likely topics of five test images,
# drawn at random, green where the image has that digit; and how few labels are needed.

GREEN, GREY, DARK = "#2a9d5c", "#c9ced6", "#7d8795"
figure = plt.figure(figsize=(15, 6), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=[1.25, 0.95, 1])

best, _ = projector.top_images(X_test, n=5)
for row, of_topic in enumerate(left.subplots(10, 5)):
    for axes, image in zip(of_topic, best[row], strict=True):
        axes.imshow(test.images[image], cmap="gray_r")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(GREY)
    of_topic[0].set_ylabel(names[row], rotation=0, ha="right", va="center", labelpad=8)
left.suptitle("Topics, and new images that have most of them", weight="bold")

shown = rng.choice(len(X_test), 5, replace=False)
shares = projector.topic_proba(X_test[shown])
pairs = middle.subplots(5, 2, width_ratios=[1, 1.1])
for (picture, bars), image, share in zip(pairs, shown, shares, strict=True):
    picture.imshow(test.images[image], cmap="gray_r")
    picture.set_axis_off()
    likely = np.argsort(-share)[:4]
    there = set(map(str, test.digits[image]))
    colors = [GREEN if there & set(names[topic].split()) else GREY for topic in likely]
    bars.barh(np.arange(4), share[likely], 0.75, color=colors)
    bars.set_yticks(np.arange(4), [names[topic] for topic in likely])
    bars.set(xlim=(0, 1), xticks=[], ylim=(3.6, -0.6))
    bars.spines[["top", "right", "bottom"]].set_visible(False)
middle.suptitle("Likely topics of new images", weight="bold")

axes = right.subplots()
places = np.arange(len(reports))
for shift, (name, row), color in zip(
    (-0.27, 0, 0.27), means.items(), (GREY, DARK, GREEN), strict=True
):
    drawn = axes.bar(places + shift, row, 0.25, color=color, label=name)
    axes.bar_label(drawn, fmt="%.2f", padding=2, fontsize=9)
axes.axhline(chance, color="black", ls=":", lw=1)
axes.text(places[-1] + 0.44, chance, " chance", va="center")
axes.set_xticks(places, reports)
axes.set(xlim=(-0.45, len(places) - 0.56), ylim=(0, 1.05))
axes.set(xlabel="labels of each digit", ylabel="mAP")
right.legend(loc="outside lower center", ncols=3, frameon=False)
axes.spines[["top", "right"]].set_visible(False)
right.suptitle("Telling new digits by few labels", weight="bold")
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
    print(f"The picture is in {sys.argv[1]}.")
else:
    plt.show()
