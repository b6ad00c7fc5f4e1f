"""Braket's service against a session that runs each task on the local simulator; no account, no network."""

import importlib.util
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.conformance.runner import run
from qgd_core.errors import ConfigError, PluginError, ResultMissing, UnsupportedOperation

installed = importlib.util.find_spec("boto3") is not None
needs_sdk = pytest.mark.skipif(not installed, reason="the extra `cloud` is not installed")
RECORDED = runpy.run_path(str(Path(__file__).with_name("recorded.py"))) if installed else {"DEVICE": "none"}
LIMITS = {"s3": "bucket/folder", "max_shots": 50_000, "poll_seconds": 0.01}


@pytest.fixture
def session(monkeypatch):
    """A mocked AwsSession in the place of the user's."""
    from qgd_backend_braket import cloud

    fake = RECORDED["make_session"]()
    monkeypatch.setattr(cloud, "open_session", lambda: fake)
    return fake


def flip():
    builder = CircuitBuilder("flip", 3, 3)
    builder.gate("x", [0])
    builder.measure([0, 1, 2], [1, 0, 2])
    return Program(builder.build())


@pytest.mark.parametrize("target", ["sv1", "tn1", "device:arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1"])
def test_without_the_sdk_the_command_to_install_it_is_named(target, monkeypatch):
    monkeypatch.setitem(sys.modules, "braket.aws", None)
    with pytest.raises(PluginError, match="not installed") as caught:
        get_backend(f"braket:{target}")
    assert caught.value.remedy == "`pip install 'qgd-backend-braket[cloud]'`"


@needs_sdk
@pytest.mark.parametrize(
    ("limits", "match"),
    [
        ({}, "no limit"),
        ({"max_shots": 99}, "max_shots=99"),
        ({"max_cost": 1.0}, "max_cost=1.0"),
        ({"s3": ""}, "s3"),
    ],
)
def test_nothing_is_sent_without_a_limit_past_one_or_without_a_place(session, limits, match):
    backend = get_backend("braket:device:arn:x", **{"s3": "bucket/folder", **limits})
    with pytest.raises(ConfigError, match=match):
        backend.compile(flip()).run(100)
    assert not session.sent


@needs_sdk
@pytest.mark.parametrize(
    ("target", "arn", "price"),
    [
        ("sv1", "arn:aws:braket:::device/quantum-simulator/amazon/sv1", 3 / 60 * 0.075),
        ("tn1", "arn:aws:braket:::device/quantum-simulator/amazon/tn1", 3 / 60 * 0.275),
        ("device:arn:x", "arn:x", 0.3 + 100 * 0.08),
    ],
)
def test_a_run_says_its_price_first_and_a_lost_task_is_resumed(session, capsys, target, arn, price):
    outcomes = get_backend(f"braket:{target}", **LIMITS).compile(flip()).run(100)
    assert outcomes.counts == {0b010: 100}
    [(task, request)] = session.sent.items()
    assert (request["deviceArn"], request["shots"]) == (arn, 100)
    assert (request["outputS3Bucket"], request["outputS3KeyPrefix"]) == ("bucket", "folder")
    printed = capsys.readouterr().err
    assert printed.index(f"estimated at {price:.2f} US dollars") < printed.index(f"sent as task {task}")
    again = get_backend(f"braket:{target}", resume=task).compile(flip())
    assert again.run(100) == outcomes
    assert len(session.sent) == 1
    with pytest.raises(UnsupportedOperation, match="holds 100 shots"):
        again.run(50)


@needs_sdk
@pytest.mark.parametrize(
    "circuit", [measured(random_circuit(4, 20, 1), [2, 0, 3, 1]), postselected(3, 2, 1)], ids=str
)
def test_shots_follow_the_exact_distribution(session, circuit):
    from qgd_core.backends.bits import restrict

    odds = np.abs(restrict(simulate(circuit), circuit)) ** 2
    outcomes = get_backend("braket:sv1", **LIMITS).compile(Program(circuit)).run(5000)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(odds.size)])
    assert np.all(np.abs(seen - 5000 * odds) < 5 * np.sqrt(5000 * odds * (1 - odds)) + 1)


def turned(angle):
    """One qubit that reads 1 with odds sin(angle/2)**2, and one that always does."""
    builder = CircuitBuilder(f"turned by {angle}", 2, 2)
    builder.gate("ry", [0], [angle])
    builder.gate("x", [1])
    builder.measure([0, 1], [0, 1])
    return Program(builder.build())


ANGLES = [0.4, 1.1, 1.9, 2.6, 3.1]


