"""What pattern is this: SQL MATCH_RECOGNIZE over streams of events."""

from kimera.cep.expression import Type
from kimera.cep.query import Query, match
from kimera.cep.table import Table, types_of

__all__ = ["Query", "Table", "Type", "match", "types_of"]
