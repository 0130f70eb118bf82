"""Records and enumerations."""



def record_fields() -> list[tuple[str, str, int]]:
    """
    List every field of the record as (name, numpy format, offset in bytes).
    """

def enumerations() -> list[tuple[str, list[tuple[str, int]]]]:
    """List every enumeration of the record as (name, [(member, value)])."""

def build_info() -> tuple[str, str, bool, str]:
    """
    Tell how the native code was compiled: (compiler, instruction set, optimised, sanitizer).
    """

RECORD_BYTES: int = 64
