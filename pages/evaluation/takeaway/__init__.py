"""What of a report can be taken along: as files, and as one page of HTML."""
