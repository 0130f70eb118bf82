"""Kimera's native code: one sub-module per room."""

from kimera._native import (
    bench as bench,
    cep as cep,
    market as market,
    microstructure as microstructure,
    model as model,
    portfolio as portfolio,
    runtime as runtime,
    strategy as strategy,
    system as system
)
