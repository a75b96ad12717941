"""`python -m services`: the same as the console script."""

from services.cli import main

main(prog_name="channel-manager")
