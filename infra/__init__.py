"""What talks to the outside, and what runs it: the event store, PostgreSQL, feeds, logs, the clock."""
