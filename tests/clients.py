"""An image whose process logs in ten times a second with what its secret file says.

It writes ``ok`` or why not, and when, to a file of its own in /answers: Swarm keeps the logs of its last tasks only.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
from pathlib import Path

import engines
from engines import Docker

_CLIENT = """
import json, os, signal, socket, sys, time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
kind, port, path = sys.argv[1:]

def postgres(secret):
    import psycopg
    try:
        found = json.loads(secret)
    except ValueError:
        found = {"username": "shop_c", "password": secret}
    try:
        with psycopg.connect(host="127.0.0.1", port=port, user=found["username"], password=found["password"],
                             dbname="postgres") as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return "_".join(str(error).split()[-12:])
    return "ok"

def mariadb(secret):
    import pymysql
    try:
        pymysql.connect(host="127.0.0.1", port=int(port), user="shop", password=secret).close()
    except pymysql.MySQLError as error:
        return "_".join(str(error).split())
    return "ok"

def redis(secret):
    with socket.create_connection(("127.0.0.1", int(port)), 5) as connection:
        connection.sendall(f"AUTH shop {secret}\\r\\n".encode())
        answer = connection.recv(99)
    return "ok" if answer.startswith(b"+OK") else "_".join(answer.decode().split())

answers = open(f"/answers/{socket.gethostname()}", "a", buffering=1)
while True:
    start = time.monotonic()
    with open(path) as file:
        secret = file.read()
    print(time.time(), globals()[kind](secret), file=answers)
    time.sleep(max(0, 0.1 - (time.monotonic() - start)))
"""


def make_client(docker: Docker, context: Path) -> str:
    """Build the image, on a Debian that is made here."""
    made = subprocess.run([engines.SCRIPT, "debian"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    base, name = f"{docker.prefix}/clients-debian:1", f"{docker.prefix}/clients:1"
    docker("import", made.stdout.strip(), base)
    (context / "client.py").write_text(_CLIENT)
    (context / "Dockerfile").write_text(
        f"FROM {base}\nCOPY lib /usr/lib/python3/dist-packages\nCOPY client.py /\n"
        'ENTRYPOINT ["python3", "/client.py"]\n'
    )
    for library in ("psycopg", "pymysql"):
        (origin,) = importlib.import_module(library).__path__
        shutil.copytree(origin, context / "lib" / library, ignore=shutil.ignore_patterns("__pycache__"))
    extensions = importlib.import_module("typing_extensions").__file__
    assert extensions
    shutil.copy(extensions, context / "lib")
    docker("build", "-q", "-t", name, str(context))
    docker("rmi", base, status=None)
    return name
