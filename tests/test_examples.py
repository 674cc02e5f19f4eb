"""Every example runs as a user would run it, and leaves its picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))

# Where the data of examples that fetch some are looked for: no test downloads.
DATA = ROOT.parent / "shared" / "data"
NEEDS = {
    "plot_images_taught_by_texts": DATA / "flickr8k",
    "plot_word_learning": DATA / "fsdd",
}


def test_there_are_examples():
    assert EXAMPLES, "no examples/plot_*.py found"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws(path, tmp_path):
    needed = NEEDS.get(path.stem)
    if needed is not None and not needed.exists():
        pytest.skip(f"needs {needed.name} in ../shared/data")
    picture = tmp_path / "picture.png"
    result = subprocess.run(
        [sys.executable, str(path), str(picture)],
        cwd=tmp_path,
        env={
            **os.environ,
            "MPLBACKEND": "Agg",
            "PYTHONWARNINGS": "error::UserWarning",
            "SKLEARN_CROSSMODAL_DATA": str(DATA),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "chance" in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
