"""What openapi.yaml says of all operations in its introduction, said of each of them.

An empty optional parameter of a query is absent, and so is null of an optional field of a
body, but in a PATCH. To write that into each schema would make every such field of a
generated client one that can be null.
"""

import schemathesis


@schemathesis.hook
def before_load_schema(context, raw_schema):
    components = raw_schema["components"]

    def resolved(value):
        while "$ref" in value:
            kind, name = value["$ref"].split("/")[2:]
            value = components[kind][name]
        return value

    for path in raw_schema["paths"].values():
        for method, operation in path.items():
            if not isinstance(operation, dict):
                continue
            for parameter in map(resolved, operation.get("parameters", [])):
                scalar = parameter["schema"].get("type") != "array"
                if parameter["in"] == "query" and scalar and not parameter.get("required"):
                    parameter["schema"] = {"anyOf": [parameter["schema"], {"enum": [""]}]}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body and method != "patch":
                schema = resolved(body["schema"])
                for name, field in schema.get("properties", {}).items():
                    if name not in schema.get("required", []):
                        schema["properties"][name] = {"allOf": [field], "nullable": True}
