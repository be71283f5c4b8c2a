import os
from pathlib import Path

from flows.watcher import new_items
from tasks.incoming import Item
from thawline.workspace import Workspace


def test_each_file_is_announced_once_as_it_looks(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.incoming.mkdir(parents=True)
    announced: set[Item] = set()
    path = workspace.incoming / "a.csv"

    def announce() -> list[str]:
        return [item.path.name for item in new_items(workspace, announced, settle_s=0)]

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
