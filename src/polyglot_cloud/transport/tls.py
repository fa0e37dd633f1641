"""The one TLS context: certificates and names are always verified."""

import ssl
from pathlib import Path

import httpx


def ssl_context(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later. `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured, else certifi's authorities are trusted.

    `certificate` (PEM, with its chain) is shown to hosts that ask for one; `key` is its key where it stands in a file of its own.
    Raises OSError and ssl.SSLError for files that cannot be read or do not fit.
    """
    context = httpx.create_ssl_context()
    if certificate is not None:
        # without a password, OpenSSL would ask for one on the terminal
        context.load_cert_chain(certificate, key, password="")
    return context
