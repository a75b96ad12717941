"""The HTTP application made from the operations: routes, both places of each, and what every request goes through."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from contextlib import nullcontext
from os import urandom
from typing import TYPE_CHECKING

import structlog
from aiohttp import HttpVersion11, web

from domain.reading import MalformedJson
from infra.event_store.commit_figures import COMMIT_TIMES, CommitTimes
from infra.event_store.group_commit import OutcomeUnknown, RefusedByStore, StoreUnavailable
from infra.postgres.errors import DatabaseUnavailable
from services.api.arrival import MAX_BODY_BYTES, body_of, internal_error
from services.api.call import Call
from services.api.deadlines import RequestDeadlines
from services.api.idempotency import HEADER as IDEMPOTENCY_KEY
from services.api.problems import Problem, not_found
from services.api.request_figures import NO_OPERATION
from services.api.traced import traced
from services.phases import together

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from services.api.operation import Operation
    from services.api.services import Services

log = structlog.get_logger()

CORRELATION_HEADER = "X-Correlation-Id"
_NOT_ACCEPTED = re.compile(r"q=0(\.0*)?\Z")
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")

_UNAVAILABLE = "The store cannot be reached: nothing was accepted. Try again."
_OUTCOME_UNKNOWN = (
    "The connection broke while committing: it may have been accepted. Retry with the same Idempotency-Key, "
    "or take 409 duplicate_order as found."
)


def application(operations: Iterable[Operation], services: Services, public_path: str) -> web.Application:
    """Serves the operations at their paths and, where `public_path` is not empty, under it too."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    deadlines = RequestDeadlines()
    app.cleanup_ctx.append(deadlines.kept)
    app.cleanup_ctx.append(services.printers.kept)
    methods: dict[str, set[str]] = defaultdict(set)
    for operation in operations:
        methods[operation.path].add(operation.method)
        handle = _handler(operation, services, deadlines)
        if services.traces is not None and operation.scopes is not None:
            handle = traced(operation, services.traces, handle)
        for path in places(operation.path, public_path):
            app.router.add_route(operation.method, path, handle, expect_handler=_continue)
            if operation.method == "GET":
                app.router.add_route("HEAD", path, handle, expect_handler=_continue)
    for path, allowed in methods.items():
        refuse = _method_not_allowed(services, allowed | ({"HEAD"} if "GET" in allowed else set()))
        for place in places(path, public_path):
            app.router.add_route("*", place, refuse, expect_handler=_continue)
    app.router.add_route("*", "/{unknown:.*}", _no_such_path(services), expect_handler=_continue)
    return app


async def _continue(request: web.Request) -> None:
    """Tell who waits for it to send the body. Any other expectation is passed over (RFC 9110, section 10.1.1)."""
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer has not begun


# aiohttp's own pattern for a part of a path takes no braces, which the number that a partner gives a guest may have.
_PART = re.compile(r"\{(\w+)\}")


def places(path: str, public_path: str) -> list[str]:
    """The routes of a path."""
    path = _PART.sub(r"{\1:[^/]+}", path)
    return [path, public_path + path] if public_path else [path]


