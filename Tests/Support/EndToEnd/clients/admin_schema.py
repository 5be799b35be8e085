"""Asks the admin API of a running certd for everything that its OpenAPI document has, in ways right and wrong.

admin_schema.py URL TOKEN: the address of the admin API, and a token that may change something.
"""

import sys

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

url, token = sys.argv[1], sys.argv[2]
headers = {"Authorization": f"Bearer {token}"}
# Another program would take the place of the one that is asked: upgrade.py asks for that.
schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers).exclude(path="/upgrade")
checks = [content_type_conformance, response_schema_conformance, status_code_conformance]
asked = []

for result in schema.get_all_operations():
    operation = result.ok()
    if operation.path == "/events":  # has no end
        continue

    @given(case=operation.as_strategy())
    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        response = case.call(headers=headers)
        asked.append(response.status_code)
        case.validate_response(response, checks=checks)

    ask()

print(f"asked {len(asked)} times: {sorted(set(asked))}")
print("all ok")
