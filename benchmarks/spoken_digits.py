"""Cross-situational word learning: handwritten digits and spoken ones, in scenes.

    python benchmarks/spoken_digits.py --data-home DIR [--recipe paper]

`DIR` holds `fsdd/`. A scene is three handwritten digits of scikit-learn and the three
spoken digits of the Free Spoken Digit Dataset, said by one speaker, in no order: only
what occurs together across scenes tells which goes with which. Test images and test
speakers are in no training scene; the six speakers are tested two at a time, in three
folds. Reported are searches by digit type over single test items (chance is 10 %),
beside random projections of the features, and for the first fold the protocol of
Synnaeve, Versteegh and Dupoux (2014, section 3) on test scenes, beside chance and an
oracle that knows every type.
"""

import argparse
import time

import numpy as np
from paper_recipe import paper_recipe
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import CosCosEmbedder, embed_y
from sklearn_crossmodal.datasets import fetch_fsdd, make_scenes
from sklearn_crossmodal.metrics import retrieval_metrics, word_learning_report
from sklearn_crossmodal.preprocessing import BagTransformer, LogMelStacker

FOLDS = [("george", "theo"), ("jackson", "lucas"), ("nicolas", "yweweler")]


def recall_by_type(X, Y, x_types, y_types):
    """Return R@1 of fragments that search words, and the other way round."""
    return [
        retrieval_metrics(
            X, Y, ["recall@1"], direction=way, labels=x_types, y_labels=y_types
        )["recall@1"]
        for way in ("x_to_y", "y_to_x")
    ]


def random_projection(X, Y, x_types, y_types, n_components=64, n_seeds=10):
    recalls = []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        projected = [V @ rng.normal(size=(V.shape[1], n_components)) for V in (X, Y)]
        recalls.append(recall_by_type(*projected, x_types, y_types))
    return np.mean(recalls, axis=0)


def make_model(recipe, seed, **params):
    """Return the pipeline of features of bags and embedder."""
    scale = BagTransformer(StandardScaler())
    if recipe == "default":
        words = make_pipeline(StandardScaler(), PCA(150, random_state=0))
        words.steps.append(("scaler", StandardScaler(with_std=False)))
        return make_pipeline(
            scale, CosCosEmbedder(y_transformer=words, random_state=seed, **params)
        )
    return make_pipeline(scale, paper_recipe(seed, **params))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home")
    parser.add_argument("--recipe", choices=["default", "paper"], default="default")
    parser.add_argument("--scenes", type=int, default=4000)
    parser.add_argument("--objects", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--folds", type=int, default=len(FOLDS))
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    params = {"max_epochs": args.epochs}

    images, digits = load_digits(return_X_y=True)
    spoken = fetch_fsdd(data_home=args.data_home)
    start = time.perf_counter()
    words = LogMelStacker(
        sample_rate=spoken.sample_rate, center="energy"
    ).fit_transform(spoken.data)
    print(f"{len(words)} recordings stacked in {time.perf_counter() - start:.1f} s")
    train, test = train_test_split(
        np.arange(len(images)), test_size=450, stratify=digits, random_state=0
    )
    print(f"{'test speakers':<24}{'image->word':>12}{'word->image':>12}{'s':>7}")
    for speakers in FOLDS[: args.folds]:
        unseen = np.isin(spoken.speaker, speakers)
        scenes = make_scenes(
            images[train],
            words[~unseen],
            digits[train],
            spoken.target[~unseen],
            speakers=spoken.speaker[~unseen],
            n_scenes=args.scenes,
            n_objects=args.objects,
            random_state=0,
        )
        for seed in range(args.seeds):
            model = make_model(args.recipe, seed, **params)
            start = time.perf_counter()
            model.fit(scenes.data, scenes.words)
            seconds = time.perf_counter() - start
            found = recall_by_type(
                model.transform(images[test]),
                embed_y(model, words[unseen]),
                digits[test],
                spoken.target[unseen],
            )
            line(" and ".join(speakers), found, seconds)
        x_scaler = StandardScaler().fit(images[train])
        y_scaler = StandardScaler().fit(words[~unseen])
        scaled = x_scaler.transform(images[test]), y_scaler.transform(words[unseen])
        line(
            "  random projection",
            random_projection(*scaled, digits[test], spoken.target[unseen]),
        )
        if speakers == FOLDS[0]:
            last, last_speakers = model, unseen
    report(last, images, digits, words, spoken, test, last_speakers, args.objects)


def line(name, recalls, seconds=None):
    time_cell = "" if seconds is None else f"{seconds:7.1f}"
    print(f"{name:<24}{recalls[0]:12.3f}{recalls[1]:12.3f}{time_cell}", flush=True)


def report(model, images, digits, words, spoken, test, unseen, n_objects):
    """Print the paper's four tasks on scenes of test images and test speakers."""
    scenes = make_scenes(
        images[test],
        words[unseen],
        digits[test],
        spoken.target[unseen],
        speakers=spoken.speaker[unseen],
        n_scenes=200,
        n_objects=n_objects,
        random_state=1,
    )
    print(f"\n200 scenes of the test images and speakers; {n_objects} objects in each")
    given = {"types": scenes.types, "tokens": scenes.token_index}
    print(word_learning_report(model, scenes.data, scenes.words, **given))
    print("an oracle that knows every type:")
    one_hot = np.eye(10)
    print(
        word_learning_report(
            None, one_hot[scenes.fragment_types], one_hot[scenes.types], **given
        )
    )


if __name__ == "__main__":
    main()