@needs_sdk
@pytest.mark.parametrize(
    ("takes_sets", "shots", "sizes"),
    [(True, 2000, [3, 2]), (True, 15_000, [2, 2, 1]), (False, 2000, [1] * 5)],
)
def test_several_programs_share_tasks_as_far_as_the_device_takes_them(session, takes_sets, shots, sizes):
    session.takes_sets = takes_sets
    backend = get_backend("braket:device:arn:x", **LIMITS | {"max_shots": 100_000})
    together = backend.run_all([backend.compile(turned(angle)) for angle in ANGLES], shots)
    actions = [json.loads(request["action"]) for request in session.sent.values()]
    assert [len(action.get("programs", [action])) for action in actions] == sizes
    assert [request["shots"] for request in session.sent.values()] == [shots * size for size in sizes]
    assert [request["outputS3Bucket"] for request in session.sent.values()] == ["bucket"] * len(sizes)
    for angle, outcomes in zip(ANGLES, together, strict=True):
        odds = np.sin(angle / 2) ** 2
        assert outcomes.shots == outcomes.accepted == shots
        assert abs(outcomes.counts.get(0b11, 0) - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1


@needs_sdk
def test_several_programs_are_priced_and_limited_together_and_resumed_by_their_arns(session, capsys):
    backend = get_backend("braket:device:arn:x", **LIMITS)
    programs = [backend.compile(turned(angle)) for angle in ANGLES]
    together = backend.run_all(programs, 100)
    printed = capsys.readouterr().err
    assert f"500 shots, estimated at {2 * 0.3 + 500 * 0.08:.2f} US dollars" in printed
    assert "assumed on" in printed
    arns = ",".join(session.sent)
    assert all(f"sent as task {arn}" in printed for arn in session.sent)
    again = get_backend("braket:device:arn:x", resume=arns)
    assert again.run_all([again.compile(turned(angle)) for angle in ANGLES], 100) == together
    assert len(session.sent) == 2
    with pytest.raises(ConfigError, match="names 2 tasks"):
        again.run_all([again.compile(turned(0.4))], 100)
    with pytest.raises(UnsupportedOperation, match="holds 100 shots"):
        again.run_all([again.compile(turned(angle)) for angle in ANGLES], 50)
    tight = get_backend("braket:device:arn:x", **LIMITS | {"max_shots": 400})
    programs_there = [tight.compile(turned(angle)) for angle in ANGLES]
    with pytest.raises(ConfigError, match="max_shots=400"):
        tight.run_all(programs_there, 100)
    with pytest.raises(ConfigError, match="not compiled by this"):
        again.run_all(programs, 100)
    assert len(session.sent) == 2


@needs_sdk
def test_given_prices_replace_the_assumed_ones(session, capsys):
    given = {"price_per_task": 1.0, "price_per_shot": 0.01}
    get_backend("braket:device:arn:x", **LIMITS, **given).compile(flip()).run(100)
    printed = capsys.readouterr().err
    assert "estimated at 2.00 US dollars (per task and shot as given)" in printed


@needs_sdk
def test_a_device_is_asked_for_its_gates_qubits_and_price(session, capsys):
    backend = get_backend(f"braket:{RECORDED['DEVICE']}", **LIMITS)
    assert backend.capabilities.max_qubits == RECORDED["QUBITS"]
    assert "phase" not in backend.capabilities.native
    builder = CircuitBuilder("phase", 1, 1)
    builder.gate("h", [0])
    builder.gate("phase", [0], [np.pi])
    builder.gate("h", [0])
    builder.measure([0], [0])
    assert backend.compile(Program(builder.build())).run(50).counts == {1: 50}
    printed = capsys.readouterr().err
    assert f"{0.3 + 50 * RECORDED['COST']['price']:.2f} US dollars" in printed
    assert "per shot as the device states" in printed


@needs_sdk
def test_a_device_without_gates_is_refused(session):
    session.get_device.side_effect = lambda arn: {
        "deviceCapabilities": '{"action": {"braket.ir.ahs.program": {}}}'
    }
    with pytest.raises(UnsupportedOperation, match="takes no OpenQASM"):
        get_backend("braket:device:arn:x")


@pytest.mark.parametrize(
    ("given", "stated", "price", "words"),
    [
        ({"task": 1.0}, {"shot": 0.02}, (1.0, 0.02, 0.0), "per task as given; per shot as the device states"),
        ({}, {"minute": 0.1}, (0.0, 0.0, 0.1), "per minute as the device states"),
        ({}, {}, (0.3, 0.08, 0.0), "per task and shot assumed on "),
        ({"task": 0.0, "shot": 0.0}, {}, (0.0, 0.0, 0.0), "free as given"),
    ],
)
def test_each_price_is_the_users_or_the_devices_or_assumed_and_says_which(given, stated, price, words):
    from qgd_backend_braket.prices import look_up

    found = look_up("device:arn:x", {"task": None, "shot": None, "minute": None, **given}, stated)
    assert (found.task, found.shot, found.minute) == price
    assert found.basis.startswith(words)


@needs_sdk
@pytest.mark.slow
@pytest.mark.parametrize("target", ["sv1", "tn1", RECORDED["DEVICE"]])
def test_the_conformance_suite_passes_but_for_the_seed(session, target):
    """Few shots: what differs from the local simulator is the way there and back."""
    gaps = {"seed_repeats": "the service takes no seed"}
    sheet = run(f"braket:{target}", options=LIMITS | {"max_shots": 100_000}, shots=500, gaps=gaps)
    assert sheet.passed, sheet.to_table()
    assert sheet.count("passed") > 50


@needs_sdk
@pytest.mark.filterwarnings("ignore")
def test_a_failed_task_says_so_and_how_to_ask_again(session):
    session.status = "FAILED"
    with pytest.raises(ResultMissing, match="no result") as caught:
        get_backend("braket:sv1", **LIMITS).compile(flip()).run(100)
    assert "resume=" in caught.value.remedy


@needs_sdk
def test_an_interrupted_wait_cancels_the_task(session, monkeypatch):
    from braket.aws import AwsQuantumTask

    cancelled = []
    monkeypatch.setattr(AwsQuantumTask, "cancel", lambda task: cancelled.append(task.id))

    def interrupt(task):
        raise KeyboardInterrupt

    monkeypatch.setattr(AwsQuantumTask, "result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        get_backend("braket:sv1", **LIMITS).compile(flip()).run(100)
    backend = get_backend("braket:sv1", **LIMITS)
    with pytest.raises(KeyboardInterrupt):
        backend.run_all([backend.compile(turned(angle)) for angle in ANGLES], 100)
    assert len(cancelled) == 3
    assert cancelled == list(session.sent)
