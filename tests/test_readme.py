"""What the README shows is what its code prints."""

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


CODE, SHOWN = re.search(
    r"^```python\n(.*?)^```\n\n```\n(.*?)^```$", README, flags=re.S | re.M
).groups()


def shape_of(text):
    """Return the text with its numbers and words of results blanked out.

    Figures differ in their last digits from one processor to the next.
    """
    lines = re.sub(r"[\d.]+", "0", text).splitlines()
    return [line.split() for line in lines if line.strip()]


def test_first_example_prints_what_is_shown():
    # The layout of what is printed needs no training; the figures were seen in full.
    code = CODE.replace("random_state=0", "max_epochs=1, random_state=0")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    table, shown_table = (text.split("[")[0] for text in (printed.getvalue(), SHOWN))
    assert shape_of(table) == shape_of(shown_table)
