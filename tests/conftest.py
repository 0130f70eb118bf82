"""What every test may use: where the recorded market data are."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Folder of the recorded tapes: ``KIMERA_DATA``, or ``../shared/data`` beside the checkout."""
    root = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("KIMERA_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"recorded market data are not at {folder} (set KIMERA_DATA)")
    return folder
