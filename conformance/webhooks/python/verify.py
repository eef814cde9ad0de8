"""Other people's verifier, unmodified, on what Allot has sent: standardwebhooks.

Usage: verify.py < messages.json
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

run = json.load(sys.stdin)
verifier = Webhook(run["secret"])
verified = 0
for message in run["messages"]:
    if message["path"] != "/standard":
        continue
    body, headers = message["body"], message["headers"]
    assert verifier.verify(body, headers)["id"] == json.loads(body)["id"]
    for wrong_body, wrong_headers in [(body + " ", headers), (body, {**headers, "webhook-timestamp": "1"})]:
        try:
            verifier.verify(wrong_body, wrong_headers)
            raise SystemExit("it verifies what was changed")
        except WebhookVerificationError:
            pass
    verified += 1
print(json.dumps({"verified": verified}))
