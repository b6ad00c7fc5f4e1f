"""What is said when AWS or the network fails: the kind of error and how to go on, and no more."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qgd_core.plugin import ResultMissing


@contextmanager
def told(spec: str, tasks: list[Any], wanted: int) -> Iterator[None]:
    """Turn an error of AWS into one sentence.

    Arguments: spec of the backend; tasks, filled by the caller as they are sent; wanted, how many there are to be.
    Result: a context in which the service is asked, and in which the SDK's own retries are not logged: each repeats
    the error's text.
    Raises: ResultMissing with the error's code alone, whose own text may quote a credential.
    Source: none.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    retries = logging.getLogger("backoff")
    retries.addFilter(_silent)
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        arns = ",".join(task.id for task in tasks)
        if not tasks:
            remedy = "Nothing was sent: try again, with new credentials if these have expired."
        elif len(tasks) < wanted:
            remedy = f"Only {arns} of {wanted} tasks were sent: cancel them, then try again."
        else:
            remedy = f"What was sent goes on: ask for its result with resume='{arns}'."
        raise ResultMissing(f"{spec} failed: {code}.", subject=code, remedy=remedy) from None
    finally:
        retries.removeFilter(_silent)


def _silent(record: logging.LogRecord) -> bool:
    """Let no record through."""
    return False
