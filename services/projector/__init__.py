"""The role that keeps the read models at the end of the log."""
