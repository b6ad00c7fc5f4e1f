"""The few things asked of qiskit-ibm-runtime, which is imported here alone and only when they are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from qiskit_aer.noise import NoiseModel

from qgd_core.plugin import ConfigError, PluginError, UnknownBackend, suggest


def runtime() -> ModuleType:
    """The package; raises PluginError, with the command to install it, where it is missing."""
    try:
        import qiskit_ibm_runtime
    except ImportError:
        raise PluginError(
            "IBM devices, fake ones too, need qiskit-ibm-runtime, which is not installed.",
            remedy="`pip install 'qgd-backend-qiskit[ibm]'`",
        ) from None
    return qiskit_ibm_runtime


def find_fake(name: str) -> Any:
    """The fake device called `name`, as "manila"; raises UnknownBackend, with the nearest, for any other."""
    runtime()
    from qiskit_ibm_runtime import fake_provider

    known = {
        kind.removeprefix("Fake").removesuffix("V2").lower(): kind
        for kind in dir(fake_provider)
        if kind.startswith("Fake") and hasattr(getattr(fake_provider, kind), "target")
    }
    if name.lower() not in known:
        raise UnknownBackend(
            f"There is no fake device {name!r}.{suggest(name, known)}",
            subject=name,
            remedy=f"They are: {', '.join(sorted(known))}.",
        )
    return getattr(fake_provider, known[name.lower()])()


def open_service() -> Any:
    """IBM's service with the account that the user saved; no credential passes through this project."""
    try:
        return runtime().QiskitRuntimeService()
    except PluginError:
        raise
    except Exception as error:  # only its kind is told: the SDK's own message may quote a credential
        raise ConfigError(
            f"IBM's service did not open: {type(error).__name__}.",
            remedy="Save an account with QiskitRuntimeService.save_account, once, in Python.",
        ) from None


def open_device(name: str) -> Any:
    """The real device called `name`."""
    return open_service().backend(name)


def reopen_job(identifier: str) -> Any:
    """A job sent earlier."""
    return open_service().job(identifier)


def sampler(device: Any, seed: int, *, noise: bool = True) -> Any:
    """A SamplerV2 on the device; seed and noise matter to simulators alone."""
    with quietly():
        made = runtime().SamplerV2(mode=device)
    made.options.simulator.seed_simulator = seed
    if not noise:
        made.options.simulator.noise_model = NoiseModel()
    return made


@contextmanager
def quietly() -> Iterator[None]:
    """Without the deprecation warnings of the package, which its user can do nothing about."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module="qiskit_ibm_runtime|qgd_backend_qiskit"
        )
        yield
