"""Read models: made from the log, and made again from it at any time. A file is a table."""
