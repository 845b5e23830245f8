"""The images of the tests: a box, and the two roles of the guide as small as they can be."""

from __future__ import annotations

import textwrap
from pathlib import Path

from testbed.engine import Engine

WEBAPP = """
    FROM box
    COPY index.html /www/index.html
    COPY python /bin/python
    EXPOSE 5000
    CMD ["python", "app.py"]
"""

# The guide starts `python app.py`; the test's image has a python of three lines that serves one page.
PYTHON = """\
#!/bin/sh
trap 'exit 0' TERM INT
httpd -f -p 5000 -h /www & wait $!
"""

POSTGRES = """
    FROM box
    EXPOSE 5432
    ENV PG_VERSION=9.3 PGDATA=/var/lib/postgresql HOME=/ PATH=/bin:/usr/bin:/sbin:/usr/sbin
    COPY serve /bin/serve
    CMD ["serve"]
"""

# Stands for PostgreSQL: says who it is to whoever connects. (The real one plays in `make demo`.)
SERVE = """\
#!/bin/sh
trap 'exit 0' TERM INT
echo ready for connections
nc -ll -p ${PORT:-5432} -e echo "postgres of $(hostname)" & wait $!
"""


def build_images(engine: Engine) -> None:
    """`box` (static busybox), `training/webapp` and `training/postgres`, as small as the guide's roles allow."""
    engine.do("image", "bootstrap", "box", "--busybox")
    for name, dockerfile, files in (
        ("training/webapp", WEBAPP, {"python": PYTHON, "index.html": "Hello world!\n"}),
        ("training/postgres", POSTGRES, {"serve": SERVE}),
    ):
        context = engine.root / name.replace("/", "-")
        write_context(context, dockerfile, files)
        engine.do("build", "-q", "-t", name, str(context))


def write_context(context: Path, dockerfile: str, files: dict[str, str]) -> Path:
    context.mkdir(parents=True, exist_ok=True)
    (context / "Dockerfile").write_text(textwrap.dedent(dockerfile))
    for name, text in files.items():
        (context / name).write_text(text)
        (context / name).chmod(0o755)
    return context
