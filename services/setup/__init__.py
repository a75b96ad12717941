"""The command side of what an operator sets up: partners, keys, catalogs, subscriptions; small streams all."""
