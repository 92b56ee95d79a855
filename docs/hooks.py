"""What mkdocs adds to the pages: the reference, from the code, and the threat model, from SECURITY.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from strongroom.cli.app import app

_OUTSIDE = re.compile(
    r"\[([^]]*)\]\((?:\.\./)*((?:README|SECURITY|CHANGELOG)\.md|(?:examples|spec|bench|clients|docs)/[^)]*)\)"
)
_ROOT = Path(__file__).resolve().parent.parent

# Who reads it, and what it says. Options that have a variable stand in the command reference as well.
VARIABLES = {
    "strongroom": {
        "STRONGROOM_STORE": "the store: a directory, or a URI; as `--store`",
        "STRONGROOM_IDENTITY": "the identity that opens the store; as `--identity`",
        "STRONGROOM_REASON": "why something is done, for the audit; as `--reason`",
        "STRONGROOM_PASSPHRASE_FILE": "a file with the passphrase that would be asked for",
        "STRONGROOM_SECRETS": "what `strongroom exec` fetches: `NAME=REFERENCE,NAME=REFERENCE`",
        "STRONGROOM_SECRETS_FILE": "a TOML or YAML file that says so; as `exec --file`",
        "XDG_CONFIG_HOME": "where the identity lies, in `strongroom/`; `~/.config` by default",
        "XDG_STATE_HOME": "where strongroom keeps what Compose projects have staged; `~/.local/state` by default",
        "XDG_CACHE_HOME": "where `strongroom scan` keeps its rules made ready, in `strongroom/`; `~/.cache` by default",
        "XDG_RUNTIME_DIR": "a directory in memory of this user's, for files",
    },
    "The reader": {
        "SECRETS_DIR": "where the files are; `/run/secrets` by default. `<NAME>_FILE` names the file of one secret, "
        "and `<NAME>` is its value, if nothing else is there",
    },
    "Docker": {
        "DOCKER_HOST": "the Engine; comes before a context",
        "DOCKER_CONTEXT": "the context to use",
        "DOCKER_CONFIG": "where `docker-plugin` installs; `~/.docker` by default",
        "COMPOSE_FILE": "the Compose files, as Docker Compose reads them",
        "COMPOSE_PROFILES": "the profiles that are active",
    },
    "Vault and OpenBao (`BAO_…` comes before `VAULT_…`)": {
        "VAULT_ADDR": "the server",
        "VAULT_AGENT_ADDR": "an agent to ask instead",
        "VAULT_NAMESPACE": "the namespace",
        "VAULT_AUTH_METHOD": "`token`, `approle`, `kubernetes`, `jwt` or `userpass`; by default told by the others",
        "VAULT_AUTH_MOUNT": "the method's path, if it is not its name",
        "VAULT_TOKEN": "a token",
        "VAULT_TOKEN_FILE": "a file with it; `~/.vault-token` by default",
        "VAULT_ROLE_ID": "AppRole",
        "VAULT_ROLE_ID_FILE": "a file with it",
        "VAULT_SECRET_ID": "AppRole",
        "VAULT_SECRET_ID_FILE": "a file with it",
        "VAULT_WRAPPED_SECRET_ID": "AppRole: a token that the secret id is wrapped in",
        "VAULT_WRAPPED_SECRET_ID_FILE": "a file with it",
        "VAULT_ROLE": "Kubernetes and JWT: the role",
        "VAULT_ROLE_FILE": "a file with it",
        "VAULT_JWT": "Kubernetes and JWT: the token",
        "VAULT_JWT_FILE": "a file with it; the service account's by default",
        "VAULT_USERNAME": "userpass",
        "VAULT_USERNAME_FILE": "a file with it",
        "VAULT_PASSWORD": "userpass",
        "VAULT_PASSWORD_FILE": "a file with it",
        "VAULT_CACERT": "a file with the certificates to trust",
        "VAULT_CAPATH": "a directory with them",
        "VAULT_CACERT_BYTES": "the certificates themselves",
        "VAULT_CLIENT_CERT": "a client certificate's file",
        "VAULT_CLIENT_KEY": "its key's file",
        "VAULT_TLS_SERVER_NAME": "the name that the server's certificate has to have",
        "VAULT_SKIP_VERIFY": "`true` trusts every certificate",
        "VAULT_PROXY_ADDR": "a proxy",
        "VAULT_HTTP_PROXY": "a proxy",
    },
    "Others": {
        "AWS_REGION": "AWS's region; all else is boto3's",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": "Secret Manager's address, as gcloud takes it; all else is "
        "Google's libraries'. Azure's are azure-identity's",
        "PASSWORD_STORE_DIR": "where pass keeps its entries; `~/.password-store` by default",
        "PASSWORD_STORE_GPG_OPTS": "options for gpg, as pass takes them",
        "XDG_DATA_HOME": "where gopass keeps its entries, in `gopass/`; `~/.local/share` by default",
        "NOTIFY_SOCKET": "set by systemd: `strongroom driver` says there that it serves",
    },
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for path, text in (
        ("reference/cli.md", _commands()),
        ("reference/environment.md", _variables()),
        ("threat-model.md", (_ROOT / "SECURITY.md").read_text().replace("# Security\n", "# Threat model\n", 1)),
    ):
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Name the files that a link leads to outside of the documentation: they are in the project's sources."""
    return _OUTSIDE.sub(r"\1 (`\2` in the sources)", markdown)


def _commands() -> str:
    parts = ["# Commands\n\nMade from the program itself; `strongroom COMMAND --help` says the same.\n"]
    for path, command in _all(app, ("strongroom",)):
        context = click.Context(command, info_name=" ".join(path))
        text, _, examples = (command.help or "").replace("\b\n", "").partition("Examples:\n")
        usage = " ".join(command.collect_usage_pieces(context))
        parts.append(f"\n## {' '.join(path)}\n\n`{' '.join(path)} {usage}`\n\n{_prose(text)}\n")
        if examples:
            lines = [line.removeprefix("  ") for line in examples.rstrip().splitlines()]
            parts.append("```text\n" + "\n".join(lines) + "\n```\n")
        options = [each for each in command.params if isinstance(each, click.Option)]
        if options:
            parts.append("| option | |\n| --- | --- |")
            parts += [_option(each, context) for each in options]
    return "\n".join(parts) + "\n"


def _all(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _all(below, (*path, name))


def _prose(text: str) -> str:
    # An angle bracket would be taken for HTML.
    return "\n".join(line.strip() for line in text.strip().splitlines()).replace("<", "&lt;")


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    names, text = record if record else (", ".join(option.opts), option.help or "")
    return f"| `{names}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _variables() -> str:
    parts = ["# Environment variables\n"]
    for title, variables in VARIABLES.items():
        parts.append(f"\n## {title}\n\n| variable | |\n| --- | --- |")
        parts += [f"| `{name}` | {_cell(text)} |" for name, text in variables.items()]
    return "\n".join(parts) + "\n"
