"""Correcting pictures from wherever they are shown: what is done, the way back, what is asked."""
