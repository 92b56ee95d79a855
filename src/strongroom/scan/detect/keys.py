"""What the name in front of a value says about it: ``dbPassword`` holds a secret, ``password_field`` does not."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from .words import words


class Key(IntEnum):
    """How much a name promises. The weaker it is, the more its value has to look like a secret."""

    NONE = 0
    WEAK = 1  # key, auth, salt
    TOKEN = 2
    SECRET = 3  # secret, api key
    PASSWORD = 4


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_CLASSES = {
    Key.PASSWORD: words("""
        password passwords passwd passwort passphrase passcode pass pwd pwds psw pswd pw passw senha clave
        contrasena contrasenia kennwort wachtwoord motdepasse mdp parola haslo heslo salasana losenord
        userpw rootpw adminpw bindpw dbpw
    """),
    Key.SECRET: words("""
        secret secrets apikey apikeys apisecret appsecret clientsecret accesskey secretkey privatekey
        authkey appkey masterkey encryptionkey signingkey sharedkey accountkey credential
        credentials creds jwtsecret sessionsecret connectionstring licensekey sasl
    """),
    Key.TOKEN: words("""
        token tokens authtoken accesstoken refreshtoken bearer jwt authtok
    """),
    Key.WEAK: words("""
        key keys auth salt authorization cred sign signature sig iv nonce cookie psk pin otp seed hmac
        webhook sid
    """),
}
_CLASS = {word: kind for kind, listed in _CLASSES.items() for word in listed}
_ENDINGS = ("password", "passwd", "passphrase", "passwort", "pwd", "passcode")
_NO_PASS = words(
    "askpass bypass compass trespass surpass overpass underpass encompass multipass allpass pkpass keepass nopass"
)
_NO_KEY = words("monkey turkey hockey whiskey pubkey publickey hotkey sortkey hashkey")
_KEYED = words("""
    api access secret private auth authentication app application master encryption encrypt encrypted crypt
    crypto cipher signing shared account client consumer service admin server license licence subscription
    token jwt hmac aes des rsa preshared pre write read ingest maps deploy root rest merchant webhook
    instrumentation personal developer dev live prod
""")
# What has keys that may as well be names: under which something is kept, by which it is known.
_NAMED = words("storage session cookie project user host function primary secondary push security")
_MORE = words("""
    encryption mgr arg args argument field fields label labels hash hashed hasher hashers hashing hashes digest checksum
    name names id ids url urls uri endpoint type types path paths file files filename dir folder length len
    size min max minimum maximum regex regexp pattern policy policies rule rules strength expiry expires
    expired expiration expire ttl timeout age lifetime duration validity prompt message messages msg error
    errors text title hint help placeholder placeholders description desc input inputs box edit edittext
    textbox textfield button btn icon image form column columns attribute attr attrs param params parameter
    parameters property prop header headers prefix suffix format encoding encoder algorithm algo alg method
    mode provider service manager store storage reset resets forgot change changed count index enabled
    enable disabled required valid validation validator invalid class classname css selector xpath locator
    element el event handle handler callback action actions status state source ref reference env variable var vars
    generator symbol version usage scope scopes issuer audience scheme schema table row cell view page
    screen route link location lookup manually visibility visible show shown hidden again dialog modal map
    mapping list array set object request response resp res result data info model entity dto cls func
    function fn is was has not please wrong missing incorrect fail failed failure must should requirements
    requirement instructions tip tooltip note warning verification verify verified confirm recovery feature
    features rotation rotate date time at on created updated limit limits interval retries auth
    authentication authenticator grant flow grants based backend plugin module modules command cmd script
    protected protect protection sha sha1 sha256 sha512 md5 fingerprint thumbprint number num code codes
    kind category group groups role roles username login email port region bucket resource resources address
    word words char chars character characters chr position offset exception host hosts
    hostname user users driver commit factory spec alias sender attributes
    sources objects dependencies h
""")
_LESS = words("""
    forgot forget forgotten reset is has show hide toggle check validate invalid wrong incorrect require
    required requires lost no missing bad error err get fetch test_id public pub no_ max min ask prompt
    enter confirm verify change update label placeholder title hint help text css html lang i18n tr
    translate msg message allow primary_key foreign sort partition cache group row column col map hot short
    registry object event error_ count num next prev csrf xsrf authenticity antiforgery page pagination continuation
    cancellation websocket csp lexer parser syntax ast id unique
""")
_SALTS = words("salt nonce psk")
_SIGNING = ("secretkey", "secretkeybase", "jwtsecret", "sessionsecret", "cookiesecret")
_NUMBERED = words("guid uuid oid errcode")
_PLAIN = _LESS - words("confirm change update test_id enter verify min max")


def parts(name: str) -> list[str]:
    """Return the words that a name is made of, in lower case."""
    return [word.lower() for word in _WORDS.findall(name)]


@lru_cache(maxsize=8192)
def of(name: str) -> Key:
    """Return what a name promises, by its last word that promises something, and the words around it."""
    found = parts(name)
    if found and found[0] in _NUMBERED:
        return Key.NONE
    for index in range(len(found) - 1, -1, -1):
        kind = _kind(found, index)
        if not kind:
            continue
        after = [word for word in found[index + 1 :] if not word.isdigit()]
        if any(word in _MORE for word in after):
            return Key.NONE
        before = found[max(0, index - 3) : index]
        if kind >= Key.SECRET:
            return Key.NONE if before and before[0] in _PLAIN and before[0] == found[0] else kind
        if any(word in _LESS for word in before):
            return Key.NONE
        return min(kind, Key.WEAK) if after else kind
    return Key.NONE


def is_salt(name: str) -> bool:
    """Say whether a name is that of a value which is random and nothing else."""
    return not _SALTS.isdisjoint(parts(name))


def signs(name: str) -> bool:
    """Say whether a name is that of a key which frameworks sign with, and which people therefore think up."""
    return "".join(parts(name)).endswith(_SIGNING)


def ends(name: str) -> bool:
    """Say whether the last word of a name is what promises something."""
    found = parts(name)
    while found and found[-1].isdigit():
        found.pop()
    return bool(found) and bool(_kind(found, len(found) - 1))


def _kind(found: list[str], index: int) -> Key:
    word = found[index]
    if word in {"key", "keys"} and index and found[index - 1] in _KEYED:
        return Key.SECRET
    if word == "key" and index and found[index - 1] in _NAMED:
        return Key.TOKEN
    if kind := _CLASS.get(word):
        return kind
    if word.endswith(_ENDINGS) or (word.endswith("pass") and word not in _NO_PASS):
        return Key.PASSWORD
    if word.endswith(("secret", "apikey", "secretkey", "accesskey", "privatekey")):
        return Key.SECRET
    if word.endswith("token"):
        return Key.TOKEN
    return Key.WEAK if word.endswith("key") and word not in _NO_KEY else Key.NONE
