"""What a connection may cost before anybody looks at its request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Bounds on clients.

    Attributes:
        header_bytes: Request line, headers and trailers together.
        headers: How many of them.
        body_bytes: Largest body as it travels.
        buffered_bytes: Bodies of all connections together.
        connections: Open at once; further ones are closed.
        head_s: From connecting, or a request's first byte, to the end of its headers.
        body_s: From then to the end of its body.
        stall_s: From the end of the headers to that of the body, while others need the room.
        idle_s: Between requests; longer than a load balancer's, so that it is never we who close a
            connection it is about to use. An ALB's is 60 s unless set
            (docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html).
        write_s: How long a client may leave an answer unread.
        linger_s: How long a refused client may go on sending before it is cut off.
        pipelined: Requests of one connection that wait for an earlier one's answer.
    """

    header_bytes: int = 32 * 1024
    headers: int = 100
    body_bytes: int = 17 * 1024 * 1024
    buffered_bytes: int = 256 * 1024 * 1024
    connections: int = 4096
    head_s: float = 10.0
    body_s: float = 60.0
    stall_s: float = 1.0
    idle_s: float = 75.0
    write_s: float = 30.0
    linger_s: float = 2.0
    pipelined: int = 16
