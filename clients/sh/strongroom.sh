# shellcheck shell=sh
# strongroom.sh: how a shell script, such as an image's entrypoint, gets its secrets. POSIX sh; source it:
#
#   . /usr/local/lib/strongroom.sh
#   file_env db_password                     # sets and exports DB_PASSWORD, or fails
#   file_env log_level info                  # with a default
#   password=$(get_secret db_password)       # as text, into a variable that is not exported
#
# It follows spec/reader.md of the strongroom project and passes its vectors. Functions fail with a sentence on standard
# error and the status 3 (not found), 4 (invalid name), 5 (unreadable) or 6 (not text).

# file_env NAME [DEFAULT]: set and export the variable of a secret, and unset its _FILE, as the official images do.
file_env() {
  strongroom_value=$(get_secret "$@" && echo x) || return
  strongroom_variable=$(_strongroom_variable "$1")
  export "$strongroom_variable=${strongroom_value%x}"
  unset "${strongroom_variable}_FILE" strongroom_value strongroom_variable
}

# get_secret NAME [DEFAULT]: print a secret as text, without the newlines at its end.
get_secret() (
  _strongroom_find "$1" || exit
  case $kind in
    file) _strongroom_print_text "$path" "$path" ;;
    variable) printf %s "$value" | _strongroom_print_text - "$variable" ;;
    *)
      [ $# -gt 1 ] || _strongroom_fail 3 "secret '$1' not found: $places. Grant it to this service (Compose and Swarm:" \
        "services.<service>.secrets; a plain process: strongroom run), or set one of these variables." || exit
      printf %s "$2"
      ;;
  esac
)

# get_secret_bytes NAME [DEFAULT]: print a secret's bytes exactly as they are.
get_secret_bytes() (
  _strongroom_find "$1" || exit
  case $kind in
    file) cat -- "$path" ;;
    variable) printf %s "$value" ;;
    *) get_secret "$@" ;;
  esac
)

# get_valid_secrets NAME: print what is valid during a rotation, the newest first, without repeats, each with a NUL after.
get_valid_secrets() (
  _strongroom_check "$1" || exit
  seen='' missing=''
  for variant in "${1}_current" "${1}_previous" "$1"; do
    _strongroom_find "$variant" || exit
    if [ "$kind" = none ]; then
      missing="$missing${missing:+; }$places"
      continue
    fi
    value=$(get_secret "$variant" && echo x) || exit
    digest=$(printf %s "${value%x}" | sha256sum)
    case $seen in
      *"$digest"*) ;;
      *) seen="$seen $digest" && printf '%s\0' "${value%x}" ;;
    esac
  done
  [ -n "$seen" ] || _strongroom_fail 3 "secret '$1' not found: $missing."
)

# validate_password NAME: succeed if standard input is one of get_valid_secrets NAME; 1 if it is not. Compares digests
# under a fresh key with all of them, so that the time it takes tells nothing.
validate_password() (
  provided=$(cat && echo x)
  key=$(od -An -N16 -tx1 /dev/urandom) || exit
  digest=$(printf %s "$key$provided" | sha256sum)
  get_valid_secrets "$1" >/dev/null || exit
  valid=1
  for variant in "${1}_current" "${1}_previous" "$1"; do
    value=$(get_secret "$variant" '' && echo x) || exit
    [ "$(printf %s "$key$value" | sha256sum)" != "$digest" ] || [ "$value" = x ] || valid=0
  done
  exit "$valid"
)

# Set kind (file, variable, none), and with it path, variable and value, or places. The callers are subshells.
_strongroom_find() {
  _strongroom_check "$1" || return
  path=${SECRETS_DIR:-/run/secrets}
  path=${path%/}/$1
  _strongroom_look "$path" '' || return
  [ "$kind" = none ] || return 0
  variable=$(_strongroom_variable "$1")
  named=$(_strongroom_environment "${variable}_FILE") || named=
  if [ -n "$named" ]; then
    path=$named
    _strongroom_look "$path" " (named by ${variable}_FILE)" || return
    [ "$kind" = file ] || _strongroom_fail 5 "${variable}_FILE names $path, which does not exist. Create that file," \
      "or unset ${variable}_FILE."
    return
  fi
  value=$(_strongroom_environment "$variable" && echo x) || value=x
  value=${value%x}
  [ -z "$value" ] || kind=variable
  places="no file $path; ${variable}_FILE is not set or empty; $variable is not set or empty"
}

