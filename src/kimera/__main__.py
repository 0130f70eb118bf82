"""Run the command line by ``python -m kimera``."""

from kimera.desk.cli import entry

entry()
