#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what CONTRIBUTING forbids in the C++ of src/: long functions, the comma operator as glue, names that are
declared and never used, types that share a name, findings that are changed after the diagnosis. It reads text as clang-format leaves it, so it
needs no compiler.

usage: check_code.py functions|commas|dead|types|findings SOURCE_DIR
Exit: 0 all holds, 1 something does not (a line each), 2 there was nothing to look at.
"""
import collections
import re

from check_includes import FOR_TESTS, is_cpp, run, text_of, tracked_files

MAX_FUNCTION = 60
# Blanked, line by line, before anything is looked for: comments, strings and characters.
OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
NO_FUNCTION = re.compile(r"^\s*(namespace|struct|class|enum|union|extern|static_assert|using|#)\b|=\s*\{?$|^\s*(const|constexpr|inline "
                         r"constexpr|static constexpr)\b[^(]*\{$")
TEMPLATE_ARGUMENTS = re.compile(r"(?<=\w)<[^<>;(){}]*>")
# A statement, not a declaration: `return ...`, `name = ...`, `call(...)`, `--name`.
GLUABLE = re.compile(r"^(?:(?:if|while|for) \(.*\) |else )*(?:return\b|throw\b|[-+*(]|[\w.:\[\]>-]+\s*(?:[-+*/|&^]?=(?!=)|\())")
DECLARED = re.compile(r"^(?:  )?(?=\S)(?!return\b|using\b|friend\b|#)(?:[\w:<>,*&\[\] ]|\(\*\))*?[\w>*&\]] [*&]?(\w+)\((?!\*)[^;{}]*\)[^;{}]*;", re.M)

# What reads findings, and what would be written into one there.
BEHIND_DIAGNOSIS = ("src/cli/", "src/report/", "src/rescue/")
CHANGES_FINDING = re.compile(r"\badd_evidence\s*\(|\.(?:evidence|remedies|refuted_by|next_evidence|chain|victims|unproved)\."
                             r"(?:push_back|emplace_back|insert|clear)\s*\(|(?<!\bplan)\.(?:confidence|summary)\s*\+?=(?!=)")


def plain(text):
    """The code alone: every comment and literal is blank, the lines stay where they are."""
    return OPAQUE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def sources(root):
    for name in filter(is_cpp, tracked_files(root)):
        if not FOR_TESTS.search(name):
            yield name, plain(text_of(root, name))


def functions_of(code):
    """(line, length) of each function body: from its first line to the brace that closes it in the same column."""
    start = indent = None
    head = ""
    for number, line in enumerate(code.splitlines(), 1):
        if start is not None:
            if re.match(rf"^ {{{indent}}}\}}", line):
                yield start, number - start + 1
                start = None
            continue
        head = line if re.match(r"^(  )?\S", line) and not re.match(r"^(  )?[})]", line) else head
        if line.endswith("{") and "(" in head and not NO_FUNCTION.search(head):
            start, indent = number, len(head) - len(head.lstrip())


def check_functions(root):
    problems, looked = [], 0
    for name, code in sources(root):
        for number, length in functions_of(code):
            looked += 1
            if length > MAX_FUNCTION:
                problems.append(f"{name}:{number}: a function of {length} lines; at most {MAX_FUNCTION}: split it by what it does")
    return problems, looked


def outside_brackets(statement):
    """The statement without what stands in brackets or between template angles."""
    statement = TEMPLATE_ARGUMENTS.sub("", statement)
    depth, out = 0, []
    for letter in statement:
        depth -= letter in ")]"
        if depth <= 0:
            out.append(letter)
        depth += letter in "(["
    return "".join(out)


def statements_of(code):
    """(line, statement) for each that a semicolon ends; the semicolons of a `for (...)` end none."""
    depth, begin = 0, 0
    for found in re.finditer(r"[(){};]", code):
        letter = found.group()
        depth += (letter == "(") - (letter == ")")
        if letter not in "(){};" or letter in "()" or depth > 0:
            continue
        if letter == ";":
            text = code[begin:found.end()]
            yield code.count("\n", 0, begin + len(text) - len(text.lstrip())) + 1, " ".join(text.split())
        begin = found.end()


def check_commas(root):
    """No `return a(), b;` and no `a = 1, b = 2;`: two statements are two statements."""
    problems, looked = [], 0
    for name, code in sources(root):
        code = re.sub(r"^\s*#.*", "", code, flags=re.M)
        inner = re.compile(r"(?<!\) )\{[^{};]*\}")  # initialisers; their lines stay
        while inner.search(code):
            code = inner.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), code)
        for number, statement in statements_of(code):
            looked += 1
            if GLUABLE.match(statement) and "," in outside_brackets(statement):
                problems.append(f"{name}:{number}: two statements joined by a comma: {statement[:80]}")
    return problems, looked


def check_dead(root):
    """Every function that a header of src/ declares is called somewhere: not only declared and defined."""
    words = collections.Counter()
    declared = {}
    for name in tracked_files(root):
        if not name.endswith((".cpp", ".hpp", ".inc")):
            continue
        code = plain(text_of(root, name))
        words.update(re.findall(r"\w+", code))
        if name.startswith("src/") and name.endswith(".hpp") and not FOR_TESTS.search(name):
            for found in DECLARED.finditer(code):
                declared.setdefault(found.group(1), []).append(f"{name}:{code.count(chr(10), 0, found.start(1)) + 1}")
        for found in re.finditer(r"^(?:[\w:<>,*&\[\]]+ )*[*&]?(?:\w+::)*(\w+)\([^;]*?\)[^;()]*\{$", code, re.M):
            words[found.group(1)] -= 1  # a definition is not a use
    problems = [f"{place}: {word}() is declared and never called"
                for word, places in declared.items() for place in places if words[word] - len(places) <= 0]
    return sorted(problems), sum(map(len, declared.values()))


def check_findings(root):
    """A finding is done when diagnose() returns: who shows it or acts on it changes nothing in it."""
    problems, looked = [], 0
    for name, code in sources(root):
        if not name.startswith(BEHIND_DIAGNOSIS):
            continue
        for number, line in enumerate(code.splitlines(), 1):
            looked += 1
            if CHANGES_FINDING.search(line):
                problems.append(f"{name}:{number}: changes a finding; only src/diagnosis may: {line.strip()[:80]}")
    return problems, looked


def types_of(code):
    """(namespace, name, line) of each class, struct and enum that a namespace defines; none of anonymous ones."""
    spaces, open_body = [], False
    for number, line in enumerate(code.splitlines(), 1):
        space = re.match(r"^namespace\b ?([\w:]*) ?\{", line)
        if space:
            spaces.append(space.group(1))
        elif re.match(r"^\}\s*$", line) and spaces and not open_body:
            spaces.pop()
        found = re.match(r"^(?:class|struct|enum class|enum) (\w+)(?: final)?(?: : [^;(]*)? \{", line)
        if found and "" not in spaces:
            yield "::".join(spaces), found.group(1), number
        if not space:
            open_body = bool(re.match(r"^[^\s}].*\{\s*$", line)) or (number > 1 and open_body and not line.startswith("}"))


def check_types(root):
    """No two types of one namespace share a name: they would link, and crash."""
    seen, problems = {}, []
    for name, code in sources(root):
        for space, word, number in types_of(code):
            first = seen.setdefault((space, word), f"{name}:{number}")
            if first != f"{name}:{number}":
                problems.append(f"{name}:{number}: {space}::{word} is also defined in {first}")
    return problems, len(seen)


CHECKS = {"functions": check_functions, "commas": check_commas, "dead": check_dead, "findings": check_findings,
          "types": check_types}


if __name__ == "__main__":
    run(CHECKS, __doc__)
