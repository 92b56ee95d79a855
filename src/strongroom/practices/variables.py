"""Secrets in environment variables, and the ``_FILE`` variables with which official images read a file instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..compose import load_document
from ..errors import DeclarationError
from .base import Outcome, Subject, Verdict, environment

_PRACTICE = "files-not-environment"

# From the images' own documentation: what takes NAME_FILE. The image's repository ends with the key.
_TAKES_FILE = {
    "postgres": r"POSTGRES_(PASSWORD|USER|DB|INITDB_ARGS)",
    "mysql": r"MYSQL_(ROOT_PASSWORD|PASSWORD|USER|DATABASE|ROOT_HOST)",
    "mariadb": r"(MARIADB|MYSQL)_(ROOT_PASSWORD|ROOT_PASSWORD_HASH|PASSWORD|PASSWORD_HASH|USER|DATABASE|ROOT_HOST)",
    "percona": r"MYSQL_(ROOT_PASSWORD|PASSWORD|USER|DATABASE|ROOT_HOST)",
    "mongo": r"MONGO_INITDB_ROOT_(USERNAME|PASSWORD)",
    "mongo-express": r"ME_CONFIG_(BASICAUTH_(USERNAME|PASSWORD)|MONGODB_(ADMINUSERNAME|ADMINPASSWORD|AUTH_USERNAME|"
    r"AUTH_PASSWORD|URL|CA_FILE))",
    "wordpress": r"WORDPRESS_(DB_(HOST|USER|PASSWORD|NAME)|(AUTH|SECURE_AUTH|LOGGED_IN|NONCE)_(KEY|SALT))",
    "joomla": r"JOOMLA_DB_(HOST|USER|PASSWORD|NAME)",
    "nextcloud": r"(POSTGRES_(DB|USER|PASSWORD|HOST)|MYSQL_(DATABASE|USER|PASSWORD|HOST)|"
    r"NEXTCLOUD_ADMIN_(USER|PASSWORD)|REDIS_HOST_PASSWORD|SMTP_PASSWORD)",
    "phpmyadmin": r"(PMA_(HOST|USER|PASSWORD|CONTROLUSER|CONTROLPASS)|MYSQL_(ROOT_PASSWORD|USER|PASSWORD))",
    "influxdb": r"DOCKER_INFLUXDB_INIT_(USERNAME|PASSWORD|ADMIN_TOKEN)",
    "elasticsearch": r"(ELASTIC_PASSWORD|KEYSTORE_PASSWORD)",
    "neo4j": r"NEO4J_AUTH",
    "minio": r"MINIO_(ROOT_USER|ROOT_PASSWORD|ACCESS_KEY|SECRET_KEY)",
    "vaultwarden/server": r"(ADMIN_TOKEN|DATABASE_URL|SMTP_PASSWORD|YUBICO_SECRET_KEY|HIBP_API_KEY)",
}
# Images that read NAME__FILE, with two underscores.
_TAKES_DOUBLE = {"grafana": r"GF_[A-Z0-9_]+", "grafana-oss": r"GF_[A-Z0-9_]+", "gitea": r"GITEA__\w+__\w+"}

_TAG = re.compile(r"(:[^/@]*)?(@.*)?$")
_SECRET = re.compile(
    r"(?i)(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api_?key|access_?key|secret_?key|private_?key|"
    r"auth|salt|encryption_?key|signing_?key|admin_?key|app_?key|master_?key|\w*password)(?:_(?:base|hash|value|1|2))?$"
)
_NAMED_OTHERWISE = re.compile(r"(?i)(?:_file|_path|_dir|_name|_host|_ttl|_url_base|_method|_type|_enabled|_length)$")
_NO_SECRET = re.compile(r"(?i)(?:true|false|yes|no|on|off|none|null|\d{1,3}|/[\w./-]*)?")
# The bound on the scheme keeps a long value without one from taking for ever.
_URL = re.compile(r"\w[\w+.-]{0,30}://[^/\s:@]*:[^/\s@]+@")

# An option of a command with a value that no shell reads from elsewhere.
_OPTION = re.compile(
    r"(?i)(?<!\S)(--?(?:requirepass|masterauth|(?:[a-z]+-)*(?:password|passwd|secret|token|api-?key)))[ \t\n=]+"
    r"[\"']?(?![-/$\"'\s])\S{3,}"
)
_OPTION_FIXES = {
    "--requirepass": "strongroom grant NAME SERVICE, and as the command: "
    "sh -c 'echo \"requirepass $$(cat /run/secrets/NAME)\" | redis-server -'",
}


def look(subject: Subject) -> Iterator[Verdict]:
    """Look for secrets among the variables of each service."""
    clean, kept = True, {secret.name for secret in subject.store.list()} if subject.store else set()
    own = _written(subject)
    for service, content in subject.services():
        for name, value in environment(content).items():
            if is_secret(name, value):
                clean = False
                elsewhere = bool(own) and name not in own.get(service, ())
                fix = _fix(service, name, str(content.get("image") or ""), name.lower() in kept, elsewhere)
                seen = f"{name} is a variable, which 'docker inspect' shows"
                yield Verdict(_PRACTICE, Outcome.WARNING, service, seen, fix)
        for option in _arguments(content):
            clean = False
            yield Verdict(
                _PRACTICE, Outcome.WARNING, service, f"the command has a secret as an argument ({option}), which "
                "'docker inspect' and the list of processes show",
                _OPTION_FIXES.get(option) or f"strongroom grant NAME {service}, and let the program read "
                "/run/secrets/NAME, or a configuration that the command makes of it",
            )  # fmt: skip
    if clean:
        yield Verdict(_PRACTICE, Outcome.OK, "", "no service has a secret among its variables")


def _written(subject: Subject) -> dict[str, set[str]]:
    """Return each service's variables that the Compose files themselves name; nothing if a file cannot be read."""
    found: dict[str, set[str]] = {}
    for path in subject.files:
        try:
            services = load_document(path).get("services")
        except DeclarationError:
            return {}
        for service, content in services.items() if isinstance(services, Mapping) else ():
            given = (content.get("environment") if isinstance(content, Mapping) else None) or ()
            names = given if isinstance(given, Mapping) else (str(each).partition("=")[0] for each in given)
            found.setdefault(str(service), set()).update(map(str, names))
    return found


