"""NIfTI-1 and NIfTI-2 volumes in one file, compressed or not."""
