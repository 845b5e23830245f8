"""Makes every environment and the databases' base image, for tests that come later in the run."""

from __future__ import annotations

from conformance import databases, environments

if __name__ == "__main__":
    for name in environments.NAMES:
        environments.make(name)
    databases.base()
