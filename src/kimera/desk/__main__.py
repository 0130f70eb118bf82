"""Run the command line by ``python -m kimera.desk``."""

from kimera.desk.cli import entry

entry()
