"""`python -m app.cli` is `kulanz`."""

from app.cli import main

if __name__ == "__main__":
    main()
