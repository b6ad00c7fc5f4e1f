"""What the combination of unitary flows by masks refuses: by name, with the nearest error and the way out."""

import dataclasses

import numpy as np
import pytest

from qgd_core.budget import rounded_up
from qgd_core.carleman.system import carleman
from qgd_core.errors import ConfigError, NotDissipative, PrecisionUnreachable
from qgd_core.ode import mask_lchs
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.mask_lchs import has_step, plan_mask_lchs
from qgd_core.planner.choose import plan


def test_recurrences_that_do_not_say_what_they_are_go_elsewhere():
    plain = LinearRecurrence([[0.5]], None, [1.0], 3)
    assert not has_step(plain)
    with pytest.raises(PrecisionUnreachable, match="No flow is known"):
        plan_mask_lchs(plain, 0.1)
    assert plan(plain, 0.1).solver == "marching"


def test_a_different_map_a_step_is_refused_with_the_way_out(descents):
    problem = descents["two"]
    several = dataclasses.replace(problem.structure, maps=problem.structure.maps * 2)
    varying = LinearRecurrence(
        problem.matrices[0], problem.sources[0], problem.z0, problem.steps, structure=several
    )
    with pytest.raises(PrecisionUnreachable, match="March") as caught:
        plan_mask_lchs(varying, 0.1)
    assert "different map" in str(caught.value)


def test_a_step_that_overshoots_has_no_flow(descents):
    problem = descents["two"]
    (one,) = problem.structure.maps
    wild = dataclasses.replace(one, multipliers=np.array([0.5, -0.2]))
    structure = dataclasses.replace(problem.structure, maps=(wild,))
    matrix = carleman(wild.field(1.0), 2, step=1.0).matrix
    with pytest.raises(NotDissipative, match="overshoots"):
        plan_mask_lchs(LinearRecurrence(matrix, None, problem.z0, 6, structure=structure), 0.1)


@pytest.mark.parametrize(
    "name",
    [
        "source",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("far from the fixed point", "four")),
    ],
)
def test_too_small_an_error_is_refused_with_the_nearest_that_is_reached(name, descents, check_masks):
    problem = descents[name]
    with pytest.raises(PrecisionUnreachable, match="does not reach") as caught:
        plan_mask_lchs(problem, 1e-7)
    nearest = caught.value.value
    assert 1e-7 < nearest < 1e-2
    route = plan_mask_lchs(problem, 1.001 * nearest)
    check_masks(route, problem)
    # What the refusal says it takes is what it takes, and a little less is not reached.
    assert f"{route.resources.two_qubit} two-qubit gates a shot" in str(caught.value)
    with pytest.raises(PrecisionUnreachable):
        plan_mask_lchs(problem, nearest / 1.06)


def test_the_planner_passes_the_nearest_error_on(descents):
    problem = descents["source"]
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(problem, 1e-7, "mask_lchs")
    asked = 1.01 * caught.value.value
    assert f"Ask for {rounded_up(asked):.1e} or more, which takes" in str(caught.value)
    assert plan(problem, asked, "mask_lchs").error_budget.total == pytest.approx(asked)


def test_a_share_that_leaves_nothing_and_rows_that_do_not_fit_are_refused(monkeypatch, descents):
    with pytest.raises(ConfigError, match="leaves nothing"):
        plan_mask_lchs(descents["two"], 0.1, share=1.0)
    monkeypatch.setattr(mask_lchs, "_MOST_NUMBERS", 10)
    with pytest.raises(ConfigError, match="take 0 GiB") as caught:
        plan_mask_lchs(descents["four"], 0.1)
    assert caught.value.value == 4 * 14


def test_more_couplings_than_labels_are_chosen_for_are_refused(monkeypatch, descents):
    monkeypatch.setattr(mask_lchs, "_MOST_KEPT", 4)
    with pytest.raises(PrecisionUnreachable, match="at most 4") as caught:
        plan_mask_lchs(descents["four"], 1e-3)
    assert 1e-3 < caught.value.value < 1.0
    assert plan_mask_lchs(descents["four"], 1.001 * caught.value.value).parameters["coordinates kept"] == 4
