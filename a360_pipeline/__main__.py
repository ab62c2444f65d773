"""`python -m a360_pipeline`: the `a360` command."""

from a360_pipeline.cli import main

main(prog_name="a360")
