"""``vault://``: HashiCorp Vault and OpenBao, over their HTTP API.

``vault://secret/myapp/db#password`` is a field of a secret in KV v1 or v2, and any other path that can be read works as
well: ``vault://database/creds/myapp#password`` makes a database user, whose lease serves all fields that are read
together. As a project's store, ``vault://secret/myapp`` keeps one secret a name below that path.

The variables of ``vault`` and ``bao`` hold (``settings``), and so does ``~/.vault-token``. The standard library speaks
HTTP: importing an SDK would take longer than reading twenty secrets does.
"""

from .manager import Manager

__all__ = ["Manager"]
