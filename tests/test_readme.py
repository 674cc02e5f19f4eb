"""What the README shows is what its code prints."""

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.S | re.M)


def shape_of(text):
    """Return the text with its numbers and words of results blanked out.

    Figures differ in their last digits from one processor to the next.
    """
    lines = re.sub(r"[\d.]+", "0", text).splitlines()
    return [line.split() for line in lines if line.strip()]


def test_first_example_prints_what_is_shown():
    code, shown = blocks("python")[0], blocks("")[1]
    # The layout of what is printed needs no training; the figures were seen in full.
    code = re.sub("max_epochs=[0-9]+", "max_epochs=1", code)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    table, shown_table = (text.split("[")[0] for text in (printed.getvalue(), shown))
    assert shape_of(table) == shape_of(shown_table)
