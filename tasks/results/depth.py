"""The depths that a scout tried, and the one that pays."""

from tasks.results import Result


class Rung(Result):
    """One depth that a scout tried: layer groups unfrozen below the head, and how its rows were judged.

    `loss` is the Brier score (0 to 2) at its best temperature, or a squared error, `gain` what it is below that of the
    head alone, `error` the standard error of that; `score` is the one that decides. `seconds` is what training all
    folds and the final fit so deep would take here.
    """

    depth: int
    loss: float
    gain: float
    error: float
    score: float
    seconds: float


class Scouted(Result):
    """How deep to fine-tune: `depth` layer groups below the head, by what `rungs` showed, that of the head first.

    `title` and `off` are what people call score and loss. `too_long` has, by depth, the seconds that a rung would take
    which was left for that reason.
    """

    rungs: list[Rung]
    depth: int
    too_long: dict[int, float] = {}
    num_fitted: int
    num_judged: int
    seconds: float
    title: str = "macro-F1"
    off: str = "Brier score"

    def lines(self) -> list[str]:
        """Return what was found in lines: a depth each, and what is done."""
        if not self.rungs:
            return [f"too few rows to find out how deep fine-tuning pays; trained: {tell_depth(self.depth)}"]
        found = [f"how deep fine-tuning pays, on {self.num_judged} rows:"]
        for one in self.rungs:
            gained = f", lower by {one.gain:.4f} ± {one.error:.4f}" if one.depth else ""
            told = f"{self.title} {one.score:.3f}, {self.off} {one.loss:.4f}{gained}"
            found.append(f"  {tell_depth(one.depth)}: {told}")
        for depth, seconds in self.too_long.items():
            found.append(f"  {tell_depth(depth)}: not tried, all folds would take {seconds:.0f} s (train.max_seconds)")
        return [*found, f"trained: {tell_depth(self.depth)}"]


def tell_depth(depth: int) -> str:
    """Return in words what is trained to a depth."""
    return f"{depth} layer group{'s' if depth > 1 else ''} and the head" if depth else "the head alone"
