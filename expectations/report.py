"""The outcome of a validation: what was checked, what failed, by how much, and where. Needs no Great Expectations."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["critical", "warning"]
Value = float | int | str | None
NUM_EXAMPLES = 100
"""Rows that a check names, unless somebody asks for more of them."""


class Record(BaseModel):
    """A frozen part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(Record):
    """A row that breaks an expectation."""

    source: str = Field(description="File it came from.")
    row: int = Field(description="Row in that file, from 0, the header not counted.")
    label: str | None = Field(description="Its label.")
    excerpt: str = Field(description="Beginning of its content.")

    def __str__(self) -> str:
        """Return where the row is and what it says, on one line."""
        return f"{self.source} row {self.row} ({self.label!r}): {self.excerpt[:60]}"


class Check(Record):
    """One expectation and how it went."""

    name: str = Field(description="Expectation, as Great Expectations calls it.")
    column: str | None = Field(description="Column it is about; none for the whole table.")
    severity: Severity = Field(description="'critical' stops the line, 'warning' is reported.")
    passed: bool
    value: Value = Field(description="What was found.")
    limit: Value = Field(description="What was allowed.")
    message: str = Field(description="Value, limit and, where it failed, the remedy.")
    num_unexpected: int = Field(description="Rows that break it; 0 where rows can't be named.")
    examples: tuple[Example, ...] = Field(description="Some of these rows.")

    def explain(self, num_examples: int = 3) -> str:
        """Return the message with the first examples."""
        named = "; ".join(str(example) for example in self.examples[:num_examples])
        more = f" and {self.num_unexpected - num_examples} more" if self.num_unexpected > num_examples else ""
        return f"{self.message} Rows: {named}{more}." if named else self.message


class LeftOut(Record):
    """An expectation of the suite that was not looked at."""

    name: str = Field(description="Expectation, as Great Expectations calls it.")
    reason: str = Field(description="Why, and what would change it.")


class ValidationReport(Record):
    """Every check of one suite on one set of rows."""

    title: str = Field(description="What was validated.")
    suite: str = Field(description="Name of the suite.")
    num_rows: int
    rows_per_class: dict[str, int] = Field(description="Rows of each label, the most frequent first.")
    sources: tuple[str, ...] = Field(description="Files that the rows came from.")
    checks: tuple[Check, ...]
    left_out: tuple[LeftOut, ...] = Field((), description="What was not looked at, and why.")
    engine: Literal["pandas", "spark"] = Field("pandas", description="What ran the checks.")

    def shortened(self) -> "ValidationReport":
        """Return the report for a reader: each check names at most NUM_EXAMPLES rows."""
        checks = [check.model_copy(update={"examples": check.examples[:NUM_EXAMPLES]}) for check in self.checks]
        return self.model_copy(update={"checks": tuple(checks)})

    @property
    def passed(self) -> bool:
        """Say whether the data may go on: no critical check failed."""
        return not self.critical_failures

    @property
    def critical_failures(self) -> list[Check]:
        """Failed checks that stop the line."""
        return [check for check in self.checks if not check.passed and check.severity == "critical"]

    @property
    def warnings(self) -> list[Check]:
        """Failed checks that are only reported."""
        return [check for check in self.checks if not check.passed and check.severity == "warning"]
