#!/bin/sh
# Answers one HTTP request on standard input: for a server that starts a program for each connection, such as
# `socat TCP-LISTEN:8080,fork,reuseaddr EXEC:./service.sh`. STRONGROOM_SH names the helper.
. "${STRONGROOM_SH:-/usr/local/lib/strongroom.sh}"

key=''
cr=$(printf '\r')
while read -r line && [ -n "${line%"$cr"}" ]; do
  case $line in
    [Xx]-[Aa][Pp][Ii]-[Kk][Ee][Yy]:*) key=${line#*: } && key=${key%"$cr"} ;;
  esac
done

if printf %s "$key" | validate_password api_key; then
  printf 'HTTP/1.0 200 OK\r\n\r\nwelcome\n'
else
  printf 'HTTP/1.0 401 Unauthorized\r\n\r\nunknown key\n'
fi
