#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A check that nothing can fail holds nothing: each check is given a tree that breaks its rule."""
import os
import tempfile
import unittest

import check_code
import check_includes as checks

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for room in checks.MAY_INCLUDE:
            self.write(f"src/{room}/a.hpp", LICENCE)

    def write(self, name, content):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(content)


class Includes(Tree):
    def test_arrows(self):
        rows = [  # who, what, whether it may
            ("snapshot", "util/a.hpp", True),
            ("util", "snapshot/a.hpp", False),
            ("snapshot", "sources/text/a.hpp", False),
            ("sources/procfs", "sources/text/a.hpp", True),
            ("sources/text", "sources/procfs/a.hpp", False),
            ("sources/model", "kernel/a.hpp", True),
            ("sources/text", "kernel/a.hpp", False),
            ("diagnosis", "sources/procfs/a.hpp", False),
            ("diagnosis", "diagnosis/a.hpp", True),
            ("explorer", "kernel/a.hpp", False),
            ("kernel", "explorer/a.hpp", False),
            ("kernel", "check/a.hpp", False),
            ("check", "explorer/a.hpp", True),
            ("check", "report/a.hpp", False),
            ("report", "check/a.hpp", True),
            ("report", "explorer/a.hpp", False),
            ("report", "cli/a.hpp", False),
            ("cli", "sources/procfs/a.hpp", True),
            ("cli", "missing/a.hpp", False),
            ("cli", "../src/util/a.hpp", False),
        ]
        for room, target, may in rows:
            with self.subTest(room=room, target=target):
                self.write(f"src/{room}/b.cpp", f'#include <vector>\n  # include "{target}"\n')
                problems, looked = checks.check_includes(self.root)
                self.assertEqual(looked, 1)
                self.assertEqual(not problems, may, problems)
                os.unlink(os.path.join(self.root, f"src/{room}/b.cpp"))

    def test_tests_see_all_and_a_new_room_must_be_named(self):
        self.write("src/util/b_test.cpp", '#include "cli/a.hpp"\n')
        self.assertEqual(checks.check_includes(self.root), ([], 0))
        self.write("src/attic/b.cpp", "")
        self.assertIn("no room", checks.check_includes(self.root)[0][0])


class Words(Tree):
    def test_code_counts_and_comments_and_texts_do_not(self):
        rows = [("int next_pid = 0;", 1), ("struct SignalSet;", 1), ("bool signal_set;", 1), ("int cpus;", 1), ("k_RCU", 1), ("io_uring x;", 1),
                ("int x;  // a pid", 0), ("/* rcu\n kernel */ int y;", 0), ('f("io_uring");', 0),
                ("int rapid = 0, kernels = 1;", 1)]
        for code, wrong in rows:
            with self.subTest(code=code):
                self.write("src/explorer/b.hpp", code + "\n")
                self.assertEqual(len(checks.check_words(self.root)[0]), wrong)


class Files(Tree):
    def test_rows(self):
        rows = [
            ("src/util/b.cpp", "int x;\n", "no SPDX"),
            ("run", "#!/bin/bash\n", "no SPDX"),
            ("src/util/b.cpp", LICENCE + "\n" * checks.MAX_LINES, "lines"),
            ("src/util/b_test.cpp", LICENCE + "\n" * checks.MAX_LINES, ""),
            ("src/util/b_test.cpp", LICENCE + "\n" * checks.MAX_TEST_LINES, "lines"),
            ("docs/page.md", "see /" + "home/me/notes\n", "somebody's machine"),
            ("docs/page.md", "see src/" + "work/notes and /proc/1\n", ""),
            ("tests/cases/x/capture.txt", "/" + "home/somebody/core\n", ""),
            ("docs/page.md", "no licence line in a page\n", ""),
        ]
        for name, content, problem in rows:
            with self.subTest(name=name, content=content[:40]):
                self.write(name, content)
                problems, _ = checks.check_files(self.root)
                self.assertEqual(len(problems), 1 if problem else 0, problems)
                self.assertIn(problem, "".join(problems))
                os.unlink(os.path.join(self.root, name))


