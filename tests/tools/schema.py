# SPDX-License-Identifier: MIT
"""Holds what the tool prints with --json against doc/ntmem.schema.json.

schema.py SUBCOMMAND FILE: the exit status says whether all that is in FILE, one
object or one in each line, is as the schema says.
"""

import json
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
SCHEMA = os.path.join(TOP, "doc/ntmem.schema.json")


def objects(text):
    """The values that follow each other in text."""
    decoder, at, values = json.JSONDecoder(), 0, []
    text = text.strip()
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        values.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return values


def problems(subcommand, text):
    """What is wrong: a list of texts."""
    import jsonschema

    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(dict(schema, **{
        "$ref": "#/definitions/" + subcommand}))
    try:
        values = objects(text)
    except ValueError as error:
        return ["no JSON: %s" % error]
    if not values:
        return ["nothing was printed"]
    return ["%s: %s" % (list(error.path), error.message)
            for value in values for error in validator.iter_errors(value)]


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        found = problems(sys.argv[1], file.read())
    for problem in found:
        print(problem)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
