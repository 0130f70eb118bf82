"""What we want: strategies and their registry."""
