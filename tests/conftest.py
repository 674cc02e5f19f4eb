"""Settings for all tests."""

import os

from hypothesis import settings

# A deadline would be a timed assertion; in CI, the same examples in every run.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")
