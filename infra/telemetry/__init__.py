"""What the service says of itself in figures: cheap instruments, and the text that Prometheus scrapes."""
