"""An HTTP service that accepts the current and the previous API key, so that callers change theirs when they like.

Usage: python service.py PORT. It reads /run/secrets/api_key_current and api_key_previous at each request.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from strongroom import validate_password


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        valid = validate_password(self.headers.get("X-Api-Key", ""), "api_key")
        self.send_response(200 if valid else 401)
        self.end_headers()
        self.wfile.write(b"welcome\n" if valid else b"unknown key\n")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
