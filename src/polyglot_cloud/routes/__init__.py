"""The HTTP edge: bytes become a Call, a Reply becomes bytes. Raw ASGI endpoints under Starlette's router."""
