"""``aws://``: AWS Secrets Manager, by boto3 (the extra ``aws``).

``aws://myapp/production/db#password`` is a key of a secret whose text is a JSON object; without a field it is the
whole text, or the bytes of SecretBinary. The path is the secret's name or ARN. Region, endpoint and credentials come
from the SDK's own chain (``AWS_PROFILE``, ``AWS_ENDPOINT_URL``, roles, …). As a project's store, ``aws://myapp`` keeps
one secret a name, called ``myapp/NAME``.

Our stages are ``AWSCURRENT``, ``AWSPREVIOUS`` and ``AWSPENDING``. AWS has no numbers: ours stand in a version's id and
in a stage of its own, ``strongroom-v3``, which keeps AWS from forgetting it. A version that others made counts as the
second of its creation. AWS destroys whole secrets only; a value may have 65,536 bytes.
"""

from .client import Manager

__all__ = ["Manager"]
