"""What campaigns of uploads ask when they are over: is everything there that was sent, bit by bit,
once, and nothing else?"""

import collections
import concurrent.futures
import time

import gateway_fixture as fixture

READERS = 4
PATIENCE_SECONDS = 60
TOLD = 30  # of what is wrong, the rest is counted


class Arrivals:
    def __init__(self, gw):
        self.gw, self.sent, self.problems = gw, collections.defaultdict(dict), []

    def wrong(self, text):
        if len(self.problems) < TOLD:
            print(f"WRONG: {text}", flush=True)
        self.problems.append(text)

    def expect(self, claim, data):
        self.sent[claim][fixture.sha256(data)] = len(data)

    def read(self, session, artefact):
        """The keeper gives out so many openings a second, and says so to whoever wants more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = session.request(
                "GET", f"/v1/artefacts/{artefact}/content?purpose=decision", self.gw.manager)
            if answer.status not in (429, 503) or time.monotonic() > deadline:
                return answer
            time.sleep(0.2)

    def read_back(self, artefacts):
        with fixture.Session(self.gw) as session:
            for told in artefacts:
                answer = self.read(session, told["id"])
                if answer.status != 200:
                    self.wrong(f"{told['id']} cannot be read: {answer.status} {answer.body[:200]}")
                elif fixture.sha256(answer.body) != told["sha256"]:
                    self.wrong(f"{told['id']} is not what was sent")

    def check(self):
        """How many are there."""
        there = []
        for claim, sent in self.sent.items():
            listed = self.gw.list_all(claim, self.gw.manager, limit=200)
            there += listed
            count = collections.Counter((a["sha256"], a["size"]) for a in listed)
            for wanted in sent.items():
                if count[wanted] != 1:
                    self.wrong(f"{wanted} is there {count[wanted]} times")
            for other in set(count) - set(sent.items()):
                self.wrong(f"{other} is there, and nobody sent it")
        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self.read_back, [there[n::READERS] for n in range(READERS)]))
        return len(there)

    def commands(self):
        for argv in (("scrub", "--config", self.gw.config),
                     ("log", "verify", "--config", self.gw.config)):
            done = self.gw.command(*argv, check=False, timeout=600)
            if done.returncode != 0:
                self.wrong(f"{argv[0]}: exit {done.returncode}: "
                           f"{(done.stdout + done.stderr).decode()[-1000:]}")


def run(campaign, arguments, name):
    """Runs it, keeps the logs where something is wrong; the exit status."""
    print(f"seed {arguments.seed}, folder {campaign.gw.folder}", flush=True)
    good = False
    try:
        good = campaign.run()
    finally:
        campaign.close()
        if campaign.gw.alive():
            campaign.gw.kill()
        if not good:
            print(campaign.gw.keep_logs(name), flush=True)
        if not arguments.keep:
            campaign.gw.remove()
    problems = campaign.arrivals.problems
    print("good" if good else f"{len(problems)} things are wrong", flush=True)
    return 0 if good else 1
