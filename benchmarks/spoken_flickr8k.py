"""Learning words from photos and speech: the paper's set-up on a public image set.

    python benchmarks/spoken_flickr8k.py --data-home DIR [--recipe paper]

`DIR` holds `flickr8k/`. The content words of the photos' captions are spoken by
espeak-ng (a Debian package), each caption by one of ten voices; the recordings are kept
in a cache. A row is a photo with the spoken words of some of its captions; nothing
tells the towers what the words are. Reported is the protocol of Synnaeve, Versteegh and
Dupoux (2014, section 3) on test photos, beside random projections, uniform ranking and
the rows of the paper's tables (Pascal1K fragments, LUCID words; other galleries, so
that only the order of magnitude can be compared).
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from paper_recipe import paper_recipe
from scipy.io import wavfile
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import CosCosEmbedder
from sklearn_crossmodal.datasets import fetch_flickr8k, get_data_home
from sklearn_crossmodal.metrics import word_learning_report
from sklearn_crossmodal.preprocessing import LogMelStacker

VOICES = [
    "en-us+f2",
    "en-us+f4",
    "en-us+m1",
    "en-us+m3",
    "en-gb+f3",
    "en-gb+m2",
    "en-gb-scotland+m7",
    "en-gb-x-rp+f5",
    "en-gb-x-gbcwmd+m4",
    "en-029+m5",
]
RECIPES = {"default": CosCosEmbedder, "paper": paper_recipe}
SAMPLE_RATE = 22050  # espeak-ng's own
PAPER = """\
the paper's tables: median and mean rank, R@1, R@5, R@10, R@25 in percent
                              random projection                our model
Word Similarity             4   22.96                            5  11.53
Word Token Search by Image 93  293.39   1.4  6.2 11.5 24.2      40  72.52  2.5 10.3 20.2 39.6
Word Type Search by Image  19  293.40   4.5 19.8 34.7 58.1      15  30.11  6.8 27.3 43.5 72.2
Image Token Search by Word 117 178.44   2.0  7.4 13.6 22.8      81 141.29  1.9  9.4 16.0 42.9"""  # noqa: E501


def content_words(caption):
    """Return the words that are no function words."""
    words = re.findall("[a-z]+", caption.lower())
    return [word for word in words if len(word) > 1 and word not in ENGLISH_STOP_WORDS]


def speak(word, voice):
    """Return one word as float32 samples, without the silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        command = ["espeak-ng", "-v", voice, "-s", "160", "-w", str(path), word]
        subprocess.run(command, check=True, capture_output=True)
        _, pcm = wavfile.read(path)
    loud = np.flatnonzero(np.abs(pcm) > 0.01 * np.abs(pcm).max())
    return (pcm[loud[0] : loud[-1] + 1] / 32768).astype(np.float32)


def spoken_words(recordings, cache):
    """Return the stacked log-mel frames of (word, voice) pairs, from a cache or new."""
    names = [f"{word} {voice}" for word, voice in recordings]
    if cache.exists():
        with np.load(cache) as saved:
            if saved["names"].tolist() == names:
                return saved["frames"]
    start = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:  # the work is done in other processes
        clips = list(pool.map(lambda recording: speak(*recording), recordings))
    spoken = time.perf_counter()
    frames = LogMelStacker(sample_rate=SAMPLE_RATE, center="energy").fit_transform(
        clips
    )
    print(
        f"spoke {len(clips)} recordings in {spoken - start:.0f} s, "
        f"log-mel in {time.perf_counter() - spoken:.1f} s",
        flush=True,
    )
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, names=names, frames=frames)
    return frames


def tell_scenes(subset, vocabulary, n_captions, rng):
    """Return, for each photo, the (word, voice) pairs of some of its captions."""
    scenes = []
    for captions in subset.captions:
        scene = []
        for i in rng.permutation(len(captions))[:n_captions]:
            voice = VOICES[rng.integers(len(VOICES))]
            words = [word for word in content_words(captions[i]) if word in vocabulary]
            scene += [(word, voice) for word in words]
        scenes.append(scene)
    return scenes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home")
    parser.add_argument("--recipe", choices=list(RECIPES), default="default")
    parser.add_argument("--photos", type=int, help="training photos; all by default")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--captions", type=int, default=2, help="of each photo")
    parser.add_argument("--min-count", type=int, default=10, help="of a word")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if shutil.which("espeak-ng") is None:
        sys.exit("skipped: espeak-ng, which speaks the words, is not installed")

    subsets = [
        fetch_flickr8k(data_home=args.data_home, subset=name)
        for name in ("train", "test")
    ]
    counts = Counter(
        word
        for captions in subsets[0].captions
        for caption in captions
        for word in content_words(caption)
    )
    vocabulary = {word for word, count in counts.items() if count >= args.min_count}
    rng = np.random.default_rng(0)
    scenes = [tell_scenes(s, vocabulary, args.captions, rng) for s in subsets]
    recordings = sorted({pair for part in scenes for scene in part for pair in scene})
    cache = (
        Path(get_data_home())
        / "espeak"
        / f"flickr8k_{args.captions}_{args.min_count}.npz"
    )
    frames = spoken_words(recordings, cache)
    number = {recording: i for i, recording in enumerate(recordings)}
    tokens = [[[number[pair] for pair in scene] for scene in part] for part in scenes]

    (train, test), (heard, asked) = subsets, tokens
    used = [i for i, scene in enumerate(heard) if scene][: args.photos]
    photos = np.asarray(test.data, dtype=np.float32)
    tested = [i for i, scene in enumerate(asked) if scene]
    params = {} if args.epochs is None else {"max_epochs": args.epochs}
    pipe = make_pipeline(
        StandardScaler(), RECIPES[args.recipe](random_state=args.seed, **params)
    )
    start = time.perf_counter()
    pipe.fit(train.data[used], [frames[heard[i]] for i in used])
    print(
        f"{len(vocabulary)} word types, {len(recordings)} recordings, "
        f"{sum(len(heard[i]) for i in used)} spoken words with {len(used)} photos; "
        f"trained {pipe[-1].n_iter_} epochs in {time.perf_counter() - start:.0f} s, "
        f"zero embeddings {pipe[-1].zero_fraction_}",
        flush=True,
    )
    report = word_learning_report(
        pipe,
        photos[tested],
        [frames[asked[i]] for i in tested],
        types=[[recordings[t][0] for t in asked[i]] for i in tested],
        tokens=[asked[i] for i in tested],
    )
    print(report)
    print(PAPER)


if __name__ == "__main__":
    main()
