"""Words and images in one space."""
