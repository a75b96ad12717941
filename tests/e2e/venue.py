"""A running service with one partner under load, and the check of everything that it was told in the end."""

from __future__ import annotations

import psycopg

from tests.e2e.client import Client
from tests.e2e.endpoint import Endpoint
from tests.e2e.load import Load
from tests.e2e.reading import faults_of_reads, faults_of_refused, lags
from tests.e2e.service import Service, wait_for
from tests.e2e.truth import faults_of_answers, faults_of_log, faults_of_webhooks, read_database

# An issuance that was under way is leased for ten seconds; the sweeper looks each second.
SETTLED_SECONDS = 15.0


class Venue:
    """A running service with one partner, whose orders are announced to an endpoint.

    `dsn`: of the database where it is not the service's own.
    """

    def __init__(self, service: Service, endpoint: Endpoint, *, dsn: str | None = None) -> None:
        self.service = service
        self.endpoint = endpoint
        self.dsn = dsn or service.dsn
        self.operator = service.client()
        self.partner_id = str(self.operator.got("POST", "/admin/partners", {"name": "Agent"})["partnerId"])
        key = self.operator.got("POST", f"/admin/partners/{self.partner_id}/keys", {"name": "shop"})["key"]
        self.key = str(key)
        subscription = {"notificationUrl": endpoint.url, "eventName": "ota_cm_order_processed"}
        self.secret = str(self.partner().got("POST", "/webhook", subscription)["secret"])

    def partner(self) -> Client:
        return self.service.client(self.key)

    def undone(self) -> list[str]:
        """What is still under way: in the service's own words, and in the queue of deliveries."""
        # First: a consumer that is at the head by now has queued what is looked for after.
        behind = lags(self.operator)
        with psycopg.connect(self.dsn) as connection:
            pending = connection.execute(
                "select id, tried, lease_owner, due_at - now() from webhook_deliveries where status = 'pending'"
            ).fetchall()
        arrived = {one.webhook_id for one in self.endpoint.deliveries(self.secret) if one.taken} if pending else set()
        return behind + [
            f"delivery {id_}, tried {tried}, of {owner}, due in {due}, arrived: {f'msg_{id_.hex}' in arrived}"
            for id_, tried, owner, due in pending
        ]

    def wait_until_done(self, seconds: float = SETTLED_SECONDS) -> float:
        return wait_for("settled and told", lambda: not self.undone(), seconds, detail=self.undone)

    def wait_for_answers(self, load: Load, count: int, seconds: float = 30.0) -> float:
        """Wait until the clients were told of so many more commands that were accepted; the seconds it took."""
        enough = load.ledger.accepted + count
        return wait_for(
            f"{count} more answers",
            lambda: load.ledger.accepted >= enough,
            seconds,
            detail=lambda: self.service.output()[-4000:],
        )

    def hold_against_the_truth(self, what: str, *loads: Load) -> None:
        """Everything that the clients and the endpoint were told is in the database, once, and reads so. Fails."""
        asked = [one for load in loads for one in load.ledger.asked]
        partner = self.partner()
        database = read_database(self.dsn)
        faults = [
            *(surprise for load in loads for surprise in load.ledger.surprises),
            *faults_of_log(database),
            *faults_of_answers(asked, database),
            *faults_of_webhooks(self.endpoint.deliveries(self.secret), database),
            *faults_of_reads(partner, self.operator, self.partner_id, database),
            *faults_of_refused(partner, self.partner_id, asked),
        ]
        assert not faults, f"{what}: {len(faults)} faults\n" + "\n".join(faults[:20])
