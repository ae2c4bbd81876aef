"""Why a file was not loaded, in a sentence for whoever brought it."""


class ImportRefused(Exception):  # noqa: N818 - the sentence a user reads
    """The file is not what it should be; nothing of it was loaded."""
