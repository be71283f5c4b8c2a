"""The collector of a process of our own looks seldom, and takes nothing apart at the end."""

import subprocess
import sys


def test_all_that_is_registered_for_the_end_still_happens() -> None:
    program = (
        "import atexit, gc\nfrom thawline.system.garbage_collection import YOUNG_OBJECTS, collect_seldom\n"
        "atexit.register(lambda: print('last', gc.get_freeze_count() > 1000))\n"
        "collect_seldom()\natexit.register(lambda: print('first'))\nprint(gc.get_threshold()[0] == YOUNG_OBJECTS)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "first", "last True"]
