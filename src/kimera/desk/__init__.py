"""What people see: command line, terminal view, report, benchmarks."""
