"""The role `webhooks`: what happened to orders, told to who subscribed."""
