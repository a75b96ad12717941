"""The event store: one PostgreSQL log in the schema of the eventsourcing library, written in group commits."""
