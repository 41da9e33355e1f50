"""Translate the exceptions of huggingface_hub into those of the package, each with a hint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from weightgauge.checkpoint.hub.checks import endpoint
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.errors import (
    HubAnswerError,
    HubError,
    HubUnreachableError,
    ModelNotFoundError,
    WeightgaugeError,
    printable,
)

_LOGIN = "Log in with 'hf auth login' or set HF_TOKEN"


@contextmanager
def translated(hub_id: HubId) -> Iterator[None]:
    """Turn whatever the client raises into `ModelNotFoundError` or `HubError`.

    Parameters
    ----------
    hub_id : HubId
        The model, for the messages.
    """
    try:
        yield
    except (WeightgaugeError, MemoryError):
        raise
    except Exception as error:
        # The client's transport is httpx, requests or hf-xet, depending on its version. Their
        # exceptions have no base in common. The client itself raises KeyError and the like when
        # an endpoint does not answer as a Hub would.
        raise _translate(hub_id, error) from error


def _translate(hub_id: HubId, error: Exception) -> WeightgaugeError:
    from huggingface_hub import errors

    nowhere = isinstance(error, errors.LocalEntryNotFoundError)
    if nowhere and isinstance(error.__cause__, Exception):
        # That nothing is in the cache either is only the end of the story.
        return _translate(hub_id, error.__cause__)
    if isinstance(error, errors.GatedRepoError):
        return HubError(
            f"{hub_id}: access to this model has to be granted",
            hint=f"Ask for access on its page on the Hub. {_LOGIN}.",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelNotFoundError(
            f"{hub_id}: there is no such path here and no such model on the Hub",
            hint=f"Check the spelling. If the model is private: {_LOGIN}.",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        folder = "A folder stands before it: org/name/folder@revision."
        return ModelNotFoundError(
            f"{hub_id}: the model has no such revision",
            hint="A revision is a branch, a tag or a commit of the model."
            + (f" {folder}" if "/" in (hub_id.revision or "") else ""),
        )
    if isinstance(error, errors.HFValidationError):
        return ModelNotFoundError(f"{hub_id}: is no name of a model on the Hub")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnreachableError(
            f"{hub_id}: the model is not in the cache, and HF_HUB_OFFLINE forbids to fetch it",
            hint="Unset HF_HUB_OFFLINE, or fetch the model once with 'hf download'.",
        )
    if isinstance(error, errors.DisabledRepoError):
        return HubError(f"{hub_id}: the Hub has disabled this model")
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(hub_id, error)
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(
        error, errors.LocalEntryNotFoundError
    ):
        return ModelNotFoundError(f"{hub_id}: a file of the model is gone: {_first_line(error)}")
    return _of_transport(hub_id, error)


def _of_transport(hub_id: HubId, error: Exception) -> WeightgaugeError:
    from huggingface_hub import errors

    # Exceptions of requests are OSErrors, and of the client's own this one.
    own = type(error).__module__.startswith("requests.") or type(error) is errors.FileMetadataError
    unmeant = own or not isinstance(error, OSError)
    if not _is_of_network(error) and unmeant:
        return HubAnswerError(
            f"{hub_id}: the answer of {endpoint()} is none of a Hub, or broke off: "
            f"{_first_line(error)}",
            hint="Check HF_ENDPOINT and the proxy settings, or try again later.",
        )
    if not _is_of_network(error):
        return HubError(f"{hub_id}: the model could not be fetched: {_first_line(error)}")
    return HubUnreachableError(
        f"{hub_id}: the Hub at {endpoint()} could not be reached: {_first_line(error)}",
        hint="Check the connection, HF_ENDPOINT and the proxy settings.",
    )


# The exceptions of httpx, requests and hf-xet for what went wrong before an answer came, or that
# tell of no answer. Those of requests for an answer that broke off are connection errors as well.
_NO_ANSWER = ("ConnectError", "ConnectionError", "TimeoutException", "Timeout", "NetworkError")
_BROKEN_ANSWER = ("ChunkedEncodingError", "ContentDecodingError", "JSONDecodeError")


def _is_of_network(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names.intersection(_BROKEN_ANSWER) or "BadStatusLine" in str(error):
        return False
    known = (*_NO_ANSWER, "ProxyError", "TimeoutError", "OfflineModeIsEnabled", "HfHubHTTPError")
    return bool(names.intersection(known))


def _refused(hub_id: HubId, error: Exception) -> WeightgaugeError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404:
        return ModelNotFoundError(f"{hub_id}: not found on the Hub: {_first_line(error)}")
    if status in (401, 403):
        return HubError(f"{hub_id}: the Hub refused access ({status})", hint=f"{_LOGIN}.")
    if status == 429:
        return HubError(
            f"{hub_id}: the Hub answers too many requests from here (429)",
            hint=f"Wait a few minutes. {_LOGIN} for a higher limit.",
        )
    if isinstance(status, int) and status >= 500:
        return HubUnreachableError(
            f"{hub_id}: the Hub is out of order ({status})", hint="Try again later."
        )
    return HubError(f"{hub_id}: the Hub refused the request: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    detail = printable(lines[0].rstrip("."), limit=500) if lines else "no details"
    return f"{type(error).__name__}: {detail}"
