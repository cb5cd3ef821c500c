"""What people look at: the talk's row, contact sheets, curves, and the report."""
