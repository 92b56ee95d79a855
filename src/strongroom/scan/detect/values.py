"""What a value looks like: left open, a piece of code, words for people, a hash, or a secret."""

from __future__ import annotations

import re
from functools import lru_cache

from .words import words

_TEMPLATE = re.compile(
    r"\$\{|\{\{|\}\}|<%|%>|#\{|\$\(|\$\[\[|@\{|\{%|%\(|<<|\$\$\{|__[A-Z_]+__|%%"
    r"|^\$[A-Za-z_][\w.>-]*$|^%[A-Za-z_]\w*%$|^%[sdrv@]$|^\{[\w.:-]*\}$|^<[^<>]*>$|^\[.*\]$|^@[\w.]+@$|^\(.*\)$"
    r"|\{[A-Za-z_][\w.]*\}|^\$\w+[/\\]|^:[a-z_]+$|^\$env:|^!(?:vault|secret|env|ref|sub|getatt|include|join|unsafe)\w*$|^`|^\*+\w*$|^&\w+$|^\\\(|\\\{|%[sd]\b|^=+$|^\?+$|^#+$"
    r"|(?:[A-Z]{2,}_){3,}[A-Z]{2,}|^['\"]{1,2}\$|^@[a-z]+(?:[_.][a-z]+)+$|^(?:%[A-Za-z]\w*){3,}$|^/\^|\{[$#]|%\{|\(\?[:=!<P]|\[\^|\[(?:A-Z|a-z|0-9)|\\[wds][+*]"
    r"|^[\"']\s*[.+]\s*[$\w]|^\$\w+(?:\W?\$\w+)+$|^\$\$\w+$|^\.\s*\w+\(|^/\$|^\$\w+[:./-]|^_+[A-Za-z]+_+$"
)
_REFERENCE = re.compile(
    r"(?i)^(?:vault|op|ssm|secretsmanager|arn|env|file|ref|gcp|gcpsm|aws|azurekeyvault|keyvault|kms|sops|enc|cipher|ref\+"
    r"|classpath|bcrypt|crypt|valuefrom|secretref|secretkeyref|keychain|pass|resolve|awssm|k8s|secret|urn)(?::|\[|\()"
    r"|^\w+/\d{8}/[\w-]+/|^ENC\[|^ENC\(|^\{cipher\}|^\$ANSIBLE_VAULT|\{\{resolve:|^@Microsoft"
)
_OPEN = re.compile(
    r"(?i)(?:^|[^a-z])(?:your|yours|example|examples|sample|placeholder|change|replace|replaced|insert|fill|put|enter|todo|"
    r"fixme|redacted|removed|masked|hidden|obfuscated|dummy|fake|mock|mocked|goes|here|foo|bar|baz|foobar|blah|tbd|"
    r"generate|generated|provide|specify|censored|sanitized|invalid|wrong|incorrect|whatever|something|anything|"
    r"optional|required|unset|undefined|null|none|nil|nothing|empty|blank|the|sua|seu|votre|ihr|tu|deine?)(?:[^a-z]|$)"
    r"|your[_ -]?|changeme|change[_-]?me|change[_-]?this|replace[_-]?me|replaceme|placeholder|example|dummy|redacted|"
    r"secret[_-]?here|key[_-]?here|token[_-]?here|password[_-]?here|putyour|insertyour|xxxx|\*\*\*|\.\.\.|…|yyyy|zzzz|"
    r"^x+$|^x+[-_]|<[a-z_ -]+>|^not?[_-](?:provided|supported|set)|not[_-]?(?:a|the)?[_-]?real|not[_-]?used|"
    r"abcdef0?12345|0123456789abcdef|1234567890abcdef|"
    r"lorem|ipsum|thisis|fakepass|^some(?:[_-]|\w*(?:pass|pw|secret|token|key))|^eyj[\w-]{8,}\.(?:[\w-]*\.)?[\w-]{0,15}$|^any[_-]|"
    r"^my[_-]?(?:secret|password|pass|token|key|api[_-]?key)$|^super[_-]?secret$"
)
_NOTHING = words("""
    scram-sha-256 sha-1 sha-256
    sha-512 null none nil undefined true false yes no on off empty string str text int integer number
    bool boolean object array list dict any void default auto value values input varchar char bytes byte
    self this new required optional disabled enabled enable disable md5 sha1 sha256 sha512 bcrypt plain
    plaintext basic bearer digest jwt oauth oauth2 hmac aes rsa des base64 hex utf-8 utf8 utf-16 latin1
    latin-1 iso-8859-1 ascii json xml yaml n/a na unknown hidden masked not_set unset pass fail passed
    failed missing invalid expired valid username user email login name id key header query body cookie form
    session client server public private internal external local remote global static final const let var
    function return async await file files define undef denied error onoff shift
""")
_ROLE = re.compile(
    r"(?i)(?:(?:my|your|the|a|new|old|current|user|users|db|database|mysql|postgres|root|admin|app|api|auth|access|client|"
    r"server|login|test|default|super|secret|secrets|password|passwords|passwd|pass|pwd|passphrase|token|tokens|key|keys|"
    r"credentials?|confirm|confirmation|repeat|retype|hash|hashed|field|input|id|name|value|private|public|refresh|session|"
    r"bearer|jwt|csrf|xsrf|x|oauth|signing|encryption|encrypted|master|account|service|some|random|strong|valid|wrong|"
    r"invalid|only|ssh|smtp|mail|email|ftp|ldap|http|https|bot|github|git|aws|azure|gcp|header|param|query|type|basic|"
    r"grant|reset|forgot|change|code|string|text|data|config|file|path|url|env|var|variable|of|for|is|to|in|with|and|or|"
    r"security|web|webhook|txt|lbl|btn|edt|push|device|profile|remember|personal|temporary|temp|one|time|two|factor|otp|pin|s)"
    r"[\s_.:/-]*)+"
)
_PATH = re.compile(
    r"^(?:\.{1,2}|~|[A-Za-z]:)?[\\/](?:[\w.@ -]+[\\/])+[\w.@ *-]*$|^(?:[\w.-]+/){2,}[\w.-]*$"
    r"|^[A-Za-z]:[\\/]|^(?:application|audio|font|image|text|video)/[\w.+-]+$"
)
_FILE = re.compile(
    r"(?i)^[\w./~\\-]+\.(?:txt|pem|key|crt|cer|json|ya?ml|html?|php|jsp?|tsx?|py|rb|go|java|xml|properties|env|conf|cfg|ini|"
    r"jks|p12|pfx|keystore|gpg|asc|pub|md|css|scss|png|svg|jpe?g|gif|sh|sql|csv|toml|aspx?|vue|class|swift|kt|cs)(?:[#?].*)?$"
    r"|^/(?:[a-z][\w-]*)(?:/|$)"
)
_URL = re.compile(
    r"(?i)^(?:[a-z][a-z0-9+.-]*:)?//[^\s]+$|^www\.|^(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|local|gov|edu)(?:[/:]|$)"
)
_IDENTIFIER = re.compile(
    r"^[a-z]+(?:[_.][a-z]+)+$|^[A-Za-z][a-z]+(?:[A-Z][a-z]*)+$|^[A-Z]+(?:_[A-Z]+)+$|^[A-Z]{5,}$|^_\w+$"
)
_MAIL = re.compile(r"^[\w.+-]+@[\w-]+\.[\w.-]*[a-z]{2,}$")
_CODE = re.compile(
    r"\w\(|\w\[['\"\w]|->|=>|::|\+\s*['\"\w]|^[A-Za-z_]+(?:\.[A-Za-z_]+)+(?:\(|$)|^(?:this|self|req|request|process|os|config|"
    r"settings|props|params|args|options|system|env|ctx|context|event|data|user|body|form)\.\w|^new\s|^function|^lambda|"
    r"^await|^return\b|^\s*\.\s*\$|\]\(|^xsd?:|^(?:cn|dc|ou|uid)=|^(?:Get|Import|New|Read)-[A-Z]\w+$|^[abglsvw]:[A-Za-z_][\w.]*$|\|\||&&|==|!=|^\w+\?\.|^@\w+[./(]|^-{1,2}\w|[{;]\s*$|^\\|\\[nt]|^/.+/[a-z]*$"
)
_EXPRESSION = re.compile(r"^[$&*@]?[A-Za-z_][\w.]*(?:\[[\w'\"$.:-]*\]|\(.*\)?|->\w+|::\w+)[\w.,;)(\]]*$")
_SELECTOR = re.compile(
    r"^[#.][A-Za-z][\w-]*(?:[\s>.#:\[].*)?$|\[@?\w+=|^//\*|^//\w+\[|input\[|^css=|^xpath=|^id=|^name="
)
_RULES = re.compile(
    r"(?i)\brequired\||\|(?:required|string|min|max|confirmed)|^(?:required|string|nullable)\b|\bmin:\d|VARCHAR"
)
_HASHED = re.compile(
    r"^\$(?:2[abxy]?|1|5|6|y|argon2\w*|pbkdf2\S*|apr1|scrypt)\$|^\{(?:S?SHA\d*|S?MD5|CRYPT)\}|^pbkdf2|^sha\d+[-:$]|^md5[-:$]|^[xy]?\$P\$|^argon2|^bcrypt"
)
_PUBLIC = re.compile(
    r"^(?:MFkwEwYHKoZIzj0|MIIBIjAN|MIGfMA0GCSqG|MCowBQYDK2Vw|AAAA[BEC]3NzaC|ssh-(?:rsa|ed25519|dss)|age1)"
)
_VERSION = re.compile(
    r"^0x[0-9A-Fa-f]{1,8}[,;]?$|^dword:"
    r"|^[v^~=<>]*\d+(?:\.\d+){1,3}(?:[-+.][\w.]+)?$|^\d{4}-\d\d-\d\d(?:[T ][\d:.Z+-]*)?$|^\d\d?[:/]\d\d"
)
_UUID = re.compile(r"(?i)^\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?$")
_FLIP = re.compile(r"[a-z](?=[A-Z])")
_HEX = re.compile(r"(?i)^(?:0x)?[0-9a-f]+$")
_RUN = re.compile(r"(.)\1{7,}|(..)\2{4,}|x{5,}|(.{4,8})\3{3,}")
_ORDERED = "abcdefghijklmnopqrstuvwxyz 0123456789012345678901234567890 9876543210 a1b2c3d4e5f6g7h8i9j0 deadbeefdeadbeef"
_CONSTANT = re.compile(r"^[A-Z]+[0-9]?[A-Z]*(?:_[A-Z0-9]+)+$|^[A-Z]+(?:_[A-Z]+)*_?\d{0,4}$")
_DOTTED = re.compile(r"^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$")
_BRACKETS = re.compile(r"[][(){}<>]")
_SIGNS = re.compile(r"[^\w.:/-]")
_LETTERS = re.compile(r"[a-z]{2,}")
_BIGRAMS = words("""
    ab ac ad ag ai al am an ap ar as at au ba be bl bo bu ca ce ch ci ck cl co cr ct cu da de di do ds ea ec
    ed ee ef eg el em en ep er es et ev ex fa fi fo ge gi gr ha he hi ho ia ib ic id ie if ig il im in io ip
    ir is it iv ke la ld le li ll lo ls lt lu ly ma me mi mm mo mp na nc nd ne nf ng ni no ns nt nu oc od ol
    om on oo op or os ot ou ow pa pe pi pl po pp pr pt qu ra rc rd re ri rm rn ro rr rs rt ru ry sa sc se sh
    si so sp ss st su ta tc te th ti to tr ts tt tu ty ue ul um un up ur us ut va ve vi wa wi xe xt yp
""")  # the pairs of letters that make up six in seven of English and of the names in programs


