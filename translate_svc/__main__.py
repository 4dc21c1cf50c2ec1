"""``python -m translate_svc``: the same as the command ``translate-svc``."""

from translate_svc.cli.main import main

if __name__ == "__main__":
    main()
