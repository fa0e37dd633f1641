"""Images and files inside xAI requests: png, jpeg and webp only."""

from polyglot_cloud.sandbox import media
from polyglot_cloud.sandbox.grok.wire import refuse

_TAKEN = ("image/png", "image/jpeg", "image/webp")


def image(url: str) -> str:
    """An image in words. A web address is not fetched: the sandbox has no network."""
    if url.startswith(("http://", "https://")):
        return f"a picture at {url.split('/')[2]}"
    found = media.data_url(url)
    if found is None or found[1] is None:
        raise refuse("Invalid image URL: expected an https address or base64 image data.")
    medium = media.inspect(found[1])
    if medium.type not in _TAKEN or not medium.whole:
        raise refuse("Unrecognized image format. Supported are image/jpeg, image/png and image/webp.")
    return medium.told


def file(part: dict[str, str]) -> str:
    if part.get("file_id"):
        raise refuse(f"File not found: {part['file_id']}", 404, "Some requested entity was not found")
    address = part.get("url") or part.get("file_url") or ""
    if address.startswith("https://"):
        return f"a file at {address.split('/')[2]}"
    found = media.data_url(part.get("file_data") or "")
    if found is None or found[1] is None:
        raise refuse("A file needs a file_id, an https address or base64 data.")
    return media.inspect(found[1]).told