def left_open(value: str) -> bool:
    """Say whether a value stands for one that somebody or something else fills in."""
    if value.lower() in _NOTHING or len(set(value)) <= (1 if value.isdigit() else 2):
        return True
    return is_template(value) or bool(_OPEN.search(value))


def is_template(value: str) -> bool:
    """Say whether a value names another that is put in its place."""
    return bool(_TEMPLATE.search(value) or _REFERENCE.search(value))


def made_up(value: str) -> bool:
    """Say whether a token was typed for a text: the same sign many times over, the alphabet, or a word that says so."""
    text = value.lower()
    if _RUN.search(text) or "example" in text or "placeholder" in text or "redacted" in text:
        return True
    return any(text[index : index + 8] in _ORDERED for index in range(len(text) - 7))


def is_code(value: str) -> bool:
    """Say whether a value is an expression, a selector or a rule of validation."""
    return bool(_CODE.search(value) or _SELECTOR.search(value) or _RULES.search(value))


def is_expression(value: str) -> bool:
    """Say whether a value that is not quoted calls or indexes something."""
    return bool(_EXPRESSION.match(value))


def is_mixed(value: str) -> bool:
    """Say whether a value has digits among its letters, the signs that rules for passwords ask for, or no words."""
    letters = any(character.isalpha() for character in value)
    mixed = letters and any(character.isdigit() or character in "!@#$%^&*?+=~" for character in value)
    return mixed or is_gibberish(value)


