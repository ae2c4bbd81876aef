"""What can go wrong with embedded servers, each as one sentence for its reader."""


class EmbeddedError(Exception):
    """Say in one sentence why a server or a data folder cannot be used."""
