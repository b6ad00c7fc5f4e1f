"""Records of a run as the trainer hands them over, with numbers made up so that every entry is different."""

from collections.abc import Callable
from typing import Any

import pytest

STEPS = 5


def window_record(index: int, status: str = "quantum", reason: str = "") -> dict[str, Any]:
    """The record of window `index` (from 1); a refused one has neither resources nor errors."""
    steps = [(index - 1) * STEPS + step for step in range(STEPS + 1)]
    loss = [0.32 + 0.07 * 0.9**step for step in steps]
    read_out = [loss[0], *[None] * (STEPS - 1), loss[-1] + 1e-3]
    ran = status == "quantum"
    return {
        "window": index,
        "status": status,
        "reason": reason,
        "data": "minibatch",
        "r_number": None,
        "log_norm": -0.0123,
        "max_power_norm": 1.0456,
        "centre": {
            "kind": "newton",
            "newton_steps": 1,
            "gradients": 2,
            "hessians": 3,
            "solves": 5,
            "preconditioner_cost": 37.0,
            "seconds": 0.5,
        },
        "resources": {
            "qubits": 14,
            "two_qubit": 1004,
            "rotations": 970,
            "t_estimate": 48_321,
            "success_probability": 0.333,
            "shots": 2_000_000,
        }
        if ran
        else None,
        "budget": {"model": 0.01, "truncation": 0.01, "shots": 0.03, "total": 0.05},
        "errors": {
            "vs_carleman": 8e-3 / index,
            "vs_carleman_budget": 0.03,
            "sampling_rms": 0.0051,
            "sampled": 0.0062,
            "vs_gd": 0.0117 if index != 2 else 0.0617,
            "vs_gd_budget": 0.05,
            "vs_gd_relative_to_weights": 0.0041,
            "exact_vs_gd": 0.0023,
        }
        if ran
        else None,
        "controls": {"centre_alone": 0.27, "affine": 0.016, "carleman": 0.0019, "newton_only": 0.21},
        "move": 0.65,
        "loss": {"quantum": loss[-1] + 1e-3, "classical": loss[-1]},
        "accuracy": {"quantum": 0.925, "classical": 0.93},
        "trajectory": {
            "steps": steps,
            "loss_classical": loss,
            "loss_quantum": read_out,
            "accuracy_classical": [0.93] * (STEPS + 1),
            "accuracy_quantum": [0.92, *[None] * (STEPS - 1), 0.925],
        },
    }


@pytest.fixture
def make_window() -> Callable[..., dict[str, Any]]:
    """Makes the record of one window."""
    return window_record


@pytest.fixture
def summary() -> dict[str, Any]:
    """What the trainer says at the end."""
    return {
        "pruned": {"loss": 0.3901, "accuracy": 0.9181},
        "classical": {"loss": 0.3192, "accuracy": 0.9302},
        "quantum": {"loss": 0.3193, "accuracy": 0.9303},
    }
