"""Managers for the tests of stores that are no servers of their own: fakes of two clouds, and a password store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_azure import TOKEN_PATH, FakeAzure
from fake_gcp import FakeGcp
from projects import missing
from strongroom.stores.gcp.client import ENDPOINT

_PGP_KEY = "tests@example.invalid"


@pytest.fixture(scope="session")
def gcp_account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a service account, whose key is new."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = tmp_path_factory.mktemp("gcp") / "account.json"
    path.write_text(json.dumps({
        "type": "service_account", "project_id": "shop-1", "private_key_id": "tests", "private_key": pem,
        "client_email": "tests@shop-1.iam.gserviceaccount.com", "client_id": "1",
        "token_uri": "https://127.0.0.1:1/token",
    }))  # fmt: skip
    return path


@pytest.fixture(scope="session")
def gcp_server() -> Iterator[FakeGcp]:
    fake = FakeGcp()
    yield fake
    fake.stop()


@pytest.fixture
def gcp(gcp_server: FakeGcp, gcp_account: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcp]:
    """Return the fake, and let the environment lead there."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(gcp_account))
    monkeypatch.setenv(ENDPOINT, gcp_server.address)
    gcp_server.requests = 0
    yield gcp_server
    gcp_server.faults.clear()
    gcp_server.denied = False


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeAzure]:
    fake = FakeAzure(tmp_path_factory.mktemp("azure"))
    yield fake
    fake.stop()


@pytest.fixture
def azure(azure_server: FakeAzure, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAzure]:
    """Return the fake, and let the environment lead there: as App Service tells a managed identity its endpoint."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"https://{azure_server.vault}{TOKEN_PATH}")
    monkeypatch.setenv("IDENTITY_HEADER", "tests")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure_server.ca))
    azure_server.requests = 0
    yield azure_server
    azure_server.faults.clear()
    azure_server.denied = azure_server.protected = False


@pytest.fixture(scope="session")
def keyring() -> Iterator[Path]:
    """Return a directory of gpg's with a key, which no passphrase protects."""
    for program in ("pass", "gpg"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    # The agent's socket is in it: its path has to be short.
    with tempfile.TemporaryDirectory(prefix="gpg") as directory:
        environment = {**os.environ, "GNUPGHOME": directory}
        words = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", _PGP_KEY, "default", "default"]
        subprocess.run(["gpg", *words], env=environment, check=True, capture_output=True)
        yield Path(directory)
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=True)


@pytest.fixture
def passwords(keyring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a password store that is kept in Git, as most are."""
    folder = tmp_path / "passwords"
    monkeypatch.setenv("GNUPGHOME", str(keyring))
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(folder))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "tests")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", _PGP_KEY)
    subprocess.run(["pass", "init", _PGP_KEY], check=True, capture_output=True)
    return folder
