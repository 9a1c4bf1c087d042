"""`python -m handson`."""

from handson.cli import main

main()
