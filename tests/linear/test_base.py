from dataclasses import replace

import pytest

from qgd_core.errors import ConfigError
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem


def test_vectors_that_do_not_fit_are_refused_with_their_size():
    def branch():
        raise MemoryError("Unable to allocate 17.2 GiB")

    plan = replace(plan_qsvt(LinearSystem([[1.0, 0.2], [0.1, 0.8]], [1.0, 0.0]), 0.1), branch=branch)
    with pytest.raises(ConfigError, match=r"qsvt do not fit into memory: Unable to allocate 17\.2 GiB"):
        plan.emulate()
