"""The role `api`: the HTTP contract."""
