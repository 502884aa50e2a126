"""`python -m kulanz` is `kulanz`."""

from kulanz.cli import main

if __name__ == "__main__":
    main()
