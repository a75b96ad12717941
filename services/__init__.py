"""What runs: one folder a role, as in `serve --roles`, and what they share."""
