"""The page on which a person answers for labels: one file that works by itself, also without a server.

Its rows are data, never markup: they stand in it as JSON in which no `<` is left, and its one script, which a policy
names by its hash, writes them as text.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from thawline.page.render import TEMPLATES, open_templates

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}'"


def render_review(*, name: str, review: str, labels: Sequence[str], rows: Sequence[dict[str, Any]], note: str) -> str:
    """Return the page.

    Args:
        name: Of the classifier.
        review: Name under which the browser keeps what has been answered; the same rows have the same.
        labels: All there are; the first nine have keys where there are no more.
        rows: As `review.js` shows them.
        note: What the reader must know of these rows; '' for nothing.
    """
    script = (TEMPLATES / "review.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = json.dumps({"review": review, "labels": list(labels), "rows": list(rows)}, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    template = open_templates(TEMPLATES).get_template("review.html.j2")
    return template.render(
        name=name,
        note=note,
        num_rows=len(rows),
        policy=POLICY.format(digest),
        data=Markup(data),  # noqa: S704 - no sign in it that HTML knows
        script=Markup(script),  # noqa: S704 - our own
    )
