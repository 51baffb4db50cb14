#!/usr/bin/env python3
"""Evidence asked for and received, the lease on a claim, working-day clocks, and when evidence
could first be considered and was."""

import base64
import datetime
import http.client
import json
import sqlite3
import threading
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, now, unknown_id

WORDS = "Letter about the epilepsy clinic"


def local(offset=0):
    return (datetime.datetime.now(datetime.timezone.utc)
            + datetime.timedelta(days=offset)).date().isoformat()


class Requests(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.rupa = gw.token("assessor", "rupa")
        cls.asim = gw.token("assessor", "asim")
        cls.gp = gw.token("health_professional", "dr-okoro")
        cls.rep = gw.token("representative", "rose")
        cls.auditor = gw.token("auditor", "aud")

    def setUp(self):
        self.claim = self.gw.create_claim(
            "ada", assigned_to=["rupa", "asim"],
            parties=[self.gw.party("rose"),
                     self.gw.party("dr-okoro", kind="gp", role="health_professional")])

    def ask(self, token=None, status=201, problem=None, headers=None, **members):
        body = {"what": WORDS, "kind": "further_evidence", "from_role": "claimant",
                "due": local(10), "functional": True, **members}
        body = {k: v for k, v in body.items() if v is not None}
        answer = self.expect(
            self.gw.request("POST", f"/v1/claims/{self.claim}/requests",
                            token or self.gw.manager, body, headers), status, problem)
        return answer.json["request"] if status in (200, 201) else answer

    def requests(self, token):
        return self.expect(self.gw.get(f"/v1/claims/{self.claim}/requests", token), 200).json

    def view(self, token):
        return self.expect(self.gw.get(f"/v1/claims/{self.claim}", token), 200).json

    def send(self, request, token=None, data=None, **options):
        return self.gw.upload(self.claim, data or samples.pdf(str(uuid.uuid4())),
                              token or self.ada, params={"request": request}, **options)

    def history(self, token):
        return self.expect(self.gw.get(f"/v1/claims/{self.claim}/history?limit=200", token),
                           200).json["events"]

    # --- requests ----------------------------------------------------------------------------

    def test_asked_and_answered(self):
        made = self.ask()
        self.assertEqual((made["state"], made["what"], made["functional"], made["due_on"]),
                         ("open", WORDS, True, local(10)))
        self.assertEqual(self.view(self.ada)["evidence"],
                         {"expected": 1, "received": 0, "open": 1, "overdue": 0})
        answer = self.expect(self.send(made["id"]), 201)
        artefact = answer.json["artefact"]["id"]
        told = self.requests(self.gw.manager)
        self.assertEqual(told["evidence"], {"expected": 1, "received": 1, "open": 0,
                                            "overdue": 0})
        one = told["requests"][0]
        self.assertEqual((one["state"], one["late"]), ("fulfilled", False))
        self.assertEqual([i["artefact"] for i in one["artefacts"]], [artefact])
        # its sender adds a page; for anybody else it is closed
        more = self.expect(self.send(made["id"]), 201).json["artefact"]["id"]
        self.expect(self.send(made["id"], self.rep), 409, "request-closed")
        self.assertEqual([i["artefact"] for i in self.requests(self.ada)["requests"][0]
                          ["artefacts"]], [artefact, more])
        shown = [e for e in self.history(self.ada) if e["event"].startswith("request.")]
        self.assertEqual([e["event"] for e in shown],
                         ["request.made", "request.fulfilled", "request.fulfilled"])
        self.assertEqual(shown[1]["request"], made["id"])
        self.assertNotIn(WORDS, json.dumps(self.history(self.gw.manager)))

    def test_who_may_ask_and_what(self):
        self.ask(self.rupa)
        for token in (self.ada, self.gp, self.auditor):
            self.ask(token, 403, "not-permitted")
        self.ask(self.gw.token("assessor", "elsewhere"), 404, "claim-not-found")
        for wrong in ({"from_role": "case_manager"}, {"from_role": "nobody"},
                      {"kind": "no_such"}, {"kind": "medical_report"}, {"due": local(-2)},
                      {"due": "soon"}, {"what": ""}, {"unknown": 1}):
            self.ask(status=400, problem="invalid-request", **wrong)
        missing = self.gw.request("POST", f"/v1/claims/{unknown_id()}/requests", self.rupa,
                                  {"what": "x", "from_role": "claimant"})
        self.expect(missing, 404, "claim-not-found")
        key = {"Idempotency-Key": str(uuid.uuid4())}
        due = local(5)
        self.assertEqual(self.ask(headers=key, due=due)["id"],
                         self.ask(headers=key, due=due)["id"])

    def test_changed_and_withdrawn(self):
        made = self.ask(self.rupa)
        path = f"/v1/claims/{self.claim}/requests/{made['id']}"
        changed = self.expect(self.gw.request("PATCH", path, self.rupa,
                                              {"what": "Both pages", "due": local(20)}), 200)
        self.assertEqual((changed.json["request"]["what"], changed.json["request"]["due_on"]),
                         ("Both pages", local(20)))
        self.expect(self.gw.request("PATCH", path, self.asim, {"functional": False}), 403)
        self.expect(self.gw.request("PATCH", path, self.ada, {"functional": False}), 403)
        cleared = self.expect(self.gw.request("PATCH", path, self.gw.manager, {"due": None}), 200)
        self.assertNotIn("due", cleared.json["request"])
        other = self.gw.create_claim("ada")
        for wrong in (f"/v1/claims/{other}/requests/{made['id']}",
                      f"/v1/claims/{self.claim}/requests/{unknown_id()}"):
            self.expect(self.gw.request("DELETE", wrong, self.gw.manager), 404, "not-found")
        self.expect(self.gw.request("DELETE", path, self.gw.manager), 200)
        self.expect(self.gw.request("DELETE", path, self.gw.manager), 409, "request-closed")
        self.expect(self.send(made["id"]), 409, "request-closed")
        self.assertEqual(self.view(self.rupa)["evidence"]["expected"], 0)

    def test_what_does_not_fit_is_refused(self):
        made = self.ask(kind="carer_statement", from_role="representative")
        self.expect(self.send(made["id"], self.rep), 400, "invalid-request")  # another kind
        self.expect(self.send(made["id"], self.gp), 400, "invalid-request")  # another's
        self.expect(self.send(unknown_id()), 400, "invalid-request")
        self.expect(self.send("x"), 400, "invalid-request")
        elsewhere = self.gw.create_claim("ada")
        answer = self.gw.upload(elsewhere, samples.pdf("e"), self.ada,
                                params={"request": made["id"]})
        self.expect(answer, 400, "invalid-request")
        self.assertEqual(self.requests(self.rep)["requests"][0]["state"], "open")
        self.expect(self.send(made["id"], self.rep, kind="carer_statement"), 201)

    def test_the_same_bytes_answer_a_request_too(self):
        data = samples.pdf(str(uuid.uuid4()))
        first = self.expect(self.gw.upload(self.claim, data, self.ada), 201)
        made = self.ask()
        again = self.expect(self.send(made["id"], data=data), 201)
        self.assertEqual(again.json["artefact"]["id"], first.json["artefact"]["id"])
        self.assertEqual(self.requests(self.ada)["requests"][0]["state"], "fulfilled")
        # a repeated call with its key is one answer, also of a request that it closed
        made, key = self.ask(), {"Idempotency-Key": str(uuid.uuid4())}
        data = samples.pdf(str(uuid.uuid4()))
        one = self.expect(self.send(made["id"], data=data, headers=key), 201)
        two = self.expect(self.send(made["id"], data=data, headers=key), 201)
        self.assertEqual(one.json["artefact"]["id"], two.json["artefact"]["id"])
        other = self.ask()
        self.expect(self.send(other["id"], data=data, headers=key), 422)

    def test_a_form_and_tus_name_it(self):
        made = self.ask()
        boundary = "b" * 20
        parts = [("kind", "further_evidence"), ("request", made["id"])]
        body = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}'
                        f"\r\n".encode() for n, v in parts)
        for n in range(3):  # three photos answer one request
            body += (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
                     f'filename="{n}.pdf"\r\nContent-Type: application/pdf\r\n\r\n').encode() \
                + samples.pdf(f"{n} {uuid.uuid4()}") + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        self.expect(self.gw.request("POST", f"/v1/claims/{self.claim}/artefacts", self.ada, body,
                                    {"Content-Type": f"multipart/form-data; boundary={boundary}"}),
                    201)
        one = self.requests(self.ada)["requests"][0]
        self.assertEqual((one["state"], len(one["artefacts"])), ("fulfilled", 3))

        made = self.ask(from_role="health_professional")
        data = samples.pdf(str(uuid.uuid4()))

        def metadata(**pairs):
            return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}"
                            for k, v in pairs.items())
        said = {"claim": self.claim, "kind": "further_evidence", "filename": "a.pdf",
                "filetype": "application/pdf"}
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data))}
        wrong = self.gw.request("POST", "/v1/uploads", self.gp, None, {
            **tus, "Upload-Metadata": metadata(**said, request=unknown_id())})
        self.expect(wrong, 400, "invalid-request")
        begun = self.expect(self.gw.request("POST", "/v1/uploads", self.gp, None, {
            **tus, "Upload-Metadata": metadata(**said, request=made["id"])}), 201)
        where = "/" + begun.headers["Location"].split("/", 3)[3] \
            if "://" in begun.headers["Location"] else begun.headers["Location"]
        self.assertEqual(self.requests(self.gp)["requests"][0]["state"], "open")
        self.expect(self.gw.request("PATCH", where, self.gp, data, {
            "Tus-Resumable": "1.0.0", "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream"}), 204)
        self.assertEqual(self.requests(self.gp)["requests"][0]["state"], "fulfilled")

    def test_withdrawn_while_the_bytes_are_on_their_way(self):
        """Asked at the start and again inside the commit."""
        made = self.ask()
        data, result = samples.pdf(str(uuid.uuid4())), []
        under_way, go = threading.Event(), threading.Event()

        def body():
            yield data[:20]
            under_way.set()
            go.wait(60)
            yield data[20:]

        def send():
            result.append(self.send(made["id"], data=body(),
                                    headers={"Content-Length": str(len(data))}))
        sender = threading.Thread(target=send)
        sender.start()
        self.assertTrue(under_way.wait(60))
        self.expect(self.gw.request("DELETE", f"/v1/claims/{self.claim}/requests/{made['id']}",
                                    self.gw.manager), 200)
        go.set()
        sender.join(60)
        self.expect(result[0], 409, "request-closed")
        self.assertEqual(self.gw.list_all(self.claim, self.ada), [])

    def test_who_sees_what(self):
        mine, doctors = self.ask(), self.ask(from_role="health_professional")
        secret = self.ask(kind="medical_report", from_role="health_professional",
                          what="SR1: prognosis")

        def seen(token):
            return {r["id"]: r for r in self.requests(token)["requests"]}
        for staff in (self.gw.manager, self.rupa, self.auditor):
            self.assertEqual(set(seen(staff)), {mine["id"], doctors["id"], secret["id"]})
        for side in (self.ada, self.rep):
            told = seen(side)
            self.assertEqual(set(told), {mine["id"], doctors["id"]})
            self.assertIn("what", told[mine["id"]])
            self.assertNotIn("what", told[doctors["id"]])  # words for others
            self.assertEqual(self.requests(side)["evidence"]["expected"], 2)
            self.assertEqual(self.view(side)["evidence"]["expected"], 2)
            self.assertNotIn(secret["id"], json.dumps(self.history(side)))
            self.assertNotIn("medical_report", json.dumps(self.history(side)))
        self.assertEqual(set(seen(self.gp)), {doctors["id"], secret["id"]})
        self.expect(self.gw.get(f"/v1/claims/{self.claim}/requests",
                                self.gw.token("claimant", "bob")), 404, "claim-not-found")
        # naming what one must not know of is like naming nothing
        self.assertSame(self.send(secret["id"]), self.send(unknown_id()))
        report = self.gw.upload(self.claim, samples.pdf("sr1"), self.gp, kind="medical_report",
                                params={"request": secret["id"]})
        self.expect(report, 201)
        self.assertEqual(seen(self.gw.manager)[secret["id"]]["state"], "fulfilled")
        self.assertNotIn(secret["id"], json.dumps(self.history(self.ada)))

    def test_the_words_are_sealed(self):
        words = "Unmistakable words " + uuid.uuid4().hex
        self.ask(what=words)
        for file in self.gw.dir.rglob("*"):
            if file.is_file():
                self.assertNotIn(words.encode(), file.read_bytes(), str(file))

    # --- the lease ---------------------------------------------------------------------------

    def lease(self, token, until=3600, reason="The GP was asked"):
        return self.gw.request("PUT", f"/v1/claims/{self.claim}/lease", token,
                               {"reason": reason, "until": now(until)})

    def release(self, token):
        return self.gw.request("DELETE", f"/v1/claims/{self.claim}/lease", token)

    def test_a_lease(self):
        taken = self.expect(self.lease(self.rupa), 200).json["lease"]
        self.assertTrue(taken["by"]["me"])
        refused = self.expect(self.lease(self.asim), 423, "claim-leased")
        self.assertNotIn(b"rupa", refused.body)
        self.assertIn(b"assessor", refused.body)
        self.expect(self.release(self.asim), 423, "claim-leased")
        assess = {"channel": "telephone", "scheduled_at": now(100), "provider": "Invented"}
        path = f"/v1/claims/{self.claim}/assessments"
        self.expect(self.gw.post(path, self.asim, assess), 423, "claim-leased")
        self.expect(self.gw.post(path, self.rupa, assess), 201)
        # it blocks nobody's evidence and nobody's reading
        self.expect(self.gw.upload(self.claim, samples.pdf("l"), self.ada), 201)
        self.expect(self.gw.get(path.rsplit("/", 1)[0], self.asim), 200)
        self.assertEqual(self.view(self.asim)["lease"]["by"], {"role": "assessor", "me": False})
        self.assertEqual(self.view(self.gw.manager)["lease"]["by"]["subject"], "rupa")
        self.assertNotIn("lease", self.view(self.ada))
        since = taken["since"]
        self.assertEqual(self.expect(self.lease(self.rupa, 7200), 200).json["lease"]["since"],
                         since)
        # a case manager takes it over, which the log says
        self.expect(self.lease(self.gw.manager, reason="Needed today"), 200)
        self.expect(self.release(self.rupa), 423, "claim-leased")
        self.expect(self.release(self.gw.manager), 204)
        self.expect(self.release(self.gw.manager), 404, "not-found")
        self.assertIsNone(self.view(self.rupa)["lease"])
        events = [e for e in self.history(self.gw.manager) if e["event"].startswith("lease.")]
        self.assertEqual([e["event"] for e in events],
                         ["lease.taken", "lease.renewed", "lease.overridden", "lease.released"])
        self.assertEqual(events[2]["reason"], "Needed today")
        for e in self.history(self.ada):
            self.assertNotIn("GP was asked", json.dumps(e))

    def test_a_lease_has_limits(self):
        for until in (-60, 40 * 86400):
            self.expect(self.lease(self.rupa, until), 400, "invalid-request")
        for token in (self.ada, self.gp, self.auditor, self.gw.system):
            self.expect(self.lease(token), 403, "not-permitted")
            self.expect(self.release(token), 403, "not-permitted")
        self.expect(self.lease(self.gw.token("assessor", "elsewhere")), 404, "claim-not-found")

    # --- times -------------------------------------------------------------------------------

    def test_first_available_and_first_opened(self):
        answer = self.expect(self.gw.upload(self.claim, samples.pdf("t"), self.ada), 201)
        artefact = answer.json["artefact"]["id"]
        path = f"/v1/artefacts/{artefact}"

        def times(token):
            return self.expect(self.gw.get(path, token), 200).json.get("times")
        told = times(self.gw.manager)
        self.assertEqual(told["first_available"], answer.json["artefact"]["received_at"])
        self.assertEqual(told["first_opened"], [])
        self.assertIsNone(times(self.ada))
        self.expect(self.gw.get(f"{path}/content", self.ada), 200)  # not one of those who must
        self.assertEqual(times(self.gw.manager)["first_opened"], [])
        self.expect(self.gw.get(f"{path}/content?purpose=assessment", self.rupa), 200)
        first = times(self.gw.manager)["first_opened"]
        self.assertEqual([o["role"] for o in first], ["assessor"])
        self.expect(self.gw.get(f"{path}/content?purpose=assessment", self.asim), 200)
        self.expect(self.gw.get(f"{path}/content?purpose=decision", self.gw.manager), 200)
        last = times(self.gw.manager)["first_opened"]
        self.assertEqual([o["role"] for o in last], ["assessor", "case_manager"])
        self.assertEqual(last[0], first[0])

    def test_age_and_nation(self):
        age = self.view(self.gw.manager)["age"]
        self.assertEqual((age["nation"], age["working_days"], age["ageing"], age["overdue"]),
                         ("england_and_wales", 0, False, False))
        self.assertNotIn("age", self.view(self.ada))
        path = f"/v1/claims/{self.claim}"
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"nation": "scotland"}), 200)
        told = self.view(self.gw.manager)
        self.assertEqual((told["nation"], told["age"]["nation"]), ("scotland", "scotland"))
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"nation": "Wales"}), 400)
        made = self.gw.create_claim("ada", nation="northern_ireland")
        told = self.gw.get(f"/v1/claims/{made}", self.gw.manager).json
        self.assertEqual(told["age"]["nation"], "northern_ireland")
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"stage": "decided"}), 200)
        self.assertTrue(self.view(self.gw.manager)["age"]["ended"])
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"stage": "appeal"}), 200)
        self.assertFalse(self.view(self.gw.manager)["age"]["ended"])


