"""What a work is told: sizes, repeats, sides, and where larger data lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.results import PLACE


@dataclass(frozen=True)
class Options:
    """Chosen on the command line; None means the work's own number.

    Args:
        quick: Reduced sizes, under ten minutes for all works.
        rows: Rows of a work.
        repeats: How often each side runs.
        threads: Of each process.
        folds: Peers train the first so many folds only; their seconds are multiplied, and the tables say so.
        sides: Only these, by name; all if empty.
        garments: Images, as `thawline init --data` takes them.
        flights: A table with the columns of the example's.
        data: Directory of the tournament's data sets that are not shipped.
        sets: Only these of its sets, by name; all if empty.
    """

    quick: bool = False
    rows: int | None = None
    repeats: int = 1
    threads: int = 1
    folds: int | None = None
    sides: tuple[str, ...] = ()
    garments: Path | None = None
    flights: Path | None = None
    data: Path | None = None
    sets: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """Where figures are saved; those of reduced sizes never replace others."""
        return PLACE.with_name("quick") if self.quick else PLACE

    @property
    def for_peers(self) -> dict[str, Any]:
        """What peers are told beside: of reduced sizes are their epochs, steps and seconds, too."""
        return {"num_epochs": 1, "max_steps": 4, "time_limit_s": 10} if self.quick else {}

    @property
    def peer_folds(self) -> int | None:
        """How many folds peers train; None for all."""
        return self.folds or (1 if self.quick else None)

    def wants_set(self, name: str) -> bool:
        """Say whether a data set was asked for."""
        return not self.sets or name in self.sets

    def wants(self, side: str) -> bool:
        """Say whether a side was asked for."""
        return not self.sides or side in self.sides
