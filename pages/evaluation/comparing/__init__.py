"""Reports beside each other: all in a table, two in a sentence and a chart."""
