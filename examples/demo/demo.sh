#!/usr/bin/env bash
# The whole story in a temporary directory: a store, secrets, an application that reads them, a change, the audit.
# Usage: demo.sh DIRECTORY, where DIRECTORY has the programs strongroom and python.
set -euo pipefail
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
export PATH=$bin:$PATH HOME=$project/home
unset XDG_CONFIG_HOME STRONGROOM_STORE STRONGROOM_IDENTITY
mkdir "$HOME" "$project/shop"
cp "$here/app.py" "$here/compose.yaml" "$project/shop/"
cd "$project/shop"

bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; bash -c "$*"; }

say 'A store for this project, and an identity outside of it'
run 'strongroom init'

say 'A random secret, and one from a pipe: no value is ever an argument'
run 'strongroom secret create signing_key --generate 32 --label team=shop'
run "printf 'correct horse battery staple' | strongroom secret create db_password -"
run 'strongroom secret ls'

say 'On the disk there is no value, in any file of the project'
run "grep -rc 'correct horse' . | grep -v ':0' || echo 'not found'"

say 'An application reads it from /run/secrets, which is in memory and which nobody else sees'
run 'strongroom run --secret signing_key -- python app.py'
run 'ls /run/secrets/signing_key 2>&1 || true'

say 'The same from the Compose file that production uses, with its targets, owners and modes'
run 'cat compose.yaml'
run "strongroom run --service api -- sh -c 'ls -lR /run/secrets; cat /run/secrets/database/password; echo'"

say 'A new version: the application signs with it, and the one before is kept'
run 'strongroom secret update signing_key --generate 48'
run 'strongroom run --secret signing_key -- python app.py'
run 'strongroom secret versions signing_key'

say 'Who did what, and the proof that nothing was changed besides'
run 'strongroom audit ls'
run 'strongroom audit verify'
