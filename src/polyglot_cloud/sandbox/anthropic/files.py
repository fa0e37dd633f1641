"""Images and documents inside Anthropic requests: decoded, looked at, refused where the vendor would."""

from polyglot_cloud.sandbox import media
from polyglot_cloud.sandbox.anthropic.turns import Placed
from polyglot_cloud.sandbox.anthropic.wire import refuse


def told(placed: Placed) -> str:
    """A block in words; nothing for what is no file."""
    if placed.kind == "image":
        return _image(placed)
    return _document(placed) if placed.kind == "document" else ""


def _image(placed: Placed) -> str:
    source = placed.block["source"]
    if source["type"] != "base64":
        return _elsewhere(source, "a picture")
    data = media.decode(source["data"])
    if data is None:
        raise refuse(f"{placed.where}.image.source.base64.data: invalid base64 data")
    medium = media.inspect(data)
    if not medium.type.startswith("image/") or not medium.whole:
        raise refuse("Could not process image")
    if medium.type != source["media_type"]:
        text = f"image was specified using the {source['media_type']} media type, but the image appears to be a {medium.type} image"
        raise refuse(f"{placed.where}.image.source.base64.data: The {text}")
    return medium.told


def _document(placed: Placed) -> str:
    source = placed.block["source"]
    if source["type"] == "text":
        return media.inspect(source["data"].encode("utf-8", "surrogatepass")).told
    if source["type"] == "content":
        return "a document of text blocks"
    if source["type"] != "base64":
        return _elsewhere(source, "a document")
    data = media.decode(source["data"])
    if data is None:
        raise refuse(f"{placed.where}.document.source.base64.data: invalid base64 data")
    medium = media.inspect(data)
    if medium.type != "application/pdf" or not medium.whole:
        raise refuse(f"{placed.where}.document.source.base64.data: The PDF specified was not valid.")
    return medium.told


def _elsewhere(source: dict[str, str], what: str) -> str:
    """A file by address is not fetched: the sandbox has no network. It has no file store either."""
    if source["type"] == "file":
        raise refuse(f"File not found: {source['file_id']}", 404)
    if not source["url"].startswith("https://"):
        raise refuse("Only HTTPS URLs are supported.")
    return f"{what} at {source['url'].split('/')[2]}"
