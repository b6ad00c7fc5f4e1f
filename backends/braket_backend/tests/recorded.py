"""Braket's service played offline: a session that runs each task on the local simulator and keeps its result."""

import json
import re
from functools import cache, lru_cache
from unittest.mock import Mock, patch

from braket.aws import AwsSession
from braket.default_simulator import StateVectorSimulator
from braket.default_simulator.openqasm import interpreter
from braket.ir.openqasm import Program as OpenQASM
from braket.ir.openqasm import ProgramSet

PROGRAM, SET = "braket.ir.openqasm.program", "braket.ir.openqasm.program_set"
SET_LIMITS = {"maximumExecutables": 3, "maximumTotalShots": 30_000}  # small, so that they are met
DEVICE = "device:arn:aws:braket:us-east-1::device/qpu/somewhere/Trap-1"  # a device that the session plays
GATES = [
    "x",
    "y",
    "z",
    "h",
    "s",
    "si",
    "t",
    "ti",
    "v",
    "vi",
    "rx",
    "ry",
    "rz",
    "cnot",
    "swap",
    "xx",
    "yy",
    "zz",
    "i",
]
QUBITS = 25
COST = {"price": 0.08, "unit": "shot"}
parse_once = lru_cache(64)(interpreter.parse)  # the local simulator reads the programs of a set twice


def capabilities(takes_sets=True):
    """What a device of the service says of itself: as IonQ's, it has no phase gate."""
    program = {"actionType": PROGRAM, "version": ["1.0"], "supportedOperations": GATES}
    return {
        "action": {PROGRAM: program, **({SET: SET_LIMITS} if takes_sets else {})},
        "paradigm": {"qubitCount": QUBITS},
        "service": {"deviceCost": COST},
    }


def make_session():
    """A mocked AwsSession that answers as the service does; `sent` holds what was asked of it."""
    fake = Mock(spec=AwsSession)
    fake.sent, fake.status, fake.takes_sets = {}, "COMPLETED", True
    fake.get_device.side_effect = lambda arn: {
        "deviceCapabilities": json.dumps(capabilities(fake.takes_sets))
    }

    def create(**request):
        if "/quantum-simulator/" not in request["deviceArn"]:
            used = set(re.findall(r"\\n(\w+)[^;]* q\[", request["action"])) - {"qubit"}
            assert used <= set(GATES), f"the device does not take {used - set(GATES)}"
        arn = f"arn:aws:braket:us-east-1:1:quantum-task/{len(fake.sent)}"
        fake.sent[arn] = request
        return arn

    def get(arn):
        request = fake.sent[arn]
        return {
            "quantumTaskArn": arn,
            "status": fake.status,
            "failureReason": "a reason",
            "actionMetadata": {"actionType": SET if "programs" in request["action"] else PROGRAM},
            "outputS3Bucket": request["outputS3Bucket"],
            "outputS3Directory": f"{request['outputS3KeyPrefix']}/{arn.rpartition('/')[2]}",
        }

    @cache
    def retrieve(bucket, path):  # a result is drawn once and then stays, as in S3
        request = list(fake.sent.values())[int(path.split("/")[-2])]
        action = json.loads(request["action"])
        if "programs" in action:
            program = ProgramSet(programs=[OpenQASM(source=one["source"]) for one in action["programs"]])
        else:
            program = OpenQASM(source=action["source"])
        with patch.object(interpreter, "parse", parse_once):
            result = StateVectorSimulator().run(program, shots=request["shots"])
        result.taskMetadata.id = "task"
        return result.json()

    fake.create_quantum_task.side_effect = create
    fake.get_quantum_task.side_effect = get
    fake.retrieve_s3_object_body.side_effect = retrieve
    return fake
