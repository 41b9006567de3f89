"""What formats of pictures need besides Pillow: told by content, mended, with right colours."""