def is_other(value: str) -> bool:
    """Say whether a value is something else that has a form: a path, a URL, an address, a version, a hash."""
    return any(form.search(value) for form in (_PATH, _FILE, _URL, _MAIL, _VERSION, _HASHED))


def is_file(value: str) -> bool:
    """Say whether a value names a file."""
    return bool(_FILE.search(value))


def is_name(value: str) -> bool:
    """Say whether a value is made of words as names in programs are."""
    return bool(_IDENTIFIER.match(value)) and wordlike(value)


def is_path(value: str) -> bool:
    """Say whether a value leads through something, as ``net.if.in[eth0]`` and ``http.client.pool2`` do."""
    joined = sum(map(value.count, "-._")) * 5 > len(value)
    return joined or bool(_BRACKETS.search(value) or _DOTTED.match(value)) or ("." in value and wordlike(value))


def is_prose(value: str) -> bool:
    """Say whether a value is text for people."""
    if any(ord(character) > 126 for character in value):
        return True
    words = value.split()
    if len(words) < 2:
        return value.endswith((":", "!", "?")) and value[:-1].isalpha() and wordlike(value)
    return not (len(words) == 4 and all(len(word) == 4 and word.isalpha() and word.islower() for word in words)) or (
        wordlike(value)
    )


def is_role(value: str) -> bool:
    """Say whether a value only names what it stands for: ``user_password``, ``my-secret-token``."""
    return bool(_ROLE.fullmatch(value))


