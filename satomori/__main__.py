"""`python -m satomori` is the `satomori` command."""

from satomori.cli import main

if __name__ == "__main__":
    main()
