"""HTTP to one registry: the only place that knows urllib3. TLS, proxies, redirects, credentials, errors in kinds.

Credentials go to the registry itself and to the realm it names, never to where it redirects; nothing that began
with TLS goes on without.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from fairlead.images.worker.registry import auth, failure, proxies
from fairlead.images.worker.registry.auth import Challenge, Credentials
from fairlead.images.worker.registry.failure import Failure

Body = bytes | Iterable[bytes] | None
_REDIRECTS = 10
_ANSWER_LIMIT = 1 << 20
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_ALERTS = {"UNKNOWN_CA": "unknown certificate authority", "PROTOCOL_VERSION": "protocol version not supported"}
_MOVED = (301, 302, 303, 307, 308)


class Remote:
    """One repository of one registry, at one address. `endpoint`: url, insecure, ca, pairs (images/endpoints.py)."""

    def __init__(
        self, endpoint: Mapping[str, Any], repository: str, credentials: Credentials, *, scopes: Sequence[str],
        timeout_s: float, agent: str,
    ) -> None:  # fmt: skip
        self.base = str(endpoint["url"]).rstrip("/")
        self.repository = repository
        self.mirror = bool(endpoint.get("mirror"))
        self._endpoint = endpoint
        self._credentials = credentials
        self._timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)
        self._agent = agent
        self._scopes = list(scopes)
        self._authorization = ""
        self._pools: dict[tuple[str, bool], urllib3.PoolManager] = {}
        self._context: ssl.SSLContext | None = None
        self.refresh_token = ""

    def afresh(self) -> None:
        """In a child: the parent's connections are not ours to speak on."""
        self._pools = {}

    def url(self, path: str) -> str:
        """`path` below this repository; with a leading slash, below the registry."""
        return f"{self.base}/v2{path}" if path.startswith("/") else f"{self.base}/v2/{self.repository}/{path}"

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: Body = None,
        ok: Iterable[int] = (200,),
    ) -> BaseHTTPResponse:  # fmt: skip
        """The answer, its body unread. Answers a challenge once; follows redirects of GET and HEAD."""
        wanted = {"User-Agent": self._agent, "Accept-Encoding": "identity", **(headers or {})}
        response, last = self._redirected(method, url, wanted, body)
        if response.status == 401 and self._own(last):  # where it redirects to may ask: it is not told who we are
            challenge = response.headers.get("WWW-Authenticate", "")
            refusal = failure.of_response(401, _rest(response))
            answer = self._authorize(challenge, refusal, f'{_go(method)} "{url}"')
            before, self._authorization = self._authorization, answer
            if self._authorization == before or not (body is None or isinstance(body, bytes)):
                raise refusal
            response, _ = self._redirected(method, url, wanted, body)
        if response.status not in ok:
            raise failure.of_response(response.status, _rest(response), response.headers.get("Retry-After"))
        return response

    def json(self, url: str, *, limit: int = _ANSWER_LIMIT) -> tuple[Any, BaseHTTPResponse]:
        response = self.request("GET", url)
        return parse(read(response, limit), 200), response

    def _own(self, url: str) -> bool:
        return urlsplit(url)[:2] == urlsplit(self.base)[:2]

    def _redirected(
        self, method: str, url: str, headers: Mapping[str, str], body: Body
    ) -> tuple[BaseHTTPResponse, str]:
        """The answer, and where it came from in the end."""
        for _ in range(_REDIRECTS + 1):
            sent = dict(headers)
            if self._own(url) and self._authorization:
                sent["Authorization"] = self._authorization
            response = self._send(method, url, sent, body)
            location = response.headers.get("Location")
            if response.status not in _MOVED or not location or method not in ("GET", "HEAD"):
                return response, url
            response.drain_conn()
            response.release_conn()
            target = urljoin(url, location)
            if urlsplit(target).scheme not in ("http", "https") or (
                url.startswith("https:") and not target.startswith("https:")
            ):
                raise Failure(f"registry redirects to {target}, which is refused", failure.REFUSED)
            url = target
        raise Failure(f'{_go(method)} "{url}": stopped after {_REDIRECTS} redirects', failure.REFUSED)

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> BaseHTTPResponse:
        try:
            return self._pool(url).request(
                method, url, body=body, headers=headers, redirect=False, retries=False, preload_content=False,
                timeout=self._timeout, decode_content=False,
            )  # fmt: skip
        except (HTTPError, OSError, ValueError) as error:
            shown = f"{self.base}/v2/" if url.startswith(f"{self.base}/v2/") else url
            raise _unreachable(method, shown, error) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        """One pool for direct connections, one for each proxy; the authorities are read only where TLS is spoken."""
        secure = url.startswith("https:")
        proxy = proxies.choose(url, os.environ) or ""
        if (proxy, secure) not in self._pools:
            context = self._tls() if secure else None
            self._pools[proxy, secure] = _proxied(proxy, context) if proxy else urllib3.PoolManager(ssl_context=context)
        return self._pools[proxy, secure]

    def _tls(self) -> ssl.SSLContext:
        """Made once, for the children too: reading the authorities takes longer than a small layer."""
        if self._context is None:
            self._context = tls(self._endpoint)
        return self._context

    def _authorize(self, header: str, refusal: Failure, asked: str) -> str:
        """The value of the Authorization header that answers a challenge."""
        challenge = auth.choose(auth.parse_challenges(header))
        if challenge is None:
            raise refusal
        if challenge.scheme == "basic":
            if not self._credentials.username:
                raise Failure(f"{asked}: no basic auth credentials")
            return self._credentials.basic()
        if self._credentials.registry_token:
            return f"Bearer {self._credentials.registry_token}"
        try:
            return f"Bearer {self._token(challenge)}"
        except ValueError as error:
            raise Failure(str(error), failure.REFUSED) from error

    def _token(self, challenge: Challenge) -> str:
        asked = auth.token_request(challenge, self._scopes, self._credentials)
        if asked.secret and self.base.startswith("https:") and not asked.url.startswith("https:"):
            raise ValueError(f"registry asks for credentials without TLS: {challenge.parameters['realm']}")
        response = self._send(asked.method, asked.url, {"User-Agent": self._agent, **asked.headers}, asked.body)
        data = _rest(response)
        if response.status != 200:
            raise failure.of_response(response.status, data, response.headers.get("Retry-After"))
        token, self.refresh_token = auth.parse_token(parse(data, 200))
        return token


