"""``azure://``: Azure Key Vault, by azure-keyvault-secrets and azure-identity (the extra ``azure``).

``azure://my-vault/myapp-db#password`` is a key of a secret whose value is a JSON object; without a field it is the
whole value. A vault outside of the public cloud is named by its host: ``azure://my-vault.vault.azure.cn/…``.
Credentials are found by ``DefaultAzureCredential`` (``AZURE_CLIENT_ID``, ``AZURE_TENANT_ID`` and
``AZURE_CLIENT_SECRET``, workload and managed identities, ``az login``). As a project's store,
``azure://my-vault/myapp`` keeps one secret a name, called ``myapp-NAME``; Azure's names have dashes only, so that ``_``
and ``.`` become ``-`` there, and a tag says the name.

Azure has no numbers: a tag says ours, and versions of others are counted in between, by their times. What others write
is current; where the current version is not the newest, a tag of the newest says which is. Labels are the other tags
of the newest version. Azure destroys whole secrets only; a value may have 25,600 bytes of text, or 19,200 others.
"""

from .client import Manager

__all__ = ["Manager"]
