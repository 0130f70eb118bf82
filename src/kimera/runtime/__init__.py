"""How it runs: ring, journal, clock, seeds, telemetry. Knows no finance."""
