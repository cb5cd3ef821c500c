"""Words, looks and charts that the page, the report and a packed page share."""
