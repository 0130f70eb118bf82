"""Pack plotly.js from the package plotly for the report: ``pack_plotly.py FOLDER``.

Run by CMake. The packed bytes depend on the library only (no time stamp), so builds agree.
"""

import gzip
import sys
from importlib import util
from pathlib import Path


def main() -> int:
    """Write FOLDER/plotly.min.js.gz."""
    found = util.find_spec("plotly")
    if found is None or found.origin is None:
        print("pack_plotly: the package plotly is needed to build", file=sys.stderr)
        return 1
    library = Path(found.origin).parent / "package_data" / "plotly.min.js"
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(library.read_bytes(), compresslevel=9, mtime=0)
    target = folder / "plotly.min.js.gz"
    if not target.exists() or target.read_bytes() != packed:
        target.write_bytes(packed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
