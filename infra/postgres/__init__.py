"""PostgreSQL: the embedded server, connections, migrations, leases and positions."""
