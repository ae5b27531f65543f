"""Python's own configparser as an oracle for tests: one JSON request a line, one JSON answer a line."""
import base64
import configparser
import io
import json
import sys


def parser():
    return configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation())


def parse(data):
    result = parser()
    try:
        result.read_file(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
    except configparser.Error as error:
        lines = [error.lineno] if hasattr(error, "lineno") else [line for line, _ in error.errors]
        return {"error": type(error).__name__, "lines": lines}, None
    sections = [[name, result.items(name, raw=True)] for name in result.sections()]
    return {"sections": sections}, result


def read(total, section, option):
    try:
        return {"value": total.get(section, option)}
    except configparser.InterpolationError as error:
        return {"error": type(error).__name__}


def pour(files):
    total = parser()
    for file in files:
        for name in file.sections():
            if not total.has_section(name):
                total.add_section(name)
            for option, value in file.items(name, raw=True):
                try:
                    total.set(name, option, value)
                except ValueError:
                    return {"error": "ValueError"}
    text = io.StringIO()
    total.write(text)
    values = [
        [name, [[option, read(total, name, option)] for option in total.options(name)]]
        for name in total.sections()
    ]
    return {"values": values, "text": text.getvalue()}


for request in sys.stdin:
    answers = [parse(base64.b64decode(data)) for data in json.loads(request)]
    complete = all(file is not None for _, file in answers)
    poured = pour([file for _, file in answers]) if complete else None
    print(json.dumps({"files": [answer for answer, _ in answers], "poured": poured}), flush=True)
