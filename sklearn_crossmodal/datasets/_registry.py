"""Everything that a fetcher reads: its place below ``data_home``, hash and origin."""

from typing import NamedTuple
from urllib.parse import quote

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


class RemoteFile(NamedTuple):
    """What is known about one file; without a ``url`` it has no public origin."""

    sha256: str
    url: str | None = None


class RemoteFolder(NamedTuple):
    """What is known about the files of one folder, which come in one archive.

    Archives that are made on demand have no lasting hash. ``sha256`` is of the contents
    instead: of a line ``<SHA-256 of the file>  <name>`` for each of ``names``.
    """

    sha256: str
    url: str
    names: tuple[str, ...]


def _github(repo: str, commit: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repo}/{commit}/{quote(path)}"


def _flickr8k(name: str) -> str:
    return _github(
        "bhrt-sharma/Image-Captioning-",
        "cea8794e012f2212f2180fcfa3282b36a6a1d15e",
        f"Flickr8k_text/{name}",
    )


def _wikipedia(name: str) -> str:
    return _github(
        "BMC-SDNU/Cross-Modal-Retrieval",
        "710256f3e0808835d30305bc878c8d74d796bfa2",
        "Unsupervised cross-modal real-valued/CCA-master/crossmodal-master/"
        f"wikipedia_info/{name}",
    )


REGISTRY = {
    "flickr8k/Flickr8k.token.txt": RemoteFile(
        "1e1f3a371ba1a1bf742e6930521c037e046b2bf3fcc2390ba8405e0301ed7689",
        _flickr8k("Flickr8k.token.txt"),
    ),
    "flickr8k/Flickr_8k.trainImages.txt": RemoteFile(
        "e330ddd5156a4c2d2e2b67bc587e70e588f2d132bd8a10dc54dcb71e58115d8e",
        _flickr8k("Flickr_8k.trainImages.txt"),
    ),
    "flickr8k/Flickr_8k.devImages.txt": RemoteFile(
        "18ba829f47f6df1cb830bf7f0506e2ddf333818925299babbd1bbcaf50fdc504",
        _flickr8k("Flickr_8k.devImages.txt"),
    ),
    "flickr8k/Flickr_8k.testImages.txt": RemoteFile(
        "c0924146c131458ceba45da59670fe9520eadce1e5cafffa16a817672a9b1f17",
        _flickr8k("Flickr_8k.testImages.txt"),
    ),
    "flickr8k/flickr8k_mobilenet075.npz": RemoteFile(
        "2235d1c3b529ce4fb78555d4cb74a75d510823f7f78c74e10ce428982fe313e3"
    ),
    "wikipedia_xmodal/raw_features.mat": RemoteFile(
        "ca628f765a69575e168ab29eb97f5ade12fadf47b31de1328c7ff631c7f225ae",
        _wikipedia("raw_features.mat"),
    ),
    "wikipedia_xmodal/trainset_txt_img_cat.list": RemoteFile(
        "30c1ba8afbe90da5986de9b12496b6dd2e4680d3876b79ab7aae2e437d5819a3",
        _wikipedia("trainset_txt_img_cat.list"),
    ),
    "wikipedia_xmodal/testset_txt_img_cat.list": RemoteFile(
        "ec3123ee31cc89dd95fbeb23eb73b2ecfd1d8909bba863723471aad99408c1eb",
        _wikipedia("testset_txt_img_cat.list"),
    ),
    "wikipedia_xmodal/categories.list": RemoteFile(
        "4929f3ee00e9de9ffe11f9ab18fc8919b0f6182cc801309409df2f2d05e2b0f5",
        _wikipedia("categories.list"),
    ),
}

FOLDERS = {
    "fsdd/recordings": RemoteFolder(
        "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959",
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
        "26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz",
        tuple(
            sorted(
                f"{digit}_{speaker}_{take}.wav"
                for digit in range(10)
                for speaker in FSDD_SPEAKERS
                for take in range(50)
            )
        ),
    ),
}