class Ageing(GatewayTest):
    """Claims that were registered long ago: their clocks are set back while the gateway is
    down."""

    def test_the_list(self):
        gw = self.gw
        system, manager = gw.system, gw.manager
        rupa, ada = gw.token("assessor", "rupa"), gw.token("claimant", "ada")
        days = {"fresh": (1, {}), "old": (90, {}), "older": (200, {}),
                "urgent": (100, {"special_rules": True}), "over": (300, {"stage": "decided"}),
                "hers": (120, {"assigned_to": ["rupa"]})}
        ids = {name: gw.create_claim("ada", **more) for name, (_, more) in days.items()}
        gw.stop()
        database = sqlite3.connect(gw.dir / "data/gateway.db")
        with database:
            for name, (ago, _) in days.items():
                database.execute("UPDATE claim_clocks SET started_at = started_at - ? WHERE"
                                 " claim = ?", (ago * 86400 * 10 ** 6, uuid.UUID(ids[name]).bytes))
        database.close()
        gw.start()

        def listed(token, query=""):
            found, path = [], f"/v1/claims?ageing=true{query}"
            while path:
                answer = self.expect(gw.get(path, token), 200)
                found += [c["id"] for c in answer.json["claims"]]
                path = answer.next()
                path = path[path.index("/v1"):] if path else None
            return found
        wanted = [ids[n] for n in ("urgent", "older", "hers", "old")]
        self.assertEqual(listed(manager), wanted)
        self.assertEqual(listed(manager, "&limit=1"), wanted)
        self.assertEqual(listed(rupa), [ids["hers"]])
        self.expect(gw.get("/v1/claims?ageing=true", ada), 403, "not-permitted")
        self.expect(gw.get("/v1/claims?ageing=no", manager), 400, "invalid-request")
        told = gw.get(f"/v1/claims/{ids['older']}", manager).json["age"]
        self.assertTrue(told["ageing"] and told["overdue"])
        self.assertEqual(told["days"], 200)
        self.assertTrue(130 < told["working_days"] < 145, told)


if __name__ == "__main__":
    unittest.main(verbosity=2)
