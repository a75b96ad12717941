"""Reading of HTTP/1.1 answers, no more of them than a load generator needs."""

_HEAD_END = b"\r\n\r\n"


class UnreadableAnswer(Exception):
    """The answer has neither a Content-Length nor a status that goes without a body."""


def read_answer(received: bytes) -> tuple[int, int] | None:
    """Status and whole length in bytes of the answer that starts `received`; None until its head is complete.

    Raises UnreadableAnswer for one without Content-Length (chunked ones are not read).
    """
    head_end = received.find(_HEAD_END)
    if head_end < 0:
        return None
    status = int(received[9:12])
    at = received.find(b"\r\nContent-Length: ", 0, head_end)
    if at < 0:
        at = received[:head_end].lower().find(b"\r\ncontent-length: ")
    if at < 0:
        if status in (204, 304):
            return status, head_end + 4
        raise UnreadableAnswer(received[:head_end].decode("latin-1"))
    at += 18
    return status, head_end + 4 + int(received[at : received.index(b"\r", at)])


def order_id_of(answer: bytes) -> bytes:
    """The order's id, from the end of the Location header; empty where there is none."""
    head_end = answer.find(_HEAD_END)
    at = answer.find(b"\r\nLocation: ", 0, head_end)
    if at < 0:
        at = answer[:head_end].lower().find(b"\r\nlocation: ")
    if at < 0:
        return b""
    end = answer.index(b"\r", at + 2)
    return answer[end - 36 : end]
