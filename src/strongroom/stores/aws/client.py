"""Asks AWS: each failure in one sentence, many secrets in one request."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...errors import AccessDenied, SecretNotFound, StoreRefused, StoreUnavailable, StoreUnsupported, StrongroomError
from ...model import Stage
from ..managers import Content, Wanted
from ..retry import Deadline, explained, patiently, side_by_side

if TYPE_CHECKING:
    from .store import AwsStore

Json = dict[str, Any]
STAGES = {Stage.CURRENT: "AWSCURRENT", Stage.PREVIOUS: "AWSPREVIOUS", Stage.PENDING: "AWSPENDING"}
_BATCH = 20  # the most secrets that BatchGetSecretValue takes
# What each answer has, if it is whole.
_SURE = {
    "get_secret_value": "VersionId", "batch_get_secret_value": "SecretValues", "list_secrets": "SecretList",
    "list_secret_version_ids": "Versions", "describe_secret": "ARN", "create_secret": "ARN", "put_secret_value": "ARN",
}  # fmt: skip
_OURS = re.compile(r"strongroom-v([1-9][0-9]*)")
_DENIED = re.compile(
    "AccessDenied|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|ExpiredToken"
    "|MissingAuthenticationToken|OptInRequired|DecryptionFailure"
)
_PASSES = re.compile("Throttl|TooManyRequests|RequestLimitExceeded|InternalService|ServiceUnavailable|RequestTimeout")


class Manager:
    """The Secrets Manager of the account and region that the SDK finds."""

    def __init__(self, limit: float) -> None:
        """Give each request so many seconds. Nothing is asked yet.

        Raises:
            StoreUnsupported: the SDK is not installed.
        """
        self._limit = limit
        try:
            import boto3  # noqa: F401
        except ImportError:
            raise StoreUnsupported("aws:// needs boto3. Install it with: pip install 'strongroom[aws]'") from None

    def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Content | StrongroomError]:
        """Read secrets: current versions twenty at a time, all others side by side."""
        current = [each for each in wanted if each.version in (None, Stage.CURRENT)]
        found: dict[Wanted, Content] = {}
        if len(current) > 1:
            batches = [current[start : start + _BATCH] for start in range(0, len(current), _BATCH)]
            for batch in side_by_side(self._fetch_batch, batches):
                found |= {} if isinstance(batch, StrongroomError) else batch  # alone, each has its own error
        rest = [each for each in wanted if each not in found]
        alone = dict(zip(rest, side_by_side(self._fetch, rest), strict=True))
        return [found[each] if each in found else alone[each] for each in wanted]

    def store(self, path: str) -> AwsStore:
        """Return the secrets below a path as a store; without one, all of the account and region."""
        from .store import AwsStore

        return AwsStore(self, path.strip("/"))

    def close(self) -> None:
        """Close connections."""
        if "client" in self.__dict__:
            self.client.close()

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Return the SDK's client."""
        import boto3
        from botocore.config import Config

        timeout = max(1.0, self._limit / 3)
        config = Config(
            retries={"total_max_attempts": 1}, connect_timeout=timeout, read_timeout=timeout, max_pool_connections=16
        )
        region = os.environ.get("AWS_REGION") or None  # boto3 itself reads AWS_DEFAULT_REGION only
        return explained(
            lambda: boto3.session.Session().client("secretsmanager", region_name=region, config=config),
            _failure,
            "aws://",
        )

    def ask(self, operation: str, uri: str, **arguments: Any) -> Json:  # noqa: ANN401 - the SDK's own
        """Call an operation of the client, such as ``describe_secret``. Each is the same when it is done twice.

        Raises:
            StoreUnavailable: AWS did not answer as it should within the time limit.
            AccessDenied, StoreRefused: it refuses.
            SecretNotFound: there is no such secret or version.
        """
        function = getattr(self.client, operation)

        def call() -> Json:
            answer = explained(lambda: function(**arguments), _failure, uri)
            if _SURE.get(operation, "ResponseMetadata") not in answer:  # the SDK takes half an answer for an empty one
                raise StoreUnavailable(f"the answer of AWS for {uri} was cut short.", sent=True)
            return dict(answer)

        return patiently(call, Deadline(self._limit))

    def read(self, name: str, version: int | str | None, uri: str) -> Content:
        """Read a version of a secret.

        Raises:
            SecretNotFound: there is none.
        """
        arguments: dict[str, Any] = {"SecretId": name}
        if isinstance(version, int):
            arguments["VersionId"] = version_id(version)
        elif version is not None:
            known = STAGES.get(version) if isinstance(version, Stage) else None
            # AWS calls versions by ids of 32 characters or more; what is shorter is a stage of the user's own.
            arguments["VersionId" if not known and len(version) >= 32 else "VersionStage"] = known or version
        try:
            return _content(uri, self.ask("get_secret_value", uri, **arguments))
        except SecretNotFound:
            if not isinstance(version, int):
                raise
        from .store import find_version

        return _content(
            uri, self.ask("get_secret_value", uri, SecretId=name, VersionId=find_version(self, name, version, uri))
        )

    def _fetch(self, wanted: Wanted) -> Content:
        return self.read(wanted.path, wanted.version, f"aws://{wanted.path}")

    def _fetch_batch(self, batch: Sequence[Wanted]) -> dict[Wanted, Content]:
        answer = self.ask("batch_get_secret_value", "aws://", SecretIdList=[each.path for each in batch])
        values = {key: each for each in answer["SecretValues"] for key in (each["Name"], each["ARN"])}
        return {each: _content(f"aws://{each.path}", values[each.path]) for each in batch if each.path in values}


