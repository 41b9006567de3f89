"""The fruit of each class."""
