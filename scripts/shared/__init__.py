"""What scripts share: how they speak at the terminal, and how they ask a running dashboard."""
