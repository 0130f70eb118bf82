"""What is out there: codecs, tapes, books, venues."""