# Set kind to file or none, or fail for what exists and cannot be read.
_strongroom_look() {
  kind=none
  if [ -f "$1" ] && [ -r "$1" ]; then
    kind=file
  elif [ -L "$1" ] && ! [ -e "$1" ]; then
    _strongroom_fail 5 "$1$2 is a link to $(readlink "$1"), which does not exist. Mount what it leads to, or remove it."
  elif [ -d "$1" ]; then
    _strongroom_fail 5 "$1$2 is a directory, not a file. Docker makes one when it mounts a file that is not there: remove" \
      "it, create the file, and start the container anew."
  elif [ -f "$1" ]; then
    # shellcheck disable=SC2046 # owner and mode are two words
    set -- "$1$2" $(stat -c '%u:%g %a' "$1")
    _strongroom_fail 5 "$1 exists, but this process (uid $(id -u), gid $(id -g)) may not read it: its owner is $2, its mode" \
      "$(printf '%04d' "$3"). Grant the secret with the process's uid (or gid) and mode 0400 (or 0440)."
  elif [ -e "$1" ]; then
    _strongroom_fail 5 "$1$2 is not a regular file. Put the secret into a file."
  else
    case $(LC_ALL=C ls -d -- "$1" 2>&1) in
      *'No such file'*) ;;
      *) _strongroom_fail 5 "$1$2 cannot be reached by this process (uid $(id -u), gid $(id -g))." ;;
    esac
  fi
}

# Print a file (or standard input) as text without the newlines at its end; fail where it is not UTF-8.
_strongroom_print_text() (
  if [ "$1" != - ] && [ -z "$(LC_ALL=C tr -d '\001-\177' <"$1" | od -An -N1 -tx1)" ]; then
    text=$(cat -- "$1" && echo x) # ASCII: the shell itself can hold it
  else
    # Bytes as numbers: a shell's variables lose NUL, and its text tools differ over what they take for characters.
    hex=$(cat "$1" | od -An -v -tx1 | tr -d ' \n')
    _strongroom_is_utf8 "$hex" || _strongroom_fail 6 "the secret in $2 is not UTF-8 text. Read it with get_secret_bytes." || exit
    while :; do
      case $hex in
        *0d0a) hex=${hex%0d0a} ;;
        *0a) hex=${hex%0a} ;;
        *) break ;;
      esac
    done
    _strongroom_print_hex "$hex"
    exit
  fi
  nl='
'
  cr=$(printf '\r')
  text=${text%x}
  while :; do
    case $text in
      *"$cr$nl") text=${text%"$cr$nl"} ;;
      *"$nl") text=${text%"$nl"} ;;
      *) break ;;
    esac
  done
  printf %s "$text"
)

_strongroom_print_hex() {
  printf %s "$1" | sed 's/../& /g' | tr ' ' '\n' | LC_ALL=C awk '
    BEGIN { for (i = 0; i < 256; i++) octal[sprintf("%02x", i)] = sprintf("\\%03o", i) }
    { printf "%s", octal[$0] } NR % 1000 == 0 { print "" } END { print "" }
  ' | while read -r line; do printf "$line"; done
}

# RFC 3629, section 4, over hexadecimal digits.
_strongroom_is_utf8() {
  printf %s "$1" | sed 's/../&\
/g' | LC_ALL=C awk '
    BEGIN { for (i = 0; i < 256; i++) number[sprintf("%02x", i)] = i; low = 128; high = 191 }
    $0 == "" { next }
    { b = number[$0] }
    need { if (b < low || b > high) { bad = 1; exit } low = 128; high = 191; need--; next }
    b < 128 { next }
    b >= 194 && b <= 223 { need = 1; next }
    b >= 224 && b <= 239 { need = 2; if (b == 224) low = 160; if (b == 237) high = 159; next }
    b >= 240 && b <= 244 { need = 3; if (b == 240) low = 144; if (b == 244) high = 143; next }
    { bad = 1; exit }
    END { exit bad || need > 0 }
  '
}

_strongroom_check() {
  case $1 in
    '' | . | .. | */* | *\\*) ;;
    *[!a-zA-Z0-9_.-]*) _strongroom_is_utf8 "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')" && return ;;
    *) return 0 ;;
  esac
  _strongroom_fail 4 "'$1' is not a secret's name: give one without '/', '\\' or NUL, as in 'db_password'."
}

_strongroom_variable() {
  printf %s "$1" | LC_ALL=C tr 'a-z.-' 'A-Z__'
}

# Print a variable of the environment, or fail where it is not set.
_strongroom_environment() {
  case $1 in
    [!a-zA-Z_]* | *[!a-zA-Z0-9_]*)
      # The shell itself takes no such name; Linux tells what it was started with.
      tr '\000\n' '\n\000' <"/proc/$$/environ" | LC_ALL=C grep -a "^$1=" | sed "s/^[^=]*=//" | tr '\000\n' '\n\000' | tr -d '\000'
      ;;
    *) eval "[ -n \"\${$1+set}\" ] && printf %s \"\${$1}\"" ;;
  esac
}

_strongroom_fail() {
  strongroom_status=$1
  shift
  echo "strongroom: $*" >&2
  return "$strongroom_status"
}