def _arguments(content: Mapping[str, Any]) -> list[str]:
    """Return the options of a service's command that have a secret behind them."""
    found = []
    for key in ("entrypoint", "command"):
        given = content.get(key) or []
        text = given if isinstance(given, str) else "\n".join(map(str, given))
        found += [match[1] for match in _OPTION.finditer(text)]
    return list(dict.fromkeys(found))


def is_secret(name: str, value: str) -> bool:
    """Tell whether a variable holds a secret, by its name, or by a URL with a password."""
    if _URL.search(value):
        return True
    return bool(_SECRET.search(name)) and not _NAMED_OTHERWISE.search(name) and not _NO_SECRET.fullmatch(value)


def reads_files(image: str) -> bool:
    """Tell whether an image is one of those that read secrets from the files that ``_FILE`` variables name."""
    return _taken(image, _TAKES_FILE) is not None


def file_variable(image: str, name: str) -> str | None:
    """Return the variable with which an official image reads a file instead of ``name``; None where none is known."""
    for table, suffix in ((_TAKES_FILE, "_FILE"), (_TAKES_DOUBLE, "__FILE")):
        if (pattern := _taken(image, table)) and re.fullmatch(pattern, name):
            return f"{name}{suffix}"
    return None


def _taken(image: str, table: Mapping[str, str]) -> str | None:
    repository = _TAG.sub("", image)
    return next((taken for name, taken in table.items() if f"/{repository}".endswith(f"/{name}")), None)


def _fix(service: str, name: str, image: str, stored: bool, elsewhere: bool) -> str:
    secret, variable = name.lower(), file_variable(image, name)
    create = "" if stored else f"strongroom secret create {secret}, then "
    if elsewhere or (variable and variable != f"{name}_FILE"):
        removed = f"take {name} out of the env_file" if elsewhere else f"take {name} out"
        setting = f"{variable or f'{name}_FILE'}: /run/secrets/{secret}"
        return f"{create}strongroom grant {secret} {service}, {removed}, and set {setting} instead"
    grant = f"{create}strongroom grant {secret} {service} --instead-of {name}"
    if variable:
        return f"{grant}; the image reads {variable}"
    return f"{grant}; the application reads the file that {name}_FILE names: get_secret('{secret}')"
