"""`python -m controller.cli`: the command line without the installed script."""

from controller.cli import main

main()