def _handler(
    operation: Operation, services: Services, deadlines: RequestDeadlines
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    told = log.bind().info  # bound once: the module's logger is a proxy that looks itself up at each call
    counted = services.requests.of(operation.name)
    may_commit = operation.method != "GET"
    precision = _precision(operation.produces)
    in_hand = services.admission.in_hand if operation.brings_work else nullcontext

    async def handle(request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        correlation_id = _correlation_id(request)
        key_id: str | None = None
        times = CommitTimes() if may_commit else None
        COMMIT_TIMES.set(times)
        task = deadlines.begin()
        try:
            caller = None
            if operation.scopes is not None:
                caller = await services.authentication.caller(request.headers, operation)
                key_id = caller.key_id
            _ensure_acceptable(request, operation.produces, precision)
            body = b""
            if operation.body is not None:
                left = deadlines.pause(task)
                body = await body_of(request)
                deadlines.resume(task, left)
            if operation.answers_late:
                deadlines.pause(task)
            await together()
            with in_hand():
                # With an Idempotency-Key it may be the retry of one that was taken: the handler looks at that first.
                if operation.brings_work and IDEMPOTENCY_KEY not in request.headers:
                    services.admission.ensure_open_unread()
                response = await operation.handler(
                    Call(request, operation, services, correlation_id, services.now(), caller, body)
                )
        except asyncio.CancelledError:
            if not deadlines.has_cut(task):
                raise
            # What was handed over to be saved is saved all the same.
            overdue = OutcomeUnknown() if operation.method != "GET" else DatabaseUnavailable()
            response = problem_of(overdue, correlation_id).response()
        except Exception as error:
            response = problem_of(error, correlation_id).response()
        finally:
            deadlines.end(task)
        response.headers[CORRELATION_HEADER] = correlation_id
        if times is not None and times.commit:
            response.headers["Server-Timing"] = times.header()
        await together()
        seconds = time.perf_counter() - started
        counted(response.status, seconds)
        told(
            "request",
            operation=operation.name,
            status=response.status,
            ms=round(seconds * 1000, 2),
            correlation_id=correlation_id,
            key_id=key_id,
        )
        await together()
        return response

    return handle


def problem_of(error: Exception, correlation_id: str) -> Problem:
    """The answer to an error. What is not foreseen is logged whole and answered without inner detail."""
    match error:
        case Problem():
            return error
        case MalformedJson():
            return Problem("malformed_json", "The body is not JSON.")
        case StoreUnavailable() | DatabaseUnavailable():
            return Problem("unavailable", _UNAVAILABLE)
        case OutcomeUnknown():
            return Problem("outcome_unknown", _OUTCOME_UNKNOWN)
        case RefusedByStore():
            log.error("request_refused_by_store", sqlstate=str(error), correlation_id=correlation_id)
        case _:
            log.error("request_failed", exc_info=error, correlation_id=correlation_id)
    return internal_error(correlation_id)


def _precision(produced: str) -> Mapping[str, int]:
    """The ranges of Accept that hold a type, and how precise each is."""
    return {produced: 2, f"{produced.partition('/')[0]}/*": 1, "*/*": 0, "*": 0}


def _ensure_acceptable(request: web.Request, produced: str, precision_of: Mapping[str, int]) -> None:
    """Of the ranges in Accept that hold our type, the most precise one decides (RFC 9110, section 12.5.1)."""
    if "Accept" not in request.headers:
        return
    accept = ",".join(request.headers.getall("Accept", ()))
    if not accept.strip():
        return
    precise, accepted = -1, False
    for media_range in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
        precision = precision_of.get(kind, -1)
        if precision > precise:
            precise, accepted = precision, not any(_NOT_ACCEPTED.match(parameter) for parameter in parameters)
    if not accepted:
        detail = f"Answers are {produced}."
        raise Problem("not_acceptable", detail, members={"available": [produced]}, headers={"Accept": produced})


def _correlation_id(request: web.Request) -> str:
    given = request.headers.get(CORRELATION_HEADER)
    if given is not None and CORRELATION_ID.match(given):
        return given
    return urandom(16).hex()


def _no_such_path(services: Services) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return _refusal(services, request, not_found("path"))

    return refuse


def _method_not_allowed(
    services: Services, allowed: set[str]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    allow = ", ".join(sorted(allowed))

    async def refuse(request: web.Request) -> web.StreamResponse:
        detail = f"This path knows {allow}."
        return _refusal(services, request, Problem("method_not_allowed", detail, headers={"Allow": allow}))

    return refuse


def _refusal(services: Services, request: web.Request, problem: Problem) -> web.StreamResponse:
    response = problem.response()
    response.headers[CORRELATION_HEADER] = correlation_id = _correlation_id(request)
    services.requests.of(NO_OPERATION)(response.status, 0.0)
    log.info("request", operation=None, status=response.status, correlation_id=correlation_id)
    return response
