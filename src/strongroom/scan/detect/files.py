"""What kind of file a path names: how its right-hand sides read depends on it."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from .words import words


class Kind(Enum):
    """How values stand in a file: quoted (code), bare (configuration, shell), or among sentences (prose)."""

    CODE = "code"
    CONFIG = "config"
    SHELL = "shell"
    MARKUP = "markup"
    PROSE = "prose"
    UNKNOWN = "unknown"


class File(NamedTuple):
    """What a path says.

    ``strict`` files quote every text, ``template`` is an example to be filled in, ``language`` holds texts for people,
    and ``dense`` is generated.
    """

    kind: Kind
    strict: bool = False
    template: bool = False
    language: bool = False
    dense: bool = False


_CODE = words("""
    py pyi pyx ipynb js mjs cjs jsx ts tsx vue svelte java kt kts groovy scala clj cljs go c h cc cpp cxx
    hpp hh m mm cs vb fs rb erb php phtml php3 php4 php5 pl pm t swift rs dart lua r jl ex exs erl hrl hs ml
    pas sol zig nim d coffee asp aspx cshtml jsp jspx gsp ino sas sql psql plsql pp gradle cr tcl cobol cob
    f90 feature robot cy idl proto thrift
""")
_CONFIG = words("""
    env properties props yml yaml ini cfg conf cnf config toml tf tfvars tfstate hcl settings json json5
    jsonc plist envrc netrc npmrc pypirc pgpass credentials service ldif desktop reg cfn j2 ovpn nix list
    inf rc prefs local prod production dev development staging test secret secrets
""")
_STRICT = words("json json5 jsonc tf tfvars tfstate hcl toml nix")
_SHELL = words("sh bash zsh ksh fish ps1 psm1 psd1 bat cmd csh mk dockerfile containerfile make vagrantfile")
_MARKUP = words("xml html htm xhtml svg resx xaml xsd xsl xslt wsdl css scss sass less hbs mustache ejs twig")
_PROSE = words("md markdown rst txt adoc asciidoc tex org log out po pot csv tsv srt mdx")
_SHELLS = re.compile(r"(?:dockerfile|containerfile|makefile|jenkinsfile|vagrantfile|procfile|justfile)")
_TEMPLATE = re.compile(
    r"[._-](?:example|sample|template|tmpl|tpl|dist|default|skel)s?(?=[._-]|$)|^(?:example|sample)\."
)
_LANGUAGE = re.compile(
    r"(?:^|[/_.-])(?:locales?|locali[sz]ations?|i18n|l10n|lang|langs|languages?|translations?|intl|nls)[/_.-]"
    r"|(?:^|/)(?:messages|(?:local)?strings)[^/]*$|_[a-z]{2}(?:_[a-z]{2})?\.properties$"
    r"|\.(?:po|pot|resx|strings|arb|xlf|xliff)$"
)
_DENSE = re.compile(r"[.-]min\.(?:js|mjs|css)$|\.(?:map|lock|svg|css|scss|less|sum)$|(?:^|/)(?:package-lock\.json|"
                    r"pnpm-lock\.yaml|npm-shrinkwrap\.json|go\.sum|record)$")  # fmt: skip


@lru_cache(maxsize=256)
def of(path: str) -> File:
    """Return what a path names; a place that is no file (``Env DB_PASSWORD``, ``logs``) is of an unknown kind."""
    path = path.lower()
    name = path.rsplit("/", 1)[-1]
    strict = name.rpartition(".")[2] in _STRICT
    return File(
        _kind(name), strict, bool(_TEMPLATE.search(name)), bool(_LANGUAGE.search(path)), bool(_DENSE.search(path))
    )


def _kind(name: str) -> Kind:
    name = _TEMPLATE.sub("", name)
    stem, _, extension = name.rpartition(".")
    if extension in _CODE and stem:
        return Kind.CODE
    if _SHELLS.match(name):
        return Kind.SHELL
    for kind, extensions in (
        (Kind.CONFIG, _CONFIG),
        (Kind.SHELL, _SHELL),
        (Kind.MARKUP, _MARKUP),
        (Kind.PROSE, _PROSE),
    ):
        if extension in extensions:
            return kind
    return Kind.CONFIG if name.startswith(".env") or ".env." in name else Kind.UNKNOWN
