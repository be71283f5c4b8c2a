"""One param changed where the line ran before gives what it gives where nothing ran: the dearest cases.

`python -m tests.faults.change_params` tries all params, by whole runs or by steps.
"""

from pathlib import Path

import pytest

from tests.line_by_steps import Line, differences, make_raw
from tests.other_values import other_value, value_of, with_value
from tests.tiny_spaces import tiny_params
from thawline.params.file import parse_params


@pytest.mark.parametrize(("modality", "param"), [("image", "model.image_size")])
def test_a_param_changed_where_the_line_ran_gives_what_a_new_workspace_gives(
    tmp_path: Path, modality: str, param: str
) -> None:
    values = tiny_params(modality)
    changed = parse_params(with_value(values, param, other_value(values, param)))
    assert value_of(changed, param) != value_of(parse_params(values), param)
    used = Line(make_raw(tmp_path / "used", modality))
    before = used.run(parse_params(values))
    after = used.run(changed)
    assert differences(before, after)
    assert differences(after, Line(make_raw(tmp_path / "new", modality)).run(changed)) == []
