"""The real AwsSession over botocore's Stubber: requests as AWS's own model wants them, and its errors; no network."""

import datetime
import io
import json
import logging

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from braket.aws import AwsSession
from braket.default_simulator import StateVectorSimulator
from braket.ir.openqasm import Program as OpenQASM

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.program import Program
from qgd_core.errors import ResultMissing

ARN = "arn:aws:braket:us-east-1:123456789012:quantum-task/one"
SV1 = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
SECRET = "a-secret-that-nobody-may-see"
LIMITS = {"s3": "bucket/folder", "max_shots": 1000, "poll_seconds": 0.01}


class Service:
    """Stubs of the clients of one AwsSession; what is queued is answered in that order, anything else fails."""

    def __init__(self):
        keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": SECRET}
        boto = boto3.Session(region_name="us-east-1", **keys)
        client, s3 = boto.client("braket"), boto.resource("s3")
        self.braket, self.s3 = Stubber(client), Stubber(s3.meta.client)
        self.session = AwsSession(boto_session=boto, braket_client=client)
        boto.resource = lambda *names, **options: s3

    def takes(self):
        wanted = {"deviceArn": SV1, "shots": 100, "outputS3Bucket": "bucket", "outputS3KeyPrefix": "folder"}
        self.braket.add_response("create_quantum_task", {"quantumTaskArn": ARN}, {**wanted, "action": ANY})

    def says(self, status):
        answer = {
            "quantumTaskArn": ARN,
            "status": status,
            "deviceArn": SV1,
            "deviceParameters": "{}",
            "shots": 100,
            "outputS3Bucket": "bucket",
            "outputS3Directory": "folder/one",
            "createdAt": datetime.datetime(2026, 11, 22),
        }
        asked = {"quantumTaskArn": ARN, "additionalAttributeNames": ["QueueInfo"]}
        self.braket.add_response("get_quantum_task", answer, asked)

    def fails(self, method, code, stub=None):
        (stub or self.braket).add_client_error(method, code, f"the key {SECRET} was not taken")

    def holds(self, source):
        result = StateVectorSimulator().run(OpenQASM(source=source), shots=100)
        result.taskMetadata.id = ARN
        text = result.json().encode()
        body = {"Body": StreamingBody(io.BytesIO(text), len(text))}
        self.s3.add_response("get_object", body, {"Bucket": "bucket", "Key": "folder/one/results.json"})


@pytest.fixture
def service(monkeypatch):
    from qgd_backend_braket import cloud

    made = Service()
    monkeypatch.setattr(cloud, "open_session", lambda: made.session)
    with made.braket, made.s3:
        yield made
    made.braket.assert_no_pending_responses()
    made.s3.assert_no_pending_responses()


def flip():
    builder = CircuitBuilder("flip", 3, 3)
    builder.gate("x", [0])
    builder.measure([0, 1, 2], [1, 0, 2])
    return Program(builder.build())


def refusal(action):
    """The error of an action, in which no credential stands, neither in the words nor in what caused it."""
    with pytest.raises(ResultMissing) as caught:
        action()
    assert SECRET not in f"{caught.value.message} {caught.value.remedy} {caught.value.subject}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


def test_a_task_is_sent_waited_for_and_read_from_s3(service, capsys):
    executable = get_backend("braket:sv1", **LIMITS).compile(flip())
    service.takes()
    for status in ("QUEUED", "RUNNING", "COMPLETED", "COMPLETED"):
        service.says(status)
    service.holds(executable.source)
    assert executable.run(100).counts == {0b010: 100}
    assert SECRET not in "".join(capsys.readouterr())


@pytest.mark.parametrize("code", ["ExpiredTokenException", "AccessDeniedException", "ThrottlingException"])
def test_a_task_that_is_not_taken_says_why_and_that_nothing_was_sent(service, code):
    service.fails("create_quantum_task", code)
    error = refusal(lambda: get_backend("braket:sv1", **LIMITS).compile(flip()).run(100))
    assert error.message == f"braket:sv1 failed: {code}."
    assert "Nothing was sent" in error.remedy


def test_credentials_that_expire_are_survived_by_resuming(service):
    executable = get_backend("braket:sv1", **LIMITS).compile(flip())
    service.takes()
    service.says("RUNNING")
    service.fails("get_quantum_task", "ExpiredTokenException")
    error = refusal(lambda: executable.run(100))
    assert "ExpiredTokenException" in error.message
    assert f"resume='{ARN}'" in error.remedy
    again = get_backend("braket:sv1", resume=ARN).compile(flip())
    service.says("COMPLETED")
    service.fails("get_object", "ExpiredToken", service.s3)
    error = refusal(lambda: again.run(100))
    assert "ExpiredToken" in error.message
    assert f"resume='{ARN}'" in error.remedy
    for _ in range(2):
        service.says("COMPLETED")
    service.holds(executable.source)
    assert again.run(100).counts == {0b010: 100}


def test_a_throttled_wait_goes_on_by_itself_and_no_log_repeats_its_text(service, caplog):
    caplog.set_level("INFO")
    executable = get_backend("braket:sv1", **LIMITS).compile(flip())
    service.takes()
    service.fails("get_quantum_task", "ThrottlingException")
    for _ in range(2):
        service.says("COMPLETED")
    service.holds(executable.source)
    assert executable.run(100).counts == {0b010: 100}
    assert SECRET not in caplog.text


def test_a_call_given_up_on_leaves_no_text_of_its_error_in_a_log(service, caplog):
    caplog.set_level("INFO")
    service.takes()
    service.fails("get_quantum_task", "AccessDeniedException")
    refusal(lambda: get_backend("braket:sv1", **LIMITS).compile(flip()).run(100))
    assert SECRET not in caplog.text
    logging.getLogger("backoff").error("heard again afterwards")
    assert "heard again" in caplog.text


def test_a_set_of_which_a_part_was_sent_is_named(service):
    service.braket.add_response(
        "get_device",
        {
            "deviceArn": SV1,
            "deviceName": "SV1",
            "providerName": "Amazon Braket",
            "deviceType": "SIMULATOR",
            "deviceStatus": "ONLINE",
            "deviceCapabilities": json.dumps({"action": {}}),
        },
        {"deviceArn": SV1},
    )
    service.takes()
    service.fails("create_quantum_task", "ServiceQuotaExceededException")
    backend = get_backend("braket:sv1", **LIMITS)
    error = refusal(lambda: backend.run_all([backend.compile(flip()) for _ in range(2)], 100))
    assert "ServiceQuotaExceededException" in error.message
    assert error.remedy.startswith(f"Only {ARN} of 2 tasks were sent")
