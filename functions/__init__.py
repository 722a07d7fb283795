"""
One folder per chain, one file per function: the file, the entry point, the catalog key and the
log field carry the same name. Each file opens with a card: On / Does / Emits / Safe twice
because / Gives up when.
"""

from __future__ import annotations
