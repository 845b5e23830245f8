"""Programs that run in child processes: untar, tar, copy, hash. Standard library (and zstandard) only; see entry.py."""
