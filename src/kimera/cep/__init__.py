"""What pattern is this: SQL MATCH_RECOGNIZE over streams of events."""
