"""`pull`, `push`, `login`, `logout`, `search`: what has to do with registries."""

from __future__ import annotations

import sys

from fairlead.cli import client, credentials, platforms, reference
from fairlead.cli.flags import Verb, boolean, items, number, parse, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TextIO

    from fairlead.cli.client import Client

_STORED = """
WARNING! Your credentials are stored unencrypted in '{}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

"""


def pull(api: Client, argv: list[str]) -> int:
    options = parse(PULL, argv)
    name = _chosen(options.args[0], every=options["all-tags"], quiet=options["quiet"])
    fetch(api, name, platform=options["platform"], quiet=options["quiet"], out=sys.stdout, every=options["all-tags"])
    sys.stdout.write(f"{canonical(name)}\n")
    return 0


def fetch(api: Client, name: str, *, platform: str, quiet: bool, out: TextIO, every: bool = False) -> None:
    """Has the daemon pull an image; writes its progress to `out`."""
    try:
        repository, tag = reference.to_pull(name)
    except ValueError as error:
        raise client.Refused(str(error)) from None
    headers = credentials.header(domain(repository))
    chunks = api.stream(
        "POST", "/images/create", headers=headers, fromImage=repository, tag="" if every else tag, platform=platform
    )
    _show(api, chunks, out, quiet=quiet)


def push(api: Client, argv: list[str]) -> int:
    options = parse(PUSH, argv)
    name = _chosen(options.args[0], every=options["all-tags"], quiet=options["quiet"])
    repository, tag, _ = reference.split(name)
    headers = credentials.header(domain(repository))
    platform = platforms.query(options["platform"])
    chunks = api.stream("POST", f"/images/{repository}/push", headers=headers, tag=tag, platform=platform)
    _show(api, chunks, sys.stdout, quiet=options["quiet"])
    if options["quiet"]:
        sys.stdout.write(f"{canonical(name)}\n")
    return 0


def _show(api: Client, chunks: Iterator[bytes], out: TextIO, *, quiet: bool) -> None:
    from fairlead.cli import progress

    try:
        if quiet:
            with open("/dev/null", "w", encoding="utf-8") as nowhere:
                progress.show(api.messages(chunks), nowhere, terminal=False)
        else:
            progress.show(api.messages(chunks), out, terminal=out.isatty())
    except progress.ProgressError as error:
        raise client.Refused(str(error)) from error


def _chosen(given: str, *, every: bool, quiet: bool) -> str:
    """The name with the tag that is meant."""
    try:
        _, tag, digest = reference.split(given)
    except ValueError as error:
        raise client.Refused(str(error)) from None
    if every:
        if tag or digest:
            raise client.Refused("tag can't be used with --all-tags/-a")
        return given
    if not tag and not digest and not quiet:
        sys.stdout.write("Using default tag: latest\n")
        sys.stdout.flush()
    return reference.tagged(given)


def domain(repository: str) -> str:
    """The registry's host; Docker Hub's for names without one."""
    first, slash, _ = repository.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    return first if named else "docker.io"


def canonical(name: str) -> str:
    """With everything that Docker Hub's short names leave out."""
    host = domain(name)
    if host != "docker.io":
        return name
    path = name.removeprefix("index.docker.io/").removeprefix("docker.io/")
    return f"docker.io/{path if '/' in path else f'library/{path}'}"


# --- credentials ---------------------------------------------------------------------------------------------------


def login(api: Client, argv: list[str]) -> int:
    options = parse(LOGIN, argv)
    server = _server(options.args[0] if options.args else "")
    username, password = _given(options)
    stored = None if username or password else credentials.get(server)
    if stored is not None:
        sys.stdout.write("Authenticating with existing credentials...\n")
        auth = stored
    else:
        auth = dict(zip(("username", "password"), _asked(server, username, password), strict=True))
    answer = api.post("/auth", {**auth, "serveraddress": server})
    if answer.get("IdentityToken"):
        auth = {"username": auth.get("username", ""), "identitytoken": answer["IdentityToken"]}
    file = credentials.store(server, auth) if stored is None else ""
    if file:
        sys.stderr.write(_STORED.format(file))
        sys.stderr.flush()
    sys.stdout.write(f"{answer['Status']}\n")
    return 0


