"""What we own: ledger and performance measures."""

from kimera.portfolio.ledger import Account, Ledger, currency, unit_value
from kimera.portfolio.performance import (
    YEAR_NS,
    calmar_ratio,
    drawdown,
    longest_drawdown_ns,
    max_drawdown,
    sharpe_ratio,
    sortino_ratio,
)

__all__ = [
    "YEAR_NS",
    "Account",
    "Ledger",
    "calmar_ratio",
    "currency",
    "drawdown",
    "longest_drawdown_ns",
    "max_drawdown",
    "sharpe_ratio",
    "sortino_ratio",
    "unit_value",
]