class Code(Tree):
    def wrong(self, check, code, uses=""):
        self.write("src/util/b.hpp", LICENCE + code)
        self.write("src/util/c.cpp", LICENCE + uses)
        return check(self.root)[0]

    def test_long_functions(self):
        body = "  f();\n" * (check_code.MAX_FUNCTION - 1)
        rows = [  # code, whether it is too long
            ("void g() {\n" + body + "}\n", True),
            ("void g() {\n" + body[:-7] + "}\n", False),
            ("void g(int a,\n       int b) {\n" + body + "}\n", True),
            ("struct S {\n  void g() const {\n" + body + "  }\n};\n", True),
            ("namespace a {\n" + "int x();\n" * 70 + "}\n", False),
            ("constexpr int k_rows[] = {\n" + "  f(1),\n" * 70 + "};\n", False),
        ]
        for code, wrong in rows:
            with self.subTest(code=code[:50]):
                self.assertEqual(len(self.wrong(check_code.check_functions, code)), wrong)

    def test_commas_that_join_statements(self):
        rows = [
            ("return leave(), true;", 1), ("a = 1, b = 2;", 1), ("if (x) y.z = 1, w = 2;", 1), ("next(line), next(line);", 1),
            ("return f(1, 2);", 0), ("for (int i = 0, j = 1; i < j; ++i, ++j) f(i, j);", 0), ("int a = 1, b = 2;", 0),
            ("return std::pair<int, int>{1, 2};", 0), ("return {1, 2};", 0), ('f("a, b");', 0), ("return x;  // a, b", 0),
            ("const auto f = [&](int a, int b) { return a; };", 0), ("S(int a, int b) : a_(a), b_(b) {}\n  int c;", 0),
        ]
        for code, wrong in rows:
            with self.subTest(code=code):
                self.assertEqual(len(self.wrong(check_code.check_commas, f"void g() {{\n  {code}\n}}\n")), wrong)

    def test_findings_that_are_changed_after_the_diagnosis(self):
        rows = [("finding.evidence.push_back(one);", 1), ('finding.add_evidence("a", "b");', 1), ("x.confidence = y;", 1),
                ("if (x.confidence == y) f();", 0), ("out.push_back(finding.evidence);", 0)]
        for room, most in (("cli", 1), ("report", 1), ("rescue", 1), ("diagnosis", 0)):
            for code, wrong in rows:
                with self.subTest(room=room, code=code):
                    self.write(f"src/{room}/a.cpp", LICENCE + f"void g() {{\n  {code}\n}}\n")
                    self.assertEqual(len(check_code.check_findings(self.root)[0]), min(wrong, most))
                    os.unlink(os.path.join(self.root, f"src/{room}/a.cpp"))

    def test_types_that_share_a_name(self):
        rows = [  # two sources, whether their types would clash
            ("namespace unzap {\nstruct A {\n};\n}\n", "namespace unzap {\nclass A final : public B {\n};\n}\n", True),
            ("namespace unzap {\nstruct A {\n};\n}\n", "namespace unzap {\nnamespace {\nstruct A {\n};\n}\n}\n", False),
            ("namespace unzap {\nstruct A {\n};\n}\n", "namespace unzap::text {\nstruct A {\n};\n}\n", False),
            ("namespace unzap {\nstruct A {\n};\n}\n", "namespace unzap {\nstruct A::B {\n};\nstruct A;\n}\n", False),
        ]
        for header, source, clash in rows:
            with self.subTest(source=source):
                self.assertEqual(len(self.wrong(check_code.check_types, header, source)), clash)

    def test_dead_declarations(self):
        defined = "void lost() {\n}\n"
        self.assertEqual(len(self.wrong(check_code.check_dead, "void lost();\n", defined)), 1)
        self.assertEqual(self.wrong(check_code.check_dead, "void lost();\n", defined + "int x() {\n  lost();\n}\n"), [])
        self.assertEqual(len(self.wrong(check_code.check_dead, "struct S {\n  bool lost() const;\n};\n")), 1)


if __name__ == "__main__":
    unittest.main()