def _server(given: str) -> str:
    host = given.partition("://")[2] if "://" in given else given
    return credentials.key(host.partition("/")[0])


def _given(options: Any) -> tuple[str, str]:
    username, password = options["username"].strip(), options["password"]
    if password:
        sys.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
        if options["password-stdin"]:
            raise client.Refused("--password and --password-stdin are mutually exclusive")
    if options["password-stdin"]:
        if not username:
            raise client.Refused("the --password-stdin option requires --username to be set")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    return username, password


def _asked(server: str, username: str, password: str) -> tuple[str, str]:
    """What was not given is asked for, on a terminal."""
    if username and password:
        return username, password
    if not sys.stdin.isatty():
        raise client.Refused("Error: Cannot perform an interactive login from a non TTY device")
    if not username:
        sys.stdout.write(f"Username ({server}): ")
        sys.stdout.flush()
        username = sys.stdin.readline().strip()
        if not username:
            raise client.Refused("Error: Non-null Username Required")
    if not password:
        import getpass

        password = getpass.getpass("Password: ")
        if not password:
            raise client.Refused("Error: Password Required")
    return username, password


def logout(api: Client, argv: list[str]) -> int:
    options = parse(LOGOUT, argv)
    server = _server(options.args[0] if options.args else "")
    sys.stdout.write(f"Removing login credentials for {server}\n")
    credentials.erase(server)
    return 0


# --- search --------------------------------------------------------------------------------------------------------


def search(api: Client, argv: list[str]) -> int:
    from fairlead.cli.listings import search as listing

    options = parse(SEARCH, argv)
    headers = credentials.header(domain(options.args[0]))
    found = api.get(
        "/images/search", headers=headers, term=options.args[0], limit=options["limit"] or None,
        filters=client.filters(options["filter"]),
    )  # fmt: skip
    sys.stdout.write(listing.show(found, options["format"], no_trunc=options["no-trunc"]))
    return 0


PULL = Verb(
    "pull [OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", (1, 1),
    boolean("all-tags", "a", help="Download all tagged images in the repository"),
    boolean("disable-content-trust", default=True, help="Skip image verification"),
    text("platform", help="Set platform if server is multi-platform capable"),
    boolean("quiet", "q", help="Suppress verbose output"),
)  # fmt: skip
PUSH = Verb(
    "push [OPTIONS] NAME[:TAG]", "Upload an image to a registry", (1, 1),
    boolean("all-tags", "a", help="Push all tags of an image to the repository"),
    boolean("disable-content-trust", default=True, help="Skip image signing"),
    text("platform", help="Push a platform-specific manifest: it is an error if the image is for another platform"),
    boolean("quiet", "q", help="Suppress verbose output"),
)  # fmt: skip
LOGIN = Verb(
    "login [OPTIONS] [SERVER]", "Authenticate to a registry", (0, 1),
    text("password", "p", help="Password or Personal Access Token (PAT)"),
    boolean("password-stdin", help="Take the Password or Personal Access Token (PAT) from stdin"),
    text("username", "u", help="Username"),
)  # fmt: skip
LOGOUT = Verb("logout [SERVER]", "Log out from a registry", (0, 1))
SEARCH = Verb(
    "search [OPTIONS] TERM", "Search Docker Hub for images", (1, 1),
    items("filter", "f", word="filter", check="condition", help="Filter output based on conditions provided"),
    text("format", help="Pretty-print search using a Go template"),
    number("limit", help="Max number of search results"),
    boolean("no-trunc", help="Don't truncate output"),
)  # fmt: skip
