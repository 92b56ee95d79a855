"""moto's server for AWS, with one operation mended: ListSecretVersionIds.

moto says of every version that it was made just now, and fails (500) where there is no such secret.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from moto.secretsmanager.exceptions import SecretNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend
from moto.server import main


def _list_secret_version_ids(self: Any, secret_id: str) -> str:
    if secret_id not in self.secrets:
        raise SecretNotFoundException
    answer = json.loads(_original(self, secret_id))
    for each in answer["Versions"]:
        each["CreatedDate"] = self.secrets[secret_id].versions[each["VersionId"]]["createdate"]
    return json.dumps(answer)


_original = SecretsManagerBackend.list_secret_version_ids
SecretsManagerBackend.list_secret_version_ids = _list_secret_version_ids  # type: ignore[method-assign]

if __name__ == "__main__":
    main(sys.argv[1:])
