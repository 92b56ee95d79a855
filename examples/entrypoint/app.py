"""Logs in to a database every second, as whoever it may be now."""

import os
import signal
import sys
import time
from types import FrameType

import psycopg

from strongroom import get_secret


class Login:
    """A user and the password that belongs to it: read together, and only when they are whole."""

    def __init__(self) -> None:
        self.read()

    def read(self, *_: int | FrameType | None) -> None:
        self.user, self.password = get_secret("db_username"), get_secret("db_password")


def main() -> None:
    login = Login()
    signal.signal(signal.SIGHUP, login.read)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"there is a key of {len(get_secret('api_key'))} characters", flush=True)
    while True:
        with psycopg.connect(
            host=os.environ["DB_HOST"], port=os.environ["DB_PORT"], dbname="postgres",
            user=login.user, password=login.password,
        ) as connection:  # fmt: skip
            row = connection.execute("SELECT current_user").fetchone()
        print(f"logged in as {row and row[0]}", flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main()
