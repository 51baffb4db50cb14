"""What the tests of medical reports share: forms of invented people, and multipart bodies."""

import copy
import random
import uuid

FORM = {
    "form": "sr1",
    "patient": {"name": "Zoë O’Invented", "address": "1 High Street\nLeeds", "postcode": "LS1 1AA",
                "date_of_birth": "1950-02-28"},
    "diagnosis": "An invented illness",
    "date_of_diagnosis": "2025-06-01",
    "date_criteria_met": "2025-07-02",
    "other_diagnoses": "Another",
    "patient_aware_of_diagnosis": True,
    "patient_aware_of_prognosis": False,
    "representative": {"name": "Rae Invented", "address": "2 High Street"},
    "clinical_features": "Features – with a dash & <marks>",
    "treatment": "Treatment in €",
    "declaration": {"role": "general_practitioner", "gmc_number": "1234567", "name": "Dr Gray",
                    "address": "3 High Street", "postcode": "LS1 1AB", "phone": "0113 496 0000"},
}


def nino():
    return "AB" + "".join(random.choices("0123456789", k=6)) + random.choice("ABCD")


def form(number=None, **members):
    """A form of somebody who is nobody else; `patient` is merged."""
    made = copy.deepcopy(FORM)
    made["patient"]["nino"] = number or nino()
    made["patient"].update(members.pop("patient", {}))
    made.update(members)
    return made


def claimant(report, name=None):
    """The `claimant` of a claim of the same person."""
    patient = report["patient"]
    return {"subject": f"c-{uuid.uuid4()}", "name": name or patient["name"],
            "date_of_birth": patient["date_of_birth"], "nino": patient["nino"]}


def multipart(*parts):
    """(name, value) for a field, (name, value, filename, type) for a file; body and headers."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, value, *more in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        if more:
            head += f'; filename="{more[0]}"\r\nContent-Type: {more[1]}'
        data = value if isinstance(value, bytes) else value.encode()
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
