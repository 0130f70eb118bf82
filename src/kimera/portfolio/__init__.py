"""What we own: ledger and performance measures."""
