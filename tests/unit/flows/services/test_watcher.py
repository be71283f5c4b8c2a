import os
from pathlib import Path

from flows.services.watcher import REPEAT_S, Announced
from tasks.arriving.incoming import Item, complete_items
from thawline.workspace import Workspace


def test_each_file_is_announced_once_as_it_looks(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.incoming.mkdir(parents=True)
    announced = Announced()
    path = workspace.incoming / "a.csv"

    def announce() -> list[str]:
        return [item.path.name for item in announced.choose(complete_items(workspace, settle_s=0), 0)]

    assert announce() == []
    path.write_text("x")
    assert announce() == ["a.csv"]
    assert announce() == []
    (workspace.incoming / "b.csv.part").write_text("x")
    assert announce() == []
    path.write_text("xy")
    os.utime(path, (1, 1))
    assert announce() == ["a.csv"]
    path.unlink()
    assert announce() == []
    path.write_text("xy")
    os.utime(path, (1, 1))
    assert announce() == ["a.csv"]


def test_what_stays_is_announced_again_ever_more_seldom(tmp_path: Path) -> None:
    announced, item = Announced(), Item(tmp_path / "a.csv", ())
    times = [second for second in range(0, 600, 10) if announced.choose([item], float(second))]
    assert REPEAT_S == 60
    assert times == [0, 60, 180, 420]
