#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `unzap check --trace FILE` from outside: each format is well-formed and says the same as the JSON.

usage: trace_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
SCENARIOS = sorted(name[:-5] for name in os.listdir(os.path.join(SOURCE, "scenarios")) if name.endswith(".toml"))
with open(os.path.join(SOURCE, "docs/schema/trace.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)
EXTENSIONS = (".txt", ".json", ".itf.json", ".perfetto.json", ".dot", ".mmd")


def run(*arguments):
    return subprocess.run([UNZAP, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False,
                          text=True)


class Dot:
    """As much of the DOT language as is written here: statements of ids, quoted strings, attributes, edges."""
    TOKEN = re.compile(r'\s*("(?:\\.|[^"\\])*"|[A-Za-z_]\w*|#?[\d.]+|->|[{}\[\]=,;])')

    def __init__(self, text):
        self.tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            found = self.TOKEN.match(text, at)
            assert found, f"no DOT at: {text[at:at + 60]!r}"
            self.tokens.append(found.group(1))
            at = found.end()
        self.nodes, self.edges = {}, []
        assert self.tokens.pop(0) == "digraph"
        self.tokens.pop(0)
        self.block()
        assert not self.tokens, self.tokens[:5]

    def block(self):
        assert self.tokens.pop(0) == "{"
        while self.tokens[0] != "}":
            self.statement()
        self.tokens.pop(0)

    def statement(self):
        head = self.tokens.pop(0)
        if head == "subgraph":
            self.tokens.pop(0)
            return self.block()
        other = None
        if self.tokens[0] == "=":
            self.tokens.pop(0)
            self.tokens.pop(0)
        elif self.tokens[0] == "->":
            self.tokens.pop(0)
            other = self.tokens.pop(0)
        attributes = self.attributes() if self.tokens[0] == "[" else {}
        if other:
            self.edges.append((head, other))
        else:
            self.nodes[head] = attributes
        assert self.tokens.pop(0) == ";", (head, other)
        return None

    def attributes(self):
        self.tokens.pop(0)
        out = {}
        while self.tokens[0] != "]":
            name = self.tokens.pop(0)
            assert self.tokens.pop(0) == "=", name
            out[name] = self.tokens.pop(0).strip('"')
            if self.tokens[0] == ",":
                self.tokens.pop(0)
        self.tokens.pop(0)
        return out


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def traces(self, *arguments):
        """The answer as JSON, and the files."""
        files = {one: self.path("trace" + one) for one in EXTENSIONS}
        result = run("check", *arguments, "--json", *(word for file in files.values() for word in ("--trace", file)))
        self.assertIn(result.returncode, (13, 14), result.stderr)
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout), {one: self.read("trace" + one) for one in files}


class EveryFormat(Case):
    def test_lockups_and_busy_waits(self):
        """The document's livelock, a busy wait, a deadlock without a loop, one that is doomed from the start."""
        for arguments in (("npm-zombie",), ("npm-zombie", "--preempt", "full"), ("injected-zombie",), ("one-cpu",)):
            with self.subTest(arguments=arguments):
                document, files = self.traces(*arguments)
                self.look_at_json(document, json.loads(files[".json"]))
                self.look_at_itf(document, json.loads(files[".itf.json"]))
                self.look_at_perfetto(document, json.loads(files[".perfetto.json"]))
                self.look_at_dot(document, Dot(files[".dot"]))
                self.look_at_mermaid(document, files[".mmd"])
                self.assertIn(document["verdict"].upper(), files[".txt"].splitlines()[0])
                self.assertNotIn("\x1b", files[".txt"])

    def look_at_json(self, document, trace):
        jsonschema.Draft202012Validator(SCHEMA).validate(trace)
        self.assertEqual((trace["format"], trace["schema_version"]), ("unzap-trace", 1))
        self.assertIn(f'name = "{document["scenario"]}"', trace["scenario"]["text"])
        self.assertEqual(trace["switches"], {**document["fixes"], **document["switches"]})
        for mine, theirs in (("steps", "trace"), ("loop", "loop")):
            self.assertEqual([(one["step"], one["function"], one["text"]) for one in trace[mine]],
                             [(one["step"], one["function"], one["text"]) for one in document[theirs]])
        for step in trace["steps"] + trace["loop"]:
            self.assertRegex(step["digest"], r"^[0-9a-f]{16}$")
            self.assertEqual(len(step["after"]), len(trace["tasks"]))
        if trace["loop"]:
            last = trace["steps"][-1]["digest"] if trace["steps"] else trace["start"]["digest"]
            self.assertEqual(trace["loop"][-1]["digest"], last, "the loop leads back to where it began")

    def look_at_itf(self, document, trace):
        self.assertEqual(trace["#meta"]["format"], "ITF")
        for index, state in enumerate(trace["states"]):
            self.assertEqual(state["#meta"]["index"], index)
            self.assertEqual(sorted(set(state) - {"#meta"}), sorted(trace["vars"]))
            self.assertEqual(state["step"]["number"], {"#bigint": str(index)})
            self.assertEqual([name for name, _ in state["tasks"]["#map"]],
                             [name for name, _ in trace["states"][0]["tasks"]["#map"]])
        if document["loop"]:
            self.assertEqual(trace["loop"], len(document["trace"]))
            self.assertEqual(len(trace["states"]), len(document["trace"]) + len(document["loop"]))
        else:
            self.assertNotIn("loop", trace)
            self.assertEqual(len(trace["states"]), len(document["trace"]) + 1)
        if document["trap"]:
            fatal = document["trap"]["fatal_step"]
            self.assertEqual([state["can_end"] for state in trace["states"]],
                             [index < fatal for index in range(len(trace["states"]))])

    def look_at_perfetto(self, document, trace):
        rows, names = {}, set()
        for event in trace["traceEvents"]:
            self.assertIn(event["ph"], ("M", "X", "i"))
            if event["ph"] == "M":
                names.add(event["args"].get("name"))
            elif event["ph"] == "X":
                self.assertGreater(event["dur"], 0)
                rows.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
            else:
                self.assertIn(event["s"], ("g", "t"))
        for row, slices in rows.items():  # slices of a row lie one behind the other, or one within the other
            inner = []
            for begin, end in sorted(slices, key=lambda one: (one[0], -one[1])):
                while inner and inner[-1] <= begin:
                    inner.pop()
                self.assertTrue(not inner or end <= inner[-1], f"slices of {row} overlap at {begin}")
                inner.append(end)
        self.assertLessEqual({f"CPU {cpu}" for cpu in range(document["cpus"])}, names)
        functions = {event["name"].split(": ")[-1] for event in trace["traceEvents"]}
        self.assertLessEqual({step["function"] for step in document["trace"] + document["loop"]}, functions)
        fatal = [event["name"] for event in trace["traceEvents"] if event["name"].startswith("FATAL STEP")]
        wanted = document["trap"]["fatal_step"] if document["trap"] else 0
        self.assertEqual(fatal, [f"FATAL STEP {wanted}"] if wanted else [])

    def look_at_dot(self, document, graph):
        steps = [f"s{step['step']}" for step in document["trace"] + document["loop"]]
        self.assertEqual([name for name in graph.nodes if re.fullmatch(r"s\d+", name)], steps)
        self.assertEqual(graph.edges[:len(steps)], list(zip(["start", *steps], steps)))
        back = [(steps[-1], steps[len(document["trace"])])] if document["loop"] else []
        self.assertEqual(graph.edges[len(steps):], back)
        fatal = [name for name, one in graph.nodes.items() if one.get("xlabel") == "FATAL"]
        wanted = document["trap"]["fatal_step"] if document["trap"] else 0
        self.assertEqual(fatal, [f"s{wanted}"] if wanted else [])

    def look_at_mermaid(self, document, text):
        lines = [line.strip() for line in text.splitlines()]
        self.assertEqual(lines[0], "sequenceDiagram")
        line = re.compile(r"participant T\d+ as [^;#]+|Note over T\d+(,T\d+)?: .+|T\d+->>T\d+: .+|loop .+|end")
        for one in lines[1:]:
            self.assertRegex(one, rf"^({line.pattern})$")
            self.assertNotIn(";", re.sub(r"#(35|59|lt|gt);", "", one), "a semicolon would end the line")
        self.assertEqual(lines.count("end"), 1 if document["loop"] else 0)
        told = {int(number) for number in re.findall(r": (\d+)\.", text)}
        self.assertEqual(told, {step["step"] for step in document["trace"] + document["loop"]})

    def test_signals_are_arrows_and_events(self):
        _, files = self.traces("npm-zombie")
        worker = re.search(r"participant (T\d+) as iou-wrk", files[".mmd"]).group(1)
        self.assertRegex(files[".mmd"], rf"T0->>{worker}: \d+\. io_wq_put_and_exit: .*TIF_NOTIFY_SIGNAL")
        events = json.loads(files[".perfetto.json"])["traceEvents"]
        self.assertIn("npm start", [event["args"]["by"] for event in events if event["name"] == "TIF_NOTIFY_SIGNAL set"])


class Mistakes(Case):
    def refused(self, code, *arguments):
        result = run("check", *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        return result.stderr

    def test_are_told_before_the_work(self):
        for name in ("trace.svg", "trace", "trace.json.gz"):
            with self.subTest(name=name):
                message = self.refused(64, "npm-zombie", "--trace", self.path(name))
                for extension in EXTENSIONS:
                    self.assertIn(extension, message)
        self.assertIn("standard output", self.refused(64, "npm-zombie", "--trace", "-"))
        self.assertIn("--matrix", self.refused(64, "npm-zombie", "--matrix", "--trace", self.path("a.dot")))
        self.refused(66, "npm-zombie", "--trace", self.path("no/such/folder.dot"))
        os.mkdir(self.path("folder.dot"))
        self.refused(64, "npm-zombie", "--trace", self.path("folder.dot"))

    def test_a_proof_has_no_trace(self):
        result = run("check", "npm-zombie", "--kernel", "v5.15.162", "--trace", self.path("a.dot"))
        self.assertEqual(result.returncode, 0)
        self.assertIn("no counterexample", result.stderr)
        self.assertFalse(os.path.exists(self.path("a.dot")))

    def test_an_old_trace_is_replaced(self):
        with open(self.path("a.dot"), "w", encoding="utf-8") as old:
            old.write("old")
        self.assertEqual(run("check", "npm-zombie", "--trace", self.path("a.dot")).returncode, 13)
        Dot(self.read("a.dot"))


class EveryScenario(Case):
    def test_every_counterexample_can_be_written(self):
        for name in SCENARIOS:
            with self.subTest(scenario=name):
                files = [self.path(name + one) for one in (".dot", ".json")]
                result = run("check", name, "-q", *(word for file in files for word in ("--trace", file)))
                if result.returncode in (13, 14):
                    Dot(self.read(name + ".dot"))
                    json.loads(self.read(name + ".json"))
                else:
                    self.assertEqual(result.returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
