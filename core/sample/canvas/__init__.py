"""Pixels, light and texture."""
