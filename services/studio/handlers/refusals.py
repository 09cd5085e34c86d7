"""What it means where a service does not answer the studio, in words for its pages."""

import grpc

_REFUSED = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})


def words_of(error: grpc.aio.AioRpcError, who: str, address: str) -> str:
    """Of a call that failed for another reason than what was asked."""
    if error.code() in _REFUSED:
        return f"{who} at {address} refuses the studio's TRUSCORE_GRPC_TOKEN: {error.details()}"
    return f"{who} at {address} does not answer: {error.details()}"
