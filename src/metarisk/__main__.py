"""`python -m metarisk` is the command `metarisk`."""

from metarisk.cli import main

main()
