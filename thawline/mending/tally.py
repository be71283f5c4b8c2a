"""What people's answers come to in numbers: for the report of a run, and for whoever hands answers over."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from thawline.mending.corrections import Answer, Correction, settle

FLAGGED = "label looks wrong"
"""The reason of a row that the label audit has flagged."""


class Tally(BaseModel):
    """Numbers of contents: `changed` by person, `dropped`, `kept`, `contested`, and `test` among those changed.

    Of the rows that the audit had flagged, people have answered `flags`, and agreed with `agreed`: they gave another
    label, or dropped the row.
    """

    model_config = ConfigDict(frozen=True)

    changed: dict[str, int]
    dropped: int
    kept: int
    contested: int
    test: int
    flags: int
    agreed: int

    def sentence(self) -> str:
        """Say them in words."""
        people = ", ".join(f"{name} {count:,}" for name, count in self.changed.items())
        says = [f"{sum(self.changed.values()):,} labels changed by people" + (f" ({people})" if people else "")]
        says += [f"{self.test:,} of them of test rows"] if self.test else []
        says += [f"{self.dropped:,} rows dropped"] if self.dropped else []
        says += [f"{self.kept:,} labels confirmed"]
        says += [f"{self.contested:,} contested and left as they arrived"] if self.contested else []
        if self.flags:
            says.append(f"people agreed with {self.agreed:,} of {self.flags:,} flags ({self.agreed / self.flags:.0%})")
        return "; ".join(says)


def tally(corrections: Sequence[Correction]) -> Tally:
    """Count what the answers of all people come to; rows of one content, and one answer of several, count once."""
    settled = settle(corrections)
    standing = {answer.row_ids[0]: (answer, people) for answer, people in settled.standing.values()}
    changed = [(answer, people) for answer, people in standing.values() if is_change(answer)]
    flagged = [answer for answer, _ in standing.values() if FLAGGED in answer.reasons]
    return Tally(
        changed=dict(sorted(Counter(", ".join(people) for _, people in changed).items())),
        dropped=sum(answer.answer == "drop" for answer, _ in standing.values()),
        kept=sum(answer.answer == "label" and not is_change(answer) for answer, _ in standing.values()),
        contested=len({answer.row_ids[0] for said in settled.contested.values() for answer in said.values()}),
        test=sum(answer.part == "test" for answer, _ in changed),
        flags=len(flagged),
        agreed=sum(answer.label != answer.given for answer in flagged),
    )


def is_change(answer: Answer) -> bool:
    """Say whether an answer gives another label than that shown."""
    return answer.answer == "label" and answer.label != answer.given
