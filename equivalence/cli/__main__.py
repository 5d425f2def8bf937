"""`python -m equivalence.cli`: the command, where it is not installed."""

from equivalence.cli import main

if __name__ == "__main__":
    main()
