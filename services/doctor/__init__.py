"""The examination of a deployment: what is right, what is not, and what to do about it."""
