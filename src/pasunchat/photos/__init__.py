"""From files to numbers: photos, where they come from, and datasets."""
