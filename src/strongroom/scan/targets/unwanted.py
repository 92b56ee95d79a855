"""What has no business in a build context or a repository, in the words of ``.dockerignore``: one list for all."""

from __future__ import annotations

from functools import cache

from .dockerignore import Ignore

# Each with what it is; a later one may take back an earlier one.
UNWANTED = (
    (".strongroom", "the secrets' own store"),
    (".git", "the whole history of the project"),
    ("**/.env*", "variables with secrets, as a rule"),
    ("**/*.env", "variables with secrets, as a rule"),
    ("!**/.env.example", ""),
    ("!**/.env.sample", ""),
    ("!**/.env.template", ""),
    ("!**/.env.dist", ""),
    # Further down it may be a module that handles secrets.
    ("secrets", "a directory of secrets"),
    ("**/*.pem", "a certificate or a key"),
    ("**/*.key", "a private key"),
    ("**/*.p12", "a key store"),
    ("**/*.pfx", "a key store"),
    ("**/*.jks", "a key store"),
    ("**/*.keystore", "a key store"),
    ("**/*.kdbx", "a password database"),
    ("**/*.ppk", "a private key"),
    ("**/id_rsa", "a private key"),
    ("**/id_dsa", "a private key"),
    ("**/id_ecdsa", "a private key"),
    ("**/id_ed25519", "a private key"),
    ("**/.ssh", "SSH keys"),
    ("**/.aws", "credentials of AWS"),
    ("**/.azure", "credentials of Azure"),
    ("**/.config/gcloud", "credentials of Google Cloud"),
    ("**/.kube", "credentials of Kubernetes"),
    ("**/.gnupg", "PGP keys"),
    ("**/.docker/config.json", "logins to registries"),
    ("**/.dockercfg", "logins to registries"),
    ("**/.npmrc", "a token of npm, often"),
    ("**/.pypirc", "a password of PyPI"),
    ("**/.netrc", "passwords of hosts"),
    ("**/.pgpass", "passwords of databases"),
    ("**/.my.cnf", "a password of MySQL"),
    ("**/.htpasswd", "passwords of a web server"),
    ("**/.git-credentials", "passwords of Git"),
    ("**/.vault-token", "a token of Vault"),
    ("**/*.tfstate", "the state of Terraform, with its secrets"),
    ("**/*.tfstate.*", "the state of Terraform, with its secrets"),
    ("**/*.tfvars", "variables of Terraform, with secrets, often"),
)


@cache
def _patterns() -> tuple[Ignore, tuple[tuple[Ignore, str], ...]]:
    everything = Ignore(pattern for pattern, _ in UNWANTED)
    return everything, tuple((Ignore([pattern]), what) for pattern, what in UNWANTED if what)


def unwanted(path: str) -> str:
    """Return what a path is that has no business there, or nothing."""
    everything, each = _patterns()
    if not everything.excludes(path):
        return ""
    return next(what for ignore, what in each if ignore.excludes(path))
