"""Reports for organizations: sign up, make reports up to the plan's limit, change the plan.

ALLOT_URL, ALLOT_CLIENT_ID and ALLOT_CLIENT_SECRET say where Allot is.
A real app learns the organization from its sign-in, not from a header.
"""

from flask import Flask, g, request

from allot import Allot, AllotError
from allot.flask import Gate

app = Flask(__name__)
allot = Allot()


def organization():
    code = request.headers.get("X-Org")
    return {"org_code": code} if code else None


@app.post("/signup")
def sign_up():
    customer = allot.customers.ensure(org_code=request.json["org"], plan_code="free")
    return {"plan": customer.agreements[0].plan_code}


@app.post("/reports")
@Gate(allot, "reports", customer=organization)
def make_report():
    return {"report": "done", "left": str(g.allot.remaining)}


@app.get("/sso")
@Gate(allot, "sso", customer=organization, mode="check")
def single_sign_on():
    return {"sso": "on"}


@app.post("/plan")
def change_plan():
    agreement = allot.agreements.subscribe(organization(), request.json["plan"])
    return {"plan": agreement.plan_code}


@app.errorhandler(AllotError)
def fault(error):
    return {"error": error.code}, 503