def is_url(value: str) -> bool:
    """Say whether a value is an address on a network."""
    return bool(_URL.search(value))


def is_constant(value: str) -> bool:
    """Say whether a value is a constant's name, such as ``RSA_2048``."""
    return bool(_CONSTANT.match(value))


def is_version(value: str) -> bool:
    """Say whether a value is a version or a date."""
    return bool(_VERSION.match(value))


def is_mail(value: str) -> bool:
    """Say whether a value is an address of mail."""
    return bool(_MAIL.match(value))


def is_public(value: str) -> bool:
    """Say whether a value is a public key."""
    return bool(_PUBLIC.match(value))


def is_uuid(value: str) -> bool:
    """Say whether a value is a UUID."""
    return bool(_UUID.match(value))


def is_digest(value: str) -> bool:
    """Say whether a value says what digest it is."""
    return bool(_HASHED.search(value))


def is_hash(value: str) -> bool:
    """Say whether a value has the form of a common digest in hexadecimal."""
    return len(value) in {32, 40, 56, 64, 96, 128} and bool(_HEX.match(value))


def wordlike(value: str) -> bool:
    """Say whether the letters of a value read like words."""
    pairs, known = _read(value)
    return pairs >= 3 and known / pairs > 0.6


def is_gibberish(value: str) -> bool:
    """Say whether a value has so many letters, and so few pairs of them as words have, that it can be no words."""
    pairs, known = _read(value)
    return pairs >= 6 and known / pairs <= 0.4 and len(set(value)) > 5


@lru_cache(maxsize=4096)
def _read(value: str) -> tuple[int, int]:
    """Return how many pairs of letters a value has, and how many of them words have."""
    pairs = known = 0
    for run in _LETTERS.findall(value.lower()):
        pairs += len(run) - 1
        known += sum(run[index : index + 2] in _BIGRAMS for index in range(len(run) - 1))
    return pairs, known


def is_random(value: str) -> bool:
    """Say whether a value looks made by a machine: long, mixed, and no words."""
    from .judge import entropy

    if len(value) < 8 or value.isdigit() or " " in value or not value.isascii():
        return False
    bits = entropy(value.encode())
    if _HEX.match(value):
        return len(value) >= 16 and bits > 2.8 and not value.isalpha()
    digits = any(map(str.isdigit, value))
    flips = len(_FLIP.findall(value))
    if _CONSTANT.match(value) or (wordlike(value) and not (digits and flips > 2 and len(value) >= 20 and bits > 4.2)):
        return False
    if not digits and not _SIGNS.search(value):
        return len(value) >= 12 and flips * 6 >= len(value)
    return bits > (2.7 if len(value) < 16 else 3.2)
