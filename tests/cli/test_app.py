import pytest


@pytest.mark.parametrize("arguments", [["nonsense"], ["train"], ["train", "job.toml", "--zzz"]])
def test_a_wrong_command_line_exits_with_2(qgd, arguments: list[str]):
    code, _, err = qgd(*arguments)
    assert code == 2
    assert "Traceback" not in err
