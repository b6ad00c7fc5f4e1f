"""IBM's devices: fake ones run here, and a fake service in place of the real one; no account, no network."""

import importlib.util
import sys

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance import conformance
from qgd_core.conformance.cases import postselected
from qgd_core.errors import ConfigError, PluginError, UnknownBackend, UnsupportedOperation

installed = importlib.util.find_spec("qiskit_ibm_runtime") is not None
needs_runtime = pytest.mark.skipif(not installed, reason="the extra `ibm` is not installed")

test_fake = needs_runtime(
    pytest.mark.slow(conformance("qiskit:fake:guadalupe", options={"noise": False}, shots=2000))
)


def flip(n_qubits=3):
    """X on qubit 0, all measured."""
    builder = CircuitBuilder("flip", n_qubits, n_qubits)
    builder.gate("x", [0])
    builder.measure(range(n_qubits), range(n_qubits))
    return Program(builder.build())


@pytest.mark.parametrize("spec", ["qiskit:fake:manila", "qiskit:ibm:anything"])
def test_without_the_package_the_command_to_install_it_is_named(spec, monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(PluginError, match="not installed") as caught:
        get_backend(spec)
    assert caught.value.remedy == "`pip install 'qgd-backend-qiskit[ibm]'`"


@needs_runtime
def test_a_fake_device_has_errors_and_its_own_gates():
    executable = get_backend("qiskit:fake:manila").compile(flip())
    outcomes = executable.run(2000, seed=1)
    assert 0.8 < outcomes.counts[0b100] / 2000 < 1
    assert executable.run(2000, seed=1) == outcomes
    assert set(executable.fitted.count_ops()) <= {"id", "rz", "sx", "x", "cx", "reset", "measure", "delay"}
    with pytest.raises(UnsupportedOperation, match="statevector"):
        executable.statevector()


@needs_runtime
def test_without_noise_postselected_shots_follow_the_exact_distribution():
    circuit, shots = postselected(3, 2, 1), 4000
    odds = np.abs(simulate(circuit)) ** 2
    outcomes = get_backend("qiskit:fake:manila", noise=False).compile(Program(circuit)).run(shots, seed=2)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(8)])
    assert np.all(np.abs(seen - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1e-9)


@needs_runtime
def test_unknown_names_and_levels_are_refused():
    with pytest.raises(UnknownBackend, match="Did you mean 'manila'"):
        get_backend("qiskit:fake:manilla")
    with pytest.raises(ConfigError, match="0 to 3"):
        get_backend("qiskit:fake:manila", optimization_level=4)
    with pytest.raises(UnsupportedOperation, match="takes 5"):
        get_backend("qiskit:fake:manila").compile(flip(6))


class Service:
    """IBM's service with one device, and what it was asked to run."""

    def __init__(self):
        from qiskit_ibm_runtime.fake_provider import FakeManilaV2

        self.device = FakeManilaV2()
        self.jobs = {}

    def backend(self, name):
        assert name == "somewhere"
        return self.device

    def job(self, identifier):
        return self.jobs[identifier]


@pytest.fixture
def service(monkeypatch):
    from qgd_backend_qiskit import devices, runtime

    fake = Service()
    monkeypatch.setattr(runtime, "open_service", lambda: fake)
    make = devices.sampler

    def recorded(device, seed, **options):
        made = make(device, seed, **options)
        run = made.run

        def sent(*args, **kwargs):
            job = run(*args, **kwargs)
            fake.jobs[job.job_id()] = job
            return job

        made.run = sent
        return made

    monkeypatch.setattr(devices, "sampler", recorded)
    return fake


@needs_runtime
@pytest.mark.parametrize(
    ("limits", "match"),
    [({}, "no limit"), ({"max_shots": 99}, "max_shots=99"), ({"max_cost": 1e-4}, "max_cost=0.0001")],
)
def test_a_real_device_sends_nothing_without_a_limit_or_past_one(service, limits, match, capsys):
    executable = get_backend("qiskit:ibm:somewhere", **limits).compile(flip())
    with pytest.raises(ConfigError, match=match):
        executable.run(100, seed=1)
    assert not service.jobs
    assert "US dollars (1.6 a second assumed on " in capsys.readouterr().err


@needs_runtime
def test_a_real_device_runs_within_its_limits_and_a_lost_job_is_resumed(service, capsys):
    options = {"max_shots": 100, "max_cost": 1.0, "price_per_second": 2.0}
    executable = get_backend("qiskit:ibm:somewhere", **options).compile(flip())
    outcomes = executable.run(100, seed=1)
    [identifier] = service.jobs
    printed = capsys.readouterr().err
    seconds = 100 * (executable.fitted.estimate_duration(service.device.target) + 250e-6)
    assert f"estimated at {2 * seconds:.2f} US dollars (2.0 a second as given)" in printed
    assert printed.index("estimated") < printed.index(f"sent as job {identifier}")
    again = get_backend("qiskit:ibm:somewhere", resume=identifier).compile(flip())
    assert again.run(100) == outcomes
    assert len(service.jobs) == 1
    with pytest.raises(UnsupportedOperation, match="holds 100 shots"):
        again.run(50)


@needs_runtime
def test_a_service_that_does_not_open_says_how_to_save_an_account_and_repeats_no_secret(monkeypatch):
    import qiskit_ibm_runtime

    def refuse(*args, **kwargs):
        raise ValueError("token abc123 is invalid")

    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", refuse)
    with pytest.raises(ConfigError, match="did not open") as caught:
        get_backend("qiskit:ibm:somewhere")
    assert "abc123" not in str(caught.value)
    assert "save_account" in caught.value.remedy
