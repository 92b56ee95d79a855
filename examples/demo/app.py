"""A small application: it signs a message with a secret, and knows nothing of where the secret comes from."""

import hashlib
import hmac

from strongroom import get_secret

key = get_secret("signing_key")
signature = hmac.new(key.encode(), b"hello", hashlib.sha256).hexdigest()
print(f"app: signing with a key of {len(key)} characters; hello is signed {signature[:16]}…")