def parse(data: bytes, status: int) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        shown = data[:256].decode(errors="replace")
        raise Failure(f"error parsing HTTP {status} response body: {failure.syntax(data)}: {json.dumps(shown)}",
                      failure.REFUSED) from error  # fmt: skip


def read(response: BaseHTTPResponse, limit: int) -> bytes:
    """The whole body of an answer that has to be short."""
    try:
        data = bytearray()
        while piece := response.read(min(1 << 16, limit + 1 - len(data))):
            data += piece
            if len(data) > limit:
                response.close()
                raise Failure(f"the registry's answer is longer than {limit} bytes", failure.REFUSED)
    except (HTTPError, OSError) as error:
        raise Failure("unexpected EOF", retry=True) from error
    response.release_conn()
    return bytes(data)


def _rest(response: BaseHTTPResponse) -> bytes:
    try:
        return read(response, _ANSWER_LIMIT)
    except Failure:
        return b""


@functools.cache
def authorities() -> ssl.SSLContext:
    """The machine's, read once: main() does it for all sessions, since it takes longer than a small pull."""
    return ssl.create_default_context()


def tls(endpoint: Mapping[str, Any]) -> ssl.SSLContext:
    """The machine's authorities and those of certs.d; a client's certificate where there is one."""
    if endpoint.get("insecure"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        urllib3.disable_warnings(InsecureRequestWarning)  # whoever listed it as insecure knows
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif endpoint.get("ca") or endpoint.get("pairs"):
        context = ssl.create_default_context()
    else:
        return authorities()
    try:
        for path in endpoint.get("ca") or ():
            context.load_verify_locations(path)
        for certificate, key in endpoint.get("pairs") or ():
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise Failure(f"certificates of {endpoint['url']}: {error}") from error
    return context


def _proxied(proxy: str, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    parts = urlsplit(proxy)
    headers = None
    if parts.username:
        headers = urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}")
        proxy = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=context)


def _go(method: str) -> str:
    return method.capitalize()


def _unreachable(method: str, url: str, error: Exception) -> Failure:
    """In the words of Go's HTTP client, which users know from Docker."""
    cause: BaseException | None = error
    if isinstance(error, ProxyError):
        return Failure(f'{_go(method)} "{url}": proxyconnect tcp: {error}', failure.UNREACHABLE, retry=True)
    while cause is not None and not isinstance(cause, ssl.SSLError | OSError):
        inner = cause.args[-1] if cause.args and isinstance(cause.args[-1], BaseException) else cause.__cause__
        late = isinstance(cause, ConnectTimeoutError) and not isinstance(cause, NewConnectionError)
        if inner is None or late or isinstance(cause, NameResolutionError | ReadTimeoutError):
            break
        cause = inner
    return Failure(f'{_go(method)} "{url}": {_cause(url, error, cause)}', failure.UNREACHABLE, retry=True)


def _address(url: str) -> str:
    """Where a connection to a URL goes first, as Go says it; the name where that is not known."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[0][4][0]
    except (OSError, ValueError):
        return parts.netloc
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _cause(url: str, error: Exception, cause: BaseException | None) -> str:
    host = urlsplit(url).netloc
    if isinstance(cause, ssl.SSLCertVerificationError):
        known = {18: "certificate signed by unknown authority", 19: "certificate signed by unknown authority",
                 20: "certificate signed by unknown authority", 21: "certificate signed by unknown authority",
                 10: "certificate has expired or is not yet valid"}  # fmt: skip
        text = known.get(cause.verify_code, cause.verify_message)
        return f"tls: failed to verify certificate: x509: {text}"
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(cause, ssl.SSLError):
        _, alert, name = (cause.reason or "").partition("_ALERT_")
        return f"remote error: tls: {_ALERTS.get(name, name.replace('_', ' ').lower())}" if alert else f"tls: {cause}"
    if isinstance(cause, NameResolutionError | LocationParseError):  # or it cannot even be a name
        return f"dial tcp: lookup {urlsplit(url).hostname}: no such host"
    if isinstance(cause, ReadTimeoutError):
        return "net/http: timeout awaiting response headers"
    if isinstance(cause, ConnectTimeoutError | TimeoutError):
        return f"dial tcp {host}: i/o timeout"
    if isinstance(error, NewConnectionError) or (isinstance(cause, OSError) and cause.errno):
        reason = (cause.strerror or str(cause)).lower() if isinstance(cause, OSError) else str(error)
        return f"dial tcp {_address(url)}: connect: {reason}"
    if isinstance(error, SSLError):
        return f"tls: {error}"
    return "EOF"
