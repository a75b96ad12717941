"""The command side that api and issuer share: load, decide, save, and again where another was faster."""
