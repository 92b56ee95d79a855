"""``gcp://``: Google Cloud Secret Manager, by google-cloud-secret-manager (the extra ``gcp``).

``gcp://my-project/myapp-db#password`` is a key of a secret whose payload is a JSON object; without a field it is the
whole payload. Credentials are found as Google's libraries do (``GOOGLE_APPLICATION_CREDENTIALS``, ``gcloud auth
application-default login``, the machine's own), and the endpoint by gcloud's own variable
``CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER``. As a project's store, ``gcp://my-project/myapp`` keeps one secret a
name, called ``myapp-NAME``; Google's names have no dots.

Our numbers are Google's. The newest version is current, unless the alias ``current`` points at another; ``previous``
and ``pending`` are aliases, too. Labels are Google's labels. A value may have 65,536 bytes.
"""

from .client import Manager

__all__ = ["Manager"]
