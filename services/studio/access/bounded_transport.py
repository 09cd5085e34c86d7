"""HTTP whose answers have a bound: httpx2 reads an answer to its end, however long it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Raises httpx2.ReadError for an answer of more than ``most_bytes``, or one that is packed: what it holds has no
    bound."""

    def __init__(self, *, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        answer = await super().handle_async_request(request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            await answer.stream.aclose()
            raise httpx2.ReadError("the answer is packed, which was not asked for", request=request)
        answer.stream = _Bounded(answer.stream, request, self._most_bytes)
        return answer


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, request: httpx2.Request, most_bytes: int) -> None:
        self._stream, self._request, self._most_bytes = stream, request, most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most_bytes
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise httpx2.ReadError(f"the answer has more than {self._most_bytes} bytes", request=self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
