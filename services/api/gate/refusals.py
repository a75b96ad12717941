"""Why nobody is let in, as the contract's problems."""

from __future__ import annotations

from domain.faults import Fault, FaultReport
from domain.order.refusals import OrderRefusal, PersonsOutOfRange, TicketAlreadyUsed, TicketNotToday, TicketNotValid
from services.api.order_access import problem_of_refusal
from services.api.order_answer import timestamp
from services.api.problems import Problem, validation_failed


def problem_of_redeem(refusal: OrderRefusal) -> Problem:
    """`not_valid` of a ticket for another day: its `currentStatus` is Valid, and beside it stands its `visitDate`."""
    match refusal:
        case TicketAlreadyUsed(used_at=used_at):
            return Problem(refusal.code, str(refusal), members={"usedAt": timestamp(used_at)})
        case TicketNotToday(visit_date=visit_date):
            members = {"currentStatus": refusal.current_status, "visitDate": visit_date.isoformat()}
            return Problem(refusal.code, str(refusal), members=members)
        case TicketNotValid():
            return Problem(refusal.code, str(refusal), members={"currentStatus": refusal.current_status})
        case PersonsOutOfRange():
            return validation_failed(FaultReport((Fault("/persons", refusal.code, str(refusal)),)))
        case _:
            return problem_of_refusal(refusal)
