"""The audit's page is inert, and rows left out are left out."""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.label_audit import LabelAudit, render_issues
from tasks.left_out import name_rows, trained_on
from thawline.context import Context
from thawline.params import Params


def test_the_page_escapes_what_the_data_says() -> None:
    hostile = "<script>alert(1)</script>"
    issues = pd.DataFrame({"source": [hostile], "given": [hostile], "score": [0.01234], "excerpt": [hostile]})
    page = render_issues(issues, LabelAudit(approach=hostile, num_rows=9, num_flagged=1))
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 4
    assert "0.0123" in page


def test_rows_left_out_are_named_by_what_they_are(tmp_path: Path) -> None:
    context = Context(root=tmp_path, params=Params(name="test"), data_version="v", code_version="c")
    name = name_rows(context, np.array([5, 2, 5]))
    assert name == name_rows(context, np.array([2, 5]))
    assert name != name_rows(context, np.array([2]))
    fitted = context.model_copy(update={"left_out": name})
    assert trained_on(fitted, np.arange(7)).tolist() == [0, 1, 3, 4, 6]
    assert fitted.key() != context.key()
    assert name_rows(context, np.array([], dtype=np.int64)) == ""
    assert trained_on(context, np.arange(3)).tolist() == [0, 1, 2]
