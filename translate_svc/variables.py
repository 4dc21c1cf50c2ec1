"""Names of environment variables. Every setting of a server has one with the prefix; two are for clients."""

ENVIRONMENT_PREFIX = "TRANSLATE_SVC_"

SERVER_VARIABLE = f"{ENVIRONMENT_PREFIX}SERVER"
"""The server that a client uses if it is told none: ``HOST:PORT``, or several with commas between them."""

API_KEY_VARIABLE = f"{ENVIRONMENT_PREFIX}API_KEY"
"""The API key that a client sends if it is told none."""
