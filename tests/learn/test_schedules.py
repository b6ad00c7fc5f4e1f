import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.schedules import SCHEDULES, make_schedule

TORCH = {
    "constant": lambda sgd: torch.optim.lr_scheduler.ConstantLR(sgd, factor=1.0),
    "cosine": lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=12),
    "exponential": lambda sgd: torch.optim.lr_scheduler.ExponentialLR(sgd, gamma=0.9),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_torchs(name):
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    scheduler = TORCH[name](sgd)
    factor = make_schedule(name, 12, 0.9) or (lambda step: 1.0)
    for step in range(12):
        assert 0.5 * factor(step) == pytest.approx(sgd.param_groups[0]["lr"], rel=0, abs=1e-14)
        sgd.step()
        scheduler.step()


def test_an_unknown_schedule_is_named():
    with pytest.raises(ConfigError, match="cosin"):
        make_schedule("cosin", 10)
