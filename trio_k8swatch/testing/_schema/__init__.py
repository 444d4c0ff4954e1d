"""What the API's own schema says of built-in kinds: fields, types, defaults, and which list items belong together."""

from .decoding import Decoded, Undecodable, decoded, filled
from .defaults import defaulted
from .scalars import zero
from .table import Field, fields_of, is_atomic, type_of

__all__ = [
    "Decoded",
    "Field",
    "Undecodable",
    "decoded",
    "defaulted",
    "fields_of",
    "filled",
    "is_atomic",
    "type_of",
    "zero",
]
