"""What the environment says of a Vault: as its command lines read it, and how to log in.

``BAO_X`` comes before ``VAULT_X``, even when it is empty (OpenBao, api/env.go). Beside the variables of the command
lines these say how to log in, each as a value or, with ``_FILE`` after its name, as a file that holds it:

``VAULT_TOKEN``; ``VAULT_ROLE_ID`` with ``VAULT_SECRET_ID`` or ``VAULT_WRAPPED_SECRET_ID`` (AppRole); ``VAULT_ROLE``
with ``VAULT_JWT`` (Kubernetes; by default the service account's token); ``VAULT_USERNAME`` with ``VAULT_PASSWORD``.
``VAULT_AUTH_METHOD`` is needed for ``jwt`` only, ``VAULT_AUTH_MOUNT`` where a method has another path than its name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import StoreRefused

_DEFAULT_ADDRESS = "https://127.0.0.1:8200"
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
# What must not be handed on to an application.
CREDENTIALS = frozenset(
    f"{prefix}_{name}"
    for prefix in ("VAULT", "BAO")
    for name in ("TOKEN", "SECRET_ID", "WRAPPED_SECRET_ID", "JWT", "PASSWORD")
)


def read(name: str, default: str = "") -> str:
    """Return a variable: ``BAO_NAME``, else ``VAULT_NAME``."""
    return os.environ.get(f"BAO_{name}", os.environ.get(f"VAULT_{name}", "")) or default


def credential(name: str, default_file: str = "") -> str:
    """Return a credential: a variable, or the content of the file that the variable with ``_FILE`` names.

    Raises:
        StoreRefused: the file cannot be read.
    """
    if value := read(name):
        return value
    path = read(f"{name}_FILE", default_file)
    if not path:
        return ""
    try:
        return Path(path).expanduser().read_text().strip()
    except FileNotFoundError:
        if path == default_file:
            return ""
        raise StoreRefused(f"there is no file {path}, which VAULT_{name}_FILE names.") from None
    except (OSError, UnicodeDecodeError):
        raise StoreRefused(f"{path}, which VAULT_{name}_FILE names, cannot be read.") from None


@dataclass(frozen=True)
class Settings:
    """Where a Vault is, and how to trust it."""

    address: str
    namespace: str = ""
    ca_file: str = ""
    ca_directory: str = ""
    ca_text: str = field(default="", repr=False)
    client_certificate: str = ""
    client_key: str = ""
    server_name: str = ""
    skip_verify: bool = False
    proxy: str = ""

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the variables.

        Raises:
            StoreRefused: the address is none.
        """
        address = (read("AGENT_ADDR") or read("ADDR", _DEFAULT_ADDRESS)).rstrip("/")
        if not address.startswith(("http://", "https://")):
            raise StoreRefused(f"VAULT_ADDR is '{address}': give an address such as https://vault.example.com:8200.")
        return cls(
            address,
            read("NAMESPACE").strip("/"),
            read("CACERT"),
            read("CAPATH"),
            read("CACERT_BYTES"),
            read("CLIENT_CERT"),
            read("CLIENT_KEY"),
            read("TLS_SERVER_NAME"),
            read("SKIP_VERIFY").lower() in ("1", "t", "true"),
            read("PROXY_ADDR") or read("HTTP_PROXY") or _proxy(address),
        )


@dataclass(frozen=True)
class Login:
    """How to log in: the path below ``auth/``, and what to send there. A token was given where ``path`` is empty."""

    method: str
    path: str = ""
    body: dict[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)
    wrapped_secret_id: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> Login:
        """Choose the method that the variables speak of.

        Raises:
            StoreRefused: the method is not known, or what it needs is missing.
        """
        method = read("AUTH_METHOD") or _implied_method()
        mount = read("AUTH_MOUNT", method).strip("/")
        if method == "token":
            return cls(method, token=credential("TOKEN") or _token_file())
        if method == "approle":
            body = {"role_id": _needed(method, "ROLE_ID")}
            wrapped = credential("WRAPPED_SECRET_ID")
            if not wrapped and (secret_id := credential("SECRET_ID")):  # a role may need none
                body["secret_id"] = secret_id
            return cls(method, f"{mount}/login", body, wrapped_secret_id=wrapped)
        if method in ("kubernetes", "jwt"):
            body = {"role": _needed(method, "ROLE"), "jwt": _needed(method, "JWT", _SERVICE_ACCOUNT)}
            return cls(method, f"{mount}/login", body)
        if method == "userpass":
            name = _needed(method, "USERNAME")
            return cls(method, f"{mount}/login/{name}", {"password": _needed(method, "PASSWORD")})
        raise StoreRefused(f"VAULT_AUTH_METHOD is '{method}': give token, approle, kubernetes, jwt or userpass.")


def _implied_method() -> str:
    if read("TOKEN") or read("TOKEN_FILE"):
        return "token"
    for method, name in (("approle", "ROLE_ID"), ("kubernetes", "ROLE"), ("userpass", "USERNAME")):
        if read(name) or read(f"{name}_FILE"):
            return method
    return "token"


def _needed(method: str, name: str, default_file: str = "") -> str:
    if found := credential(name, default_file):
        return found
    raise StoreRefused(f"logging in by {method} needs VAULT_{name} or VAULT_{name}_FILE.")


def _token_file() -> str:
    try:
        return (Path.home() / ".vault-token").read_text().strip()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return ""


def _proxy(address: str) -> str:
    scheme, _, rest = address.partition("://")
    found = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY") or ""
    if not found:
        return ""
    from urllib.request import proxy_bypass

    return "" if proxy_bypass(rest.partition("/")[0]) else found
