"""What is out there: codecs, tapes, books, venues."""

from kimera.market.tape import CODECS, Codec, Tape, open_tape, recognise, write_tape

__all__ = ["CODECS", "Codec", "Tape", "open_tape", "recognise", "write_tape"]
