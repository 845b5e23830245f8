"""The guide's web application: says hello, and keeps a counter in the database it is linked to as `db` or `webdb`."""

import os
import signal
import sys

import psycopg2
from flask import Flask

app = Flask(__name__)


def connect():
    """By name, as an application should: the name follows the database wherever it goes."""
    alias = next(name.removesuffix("_NAME").lower() for name in os.environ if name in ("DB_NAME", "WEBDB_NAME"))
    return psycopg2.connect(host=alias, user="postgres", dbname="postgres", connect_timeout=3)


@app.route("/")
def hello():
    return f"Hello {os.environ.get('PROVIDER', 'world')}!\n"


@app.route("/database")
def database():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz DEFAULT now())")
        cursor.execute("INSERT INTO visits DEFAULT VALUES")
        cursor.execute("SELECT count(*), current_setting('server_version') FROM visits")
        visits, version = cursor.fetchone()
    return f"PostgreSQL {version.split()[0]}, visit {visits}\n"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.run(host="0.0.0.0", port=5000)
