"""Asks a gRPC server how it is: `python -m truscore.telemetry.probe HOST:PORT [SERVICE]`, exit code 0 when SERVING.

Over TLS where the address is written https://HOST:PORT.
"""

import sys
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from truscore.telemetry.grpc_tls import open_channel

TIMEOUT_S: Final = 5.0
SERVING: Final = "SERVING"


def health_of(address: str, *, service: str = "", timeout_s: float = TIMEOUT_S) -> str:
    """The health that the server states, such as "SERVING", or why it did not answer, such as "UNAVAILABLE"."""
    with open_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main() -> None:
    """Entry point: prints the health and exits with 0, 1 (not serving) or 2 (no answer)."""
    if not 2 <= len(sys.argv) <= 3:
        sys.stderr.write(f"{__doc__}\n")
        sys.exit(2)
    health = health_of(sys.argv[1], service=sys.argv[2] if len(sys.argv) == 3 else "")
    sys.stdout.write(f"{health}\n")
    sys.exit(health != SERVING)


if __name__ == "__main__":
    main()
