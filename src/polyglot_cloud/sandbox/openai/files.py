"""Images and files inside OpenAI requests: decoded, looked at, refused where the vendor would."""

from collections.abc import Mapping
from typing import Any

from polyglot_cloud.sandbox import media
from polyglot_cloud.sandbox.openai.wire import refuse

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BROKEN = (
    "The image data you provided does not represent a valid image. Please check your input and try again with one of the following image "
    "formats: ['png', 'jpeg', 'gif', 'webp']."
)


def image(url: str, param: str) -> str:
    """An image by its URL, in words. A web address is not fetched: the sandbox has no network."""
    if url.startswith(("http://", "https://")):
        return f"a picture at {url.split('/')[2]}"
    found = media.data_url(url)
    if found is None:
        raise refuse(f"Invalid '{param}'. Expected a valid URL or a base64 data URL.", param, "invalid_image_url")
    _, data = found
    if data is None:
        text = f"Invalid '{param}'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1n')"
        raise refuse(f"{text}, but got a value without valid base64-encoded data.", param, "invalid_value")
    medium = media.inspect(data)
    if medium.type not in _IMAGES or not medium.whole:
        raise refuse(_BROKEN, param, "image_parse_error")
    return medium.told


def file(part: Mapping[str, Any], param: str) -> str:
    """A file part ({file_data, filename} or {file_id}), in words."""
    if part.get("file_id"):
        raise refuse(f"No such File object: {part['file_id']}", f"{param}.file_id", None, 404)
    data = part.get("file_data")
    if not data:
        raise refuse(
            f"Missing required parameter: '{param}.file_data'.", f"{param}.file_data", "missing_required_parameter"
        )
    if not part.get("filename"):
        raise refuse(
            f"Missing required parameter: '{param}.filename'.", f"{param}.filename", "missing_required_parameter"
        )
    found = media.data_url(str(data))
    if found is None or found[1] is None:
        text = f"Invalid file data: '{param}.file_data'. Expected a base64-encoded data URL with an application/pdf MIME type"
        raise refuse(f"{text} (e.g. 'data:application/pdf;base64,...').", f"{param}.file_data", "invalid_value")
    medium = media.inspect(found[1])
    if medium.type == "application/pdf" and not medium.whole:
        raise refuse("The file could not be read as a PDF.", f"{param}.file_data", "invalid_file")
    return f"{medium.told} called {part['filename']}"