def version_id(number: int) -> str:
    """Return the id of a version that was made here: 40 characters, as AWS allows 32 to 64."""
    return f"strongroom-{number:029}"


def number_of(stages: Sequence[str]) -> int | None:
    """Return a version's number, where it was made here."""
    return next((int(match[1]) for stage in stages if (match := _OURS.fullmatch(stage))), None)


def _content(uri: str, answer: Json) -> Content:
    data = answer["SecretBinary"] if "SecretBinary" in answer else answer["SecretString"].encode()
    return Content(uri, data, number_of(answer.get("VersionStages") or ()) or answer["VersionId"])


def _failure(error: Exception, uri: str) -> StrongroomError | None:
    """Return an error of the SDK's as one of ours; None where it is nobody's but a mistake."""
    from botocore import exceptions as sdk

    if isinstance(error, sdk.ClientError):
        return _refusal(error.response, uri)
    if isinstance(error, sdk.NoRegionError):
        return StoreRefused("no region for AWS: set AWS_REGION, or one in ~/.aws/config.")
    if isinstance(error, (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError,
                          sdk.ProfileNotFound, sdk.SSOError, sdk.TokenRetrievalError,
                          sdk.UnauthorizedSSOTokenError)):  # fmt: skip
        return AccessDenied(f"there is no login for AWS, which {uri} needs. See: aws configure")
    if isinstance(error, sdk.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return StoreRefused("the certificate of AWS is not trusted. Name its CA in AWS_CA_BUNDLE.")
        return StoreUnavailable(f"the TLS connection for {uri} failed.")
    if isinstance(error, sdk.EndpointConnectionError | sdk.ConnectTimeoutError | sdk.ProxyConnectionError):
        return StoreUnavailable(f"AWS cannot be reached for {uri}. Look at the region and the network.")
    if isinstance(error, sdk.ReadTimeoutError):
        return StoreUnavailable(f"AWS did not answer for {uri} in time.", sent=True)
    # What parses answers (botocore's own, and dateutil for times) has errors of its own.
    if isinstance(error, sdk.HTTPClientError | sdk.ConnectionError) or "parser" in type(error).__module__:
        return StoreUnavailable(f"the answer of AWS for {uri} was cut short.", sent=True)
    if isinstance(error, sdk.ParamValidationError):
        return StoreRefused(f"AWS takes no secret called {uri.removeprefix('aws://')}.")
    return None


def _refusal(response: Json, uri: str) -> StrongroomError:
    code, said = str(response["Error"].get("Code")), str(response["Error"].get("Message"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    deleted = code == "InvalidRequestException" and "delet" in said
    if code == "ResourceNotFoundException" or (deleted and "create" not in said):
        problem = "it is scheduled for deletion" if deleted else "AWS has no such secret or version in this region"
        return SecretNotFound(uri, (problem,), "Look at the name, and at AWS_REGION.")
    if _DENIED.search(code):
        return AccessDenied(f"AWS denies access to {uri} ({code}).")
    if _PASSES.search(code) or status == 429 or status >= 500 or deleted:
        return StoreUnavailable(f"AWS is too busy for {uri}, or fails ({code}).", sent=status >= 500)
    return StoreRefused(f"AWS refuses what was asked of {uri} ({code}).")
