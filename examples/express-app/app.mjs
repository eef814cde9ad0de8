// Reports for organizations: sign up, make reports up to the plan's limit, change the plan.
//
// ALLOT_URL, ALLOT_CLIENT_ID and ALLOT_CLIENT_SECRET say where Allot is.
// A real app learns the organization from its sign-in, not from a header.

import express from "express";
import { Allot, AllotError } from "@allot-dev/allot";
import { gate } from "@allot-dev/allot/express";

const allot = new Allot();
const app = express();
app.use(express.json());

const customer = (req) => (req.get("X-Org") ? { org_code: req.get("X-Org") } : null);

app.post("/signup", async (req, res) => {
  const made = await allot.customers.ensure({ org_code: req.body.org, plan_code: "free" });
  res.json({ plan: made.agreements[0].plan_code });
});

app.post("/reports", gate(allot, "reports", { customer }), (req, res) => {
  res.json({ report: "done", left: res.locals.allot.remaining });
});

app.get("/sso", gate(allot, "sso", { customer, mode: "check" }), (req, res) => {
  res.json({ sso: "on" });
});

app.post("/plan", async (req, res) => {
  const agreement = await allot.agreements.subscribe(customer(req), req.body.plan);
  res.json({ plan: agreement.plan_code });
});

app.use((error, req, res, next) => {
  if (!(error instanceof AllotError)) return next(error);
  res.status(503).json({ error: error.code });
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening on ${server.address().port}`));
