"""Signs JSON Web Tokens as a Kubernetes cluster does for its service accounts."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from servers import LOCAL

ACCOUNT = ("production", "myapp")  # namespace and name
_CLAIM = "kubernetes.io"


class Signer:
    """Has a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_key(self) -> str:
        """The key that checks."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()

    @property
    def certificate(self) -> str:
        """A certificate of the key, as the auth method's configuration demands one even where there is no TLS."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, lifetime: int = 600) -> str:
        """Return a token of the service account."""
        namespace, name = ACCOUNT
        claims = {
            "iss": "https://kubernetes.default.svc", "aud": ["vault"], "exp": int(time.time()) + lifetime,
            "iat": int(time.time()), "sub": f"system:serviceaccount:{namespace}:{name}",
            _CLAIM: {"namespace": namespace, "serviceaccount": {"name": name, "uid": "1f2e3d4c"}},
        }  # fmt: skip
        text = ".".join(_encode(json.dumps(each).encode()) for each in ({"alg": "RS256", "typ": "JWT"}, claims))
        return f"{text}.{_encode(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@contextmanager
def token_reviews(valid: list[str]) -> Iterator[str]:
    """Answer TokenReview, the one request that the Kubernetes auth method makes to a cluster; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            namespace, name = ACCOUNT
            user = {"username": f"system:serviceaccount:{namespace}:{name}", "uid": "1f2e3d4c",
                    "groups": ["system:serviceaccounts"]}  # fmt: skip
            fine = asked["spec"]["token"] in valid
            status = (
                {"authenticated": True, "user": user, "audiences": asked["spec"].get("audiences", [])}
                if fine
                else {"authenticated": False, "error": "invalid"}
            )
            answer = json.dumps({**asked, "status": status}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer((LOCAL, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOCAL}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
