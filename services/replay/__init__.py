"""The log folded from its beginning, against what is kept beside it."""
